from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bixarena_constructs.worker.ranking.replicate_summary import (
    centred_scores,
    percentile_bounds,
    probability_above,
    probability_best,
    rank_bounds,
)

INF, NAN = np.inf, np.nan


def test_bounds_interpolate_between_order_statistics_as_numpy_does() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 1000))
    lower, upper = percentile_bounds(scores, 0.95)
    # The same formula in another order of operations.
    assert lower == pytest.approx(np.quantile(scores, 0.025, axis=1), rel=1e-12)
    assert upper == pytest.approx(np.quantile(scores, 0.975, axis=1), rel=1e-12)


def test_bounds_of_one_round_are_its_scores() -> None:
    lower, upper = percentile_bounds(np.array([[7.0]]), 0.95)
    assert (lower.tolist(), upper.tolist()) == ([7.0], [7.0])


def test_an_infinite_round_makes_a_bound_infinite_only_where_it_counts() -> None:
    scores = np.linspace(0, 1, 100)
    # A tail of 5 % of 100 rounds lies between the fifth and the sixth of them.
    few, many = scores.copy(), scores.copy()
    few[-4:] = INF
    many[-6:] = INF
    _, upper = percentile_bounds(np.array([few, many]), 0.9)
    assert np.isfinite(upper[0])
    assert upper[1] == INF


def test_the_wider_of_two_neighbours_counts_when_one_is_infinite() -> None:
    scores = np.array([[0.0, 1, 2, INF], [-INF, 0, 1, 2]])
    lower, upper = percentile_bounds(scores, 0.5)
    assert upper[0] == INF
    assert lower[1] == -INF


def test_unknown_scores_count_at_both_ends() -> None:
    lower, upper = percentile_bounds(np.array([[1.0, 2, 3, NAN, NAN]]), 0.5)
    assert (lower.tolist(), upper.tolist()) == ([-INF], [INF])


def test_places_count_the_models_above() -> None:
    # b is first in the last of five rounds.
    scores = np.array([[3.0, 3, 3, 3, 3], [2.0, 2, 2, 2, 4], [1.0, 1, 1, 1, 1]])
    low, high = rank_bounds(scores, 0.5)
    assert (low.tolist(), high.tolist()) == ([1, 2, 3], [1, 2, 3])
    low, high = rank_bounds(scores, 0.999)
    assert (low.tolist(), high.tolist()) == ([1, 1, 3], [2, 2, 3])


def test_equal_scores_may_claim_any_of_the_places_they_share() -> None:
    low, high = rank_bounds(np.array([[5.0], [5.0], [9.0], [1.0]]), 0.95)
    assert (low.tolist(), high.tolist()) == ([2, 2, 1, 4], [3, 3, 1, 4])


def test_a_model_of_unknown_score_may_have_any_place_and_push_others_down() -> None:
    low, high = rank_bounds(np.array([[5.0], [NAN], [1.0]]), 0.95)
    assert (low.tolist(), high.tolist()) == ([1, 1, 2], [2, 3, 3])


def test_first_places_that_are_shared_are_split() -> None:
    scores = np.array([[5.0, INF, NAN, 1], [5.0, 2, 4, 2], [1.0, INF, 3, 0]])
    # One round more is shared by all three. Rounding of a division.
    shared = 1 / 3
    expected = [(1 + shared) / 5, (2.5 + shared) / 5, (0.5 + shared) / 5]
    assert probability_best(scores) == pytest.approx(expected, rel=1e-15)


def test_no_number_of_rounds_makes_a_model_certain_to_be_best() -> None:
    first, last = probability_best(np.array([[2.0] * 999, [1.0] * 999]))
    assert (first, last) == (0.9995, 0.0005)


@pytest.mark.parametrize(("rounds_first", "best"), [(25, 1), (24, 2)])
def test_a_place_counts_that_is_held_in_more_than_a_fortieth_of_the_rounds(
    rounds_first: int, best: int
) -> None:
    # Of 1000 rounds: the tail of a 95 % interval holds 24, one more is inside of it.
    scores = np.ones((2, 1000))
    scores[0, :rounds_first] = 2
    scores[1, rounds_first:] = 2
    low, high = rank_bounds(scores, 0.95)
    assert (low[0], high[1]) == (best, 3 - 1 if best == 1 else 1)


def test_a_shared_first_place_is_the_best_of_all_who_share_it() -> None:
    low, high = rank_bounds(np.array([[9.0], [9.0], [9.0], [1.0]]), 0.95)
    assert (low.tolist(), high.tolist()) == ([1, 1, 1, 4], [3, 3, 3, 4])


def test_comparisons_are_paired_and_equal_or_unknown_ones_count_half() -> None:
    scores = np.array([[5.0, 1, 2, NAN], [4.0, 3, 2, 0]])
    # Above, below, equal, unknown.
    assert_array_equal(probability_above(scores), [[0.5, 0.5], [0.5, 0.5]])
    scores[0, 1] = 9
    assert_array_equal(probability_above(scores), [[0.5, 0.75], [0.25, 0.5]])


def test_infinite_and_unknown_abilities_are_left_out_of_the_mean() -> None:
    scores = centred_scores(np.array([[1.0, NAN], [3.0, NAN], [INF, INF], [NAN, NAN]]))
    elo = 400 / np.log(10)
    assert scores[:2, 0] == pytest.approx([1000 - elo, 1000 + elo], rel=1e-15)
    assert_array_equal(scores[2:, 0], [INF, NAN])
    assert_array_equal(scores[:, 1], [NAN, NAN, INF, NAN])
