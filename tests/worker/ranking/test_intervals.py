"""Intervals hold what they say, above all where votes say little."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from benchmarks.coverage import PAGE, Cell, read_results, with_tables

from bixarena_constructs.worker.ranking import (
    IntervalMethod,
    RankedModel,
    RankingError,
    RankingOptions,
    VoteCounts,
    rank,
)
from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.covariance import (
    model_covariance,
    normal_draws,
    normal_probabilities,
)
from bixarena_constructs.worker.ranking.intervals import bootstrap_evidence, normal_evidence

ELO = 400 / math.log(10)
ALL = RankingOptions(min_evals=0)

Cells = list[tuple[str, str, str, int]]

ONE_SIDED: dict[str, Cells] = {
    "one vote": [("a", "b", "model_a", 1)],
    "twenty wins of twenty": [("a", "b", "model_a", 20)],
    "a thousand wins of a thousand": [("a", "b", "model_a", 1000)],
    "one tie": [("a", "b", "tie", 1)],
    "nothing but ties": [("a", "b", "tie", 20), ("b", "c", "tie", 20), ("a", "c", "tie", 20)],
    "undefeated and winless": [
        *((name, other, "model_a", 5) for name in ("top",) for other in ("a", "b", "low")),
        ("a", "b", "model_a", 8),
        ("a", "b", "model_b", 7),
        ("a", "low", "model_a", 5),
    ],
    "two groups": [("a", "b", "model_a", 3), ("x", "y", "model_b", 2)],
}


def widths(entries: tuple[RankedModel, ...]) -> list[float]:
    return [float(entry.upper or math.nan) - float(entry.lower or math.nan) for entry in entries]


@pytest.mark.parametrize("cells", ONE_SIDED.values(), ids=ONE_SIDED)
def test_no_board_makes_a_model_certain(cells: Cells) -> None:
    ranking = rank(VoteCounts.from_cells(cells), ALL)
    # Twenty ties in a row leave the least doubt: some thirty points of it.
    assert min(widths(ranking.entries)) > 20
    for entry in ranking.entries:
        assert entry.probability_best is not None
        assert 0 < entry.probability_best < 1
        assert entry.rank_lower is not None
        assert entry.rank_upper is not None
        assert entry.rank_lower <= entry.rank <= entry.rank_upper
    assert ranking.above is not None
    assert 0 < ranking.above.min() <= ranking.above.max() < 1


def test_ties_alone_leave_doubt_without_a_prior_too() -> None:
    votes = VoteCounts.from_cells([("a", "b", "tie", 20)])
    assert min(widths(rank(votes, RankingOptions(prior_battles=0)).entries)) > 20


@pytest.mark.parametrize("cells", ONE_SIDED.values(), ids=ONE_SIDED)
@pytest.mark.parametrize("rounds", [0, 1, 1000])
def test_the_sandwich_stands_a_board_without_residuals(cells: Cells, rounds: int) -> None:
    options = RankingOptions(min_evals=0, interval_method="sandwich", num_bootstrap=rounds)
    assert min(widths(rank(VoteCounts.from_cells(cells), options).entries)) >= 0


@pytest.mark.parametrize("seed", range(20))
def test_a_single_round_does_not_exclude_the_score(seed: int) -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 7), ("a", "b", "model_b", 4)])
    options = RankingOptions(interval_method="percentile", num_bootstrap=1, seed=seed)
    for entry in rank(votes, options).entries:
        assert entry.lower is not None
        assert entry.upper is not None
        assert entry.lower <= entry.score <= entry.upper


@pytest.mark.parametrize("seed", range(4))
def test_a_single_round_does_not_exclude_the_place(seed: int) -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 3), ("b", "c", "tie", 2)])
    options = RankingOptions(
        num_bootstrap=1, interval_method="percentile", min_evals=0, seed=seed, threads=1
    )
    for entry in rank(votes, options).entries:
        assert entry.rank_lower is not None
        assert entry.rank_upper is not None
        assert entry.rank_lower <= entry.rank <= entry.rank_upper


@pytest.mark.parametrize("method", ["wald", "percentile", "sandwich"])
@pytest.mark.parametrize("votes", [10**9, 10**12])
def test_billions_of_votes_have_narrow_intervals(method: IntervalMethod, votes: int) -> None:
    cells = [
        ("a", "b", "model_a", votes),
        ("a", "b", "model_b", votes - 5),
        ("b", "c", "tie", votes),
    ]
    cells += [("b", "c", "model_b", votes // 2)]
    options = RankingOptions(num_bootstrap=100, interval_method=method, threads=1)
    for entry in rank(VoteCounts.from_cells(cells), options).entries:
        assert entry.lower is not None
        assert entry.upper is not None
        assert entry.lower < entry.score < entry.upper
        # Some 1.96 * 174 Elo * 2 / sqrt(votes), over a chain of two pairs.
        assert entry.upper - entry.lower < 3000 / votes**0.5


def test_a_prior_that_is_too_weak_to_count_is_refused() -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 10**12), ("a", "b", "model_b", 10**12)])
    with pytest.raises(RankingError, match=r"too weak .* set prior_battles"):
        rank(votes, RankingOptions(prior_battles=1e-6))


def test_an_even_pair_has_the_interval_of_its_share_of_wins() -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 50), ("a", "b", "model_b", 50)])
    entry = rank(votes, RankingOptions(prior_battles=0)).entries[0]
    # The log odds of 50 of 100 have a variance of 1/50 + 1/50; each model is half of it away.
    half = NormalDist().inv_cdf(0.975) * math.sqrt(2 / 50) / 2 * ELO
    assert (entry.lower, entry.upper) == pytest.approx((1000 - half, 1000 + half), rel=1e-9)


def test_ties_take_their_quarter_of_the_variance_away() -> None:
    ties = VoteCounts.from_cells(
        [("a", "b", "model_a", 4000), ("a", "b", "model_b", 4000), ("a", "b", "tie", 2000)]
    )
    decided = VoteCounts.from_cells([("a", "b", "model_a", 5000), ("a", "b", "model_b", 5000)])
    narrow, wide = (widths(rank(votes).entries)[0] for votes in (ties, decided))
    # A fifth of the votes has no variance. The leverage of a vote is 1 in 10,000.
    assert narrow / wide == pytest.approx(math.sqrt(0.8), rel=1e-4)


def test_the_variance_of_one_sided_models_is_over_the_residual_degrees_of_freedom() -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 1)])
    entry = rank(votes, ALL).entries[0]
    # By symmetry the abilities are x and -x; along their difference the votes have the curvature
    # 2 w and the prior q. One vote less its leverage is left.
    x = (entry.score - 1000) / ELO
    win, drawn = 1 / (1 + math.exp(-2 * x)), 1 / (1 + math.exp(-x))
    w, q = win * (1 - win), 0.5 * drawn * (1 - drawn)
    variance = 2 * w / (2 * w + q) ** 2 / 2
    leverage = 2 * w / (2 * w + q)
    half = NormalDist().inv_cdf(0.975) * math.sqrt(variance / (1 - leverage)) * ELO
    assert entry.upper == pytest.approx(entry.score + half, rel=1e-9)


def test_two_models_that_only_tie_leave_doubt_on_a_board_without_other_ties() -> None:
    cells: Cells = [("a", "b", "model_a", 500), ("a", "b", "model_b", 500), ("c", "d", "tie", 20)]
    votes = VoteCounts.from_cells(cells)
    contrast = np.array([0, 0, 1, -1])
    variance = contrast @ model_covariance(fit_board(votes, 0.5), votes) @ contrast
    # Twenty ties without a decision: one decision in twenty-one at most.
    assert variance == pytest.approx(4 / 20 / 21, rel=0.1)


def test_a_model_that_ties_more_than_others_is_surer_than_they_are() -> None:
    cells: Cells = []
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        cells += [(one, other, "model_a", 300), (one, other, "model_b", 300)]
    cells += [(name, "even", "tie", 600) for name in "abc"]
    entries = rank(VoteCounts.from_cells(cells)).entries
    found = dict(zip([entry.model for entry in entries], widths(entries), strict=True))
    # All took part in 1800 battles; one rate of ties for all would make them equally sure.
    assert found["even"] < 0.75 * found["a"]


@pytest.mark.slow
def test_the_covariance_is_that_of_refits_to_votes_of_the_fit() -> None:
    cells: Cells = [
        ("a", "b", "model_a", 1400),
        ("a", "b", "model_b", 600),
        ("b", "c", "model_a", 900),
        ("b", "c", "model_b", 600),
        ("a", "c", "model_a", 350),
        ("a", "c", "model_b", 150),
    ]
    votes = VoteCounts.from_cells(cells)
    board = fit_board(votes, 20.0)
    theta = board.theta[:, 0]
    win = 1 / (1 + np.exp(theta[votes.second] - theta[votes.first]))
    rng = np.random.default_rng(3)
    fits = []
    for _ in range(4000):
        first = rng.binomial(votes.battles.astype(np.int64), win)
        redrawn = [
            (votes.models[i], votes.models[j], outcome, int(number))
            for i, j, won, all_ in zip(
                votes.first, votes.second, first, votes.battles, strict=True
            )
            for outcome, number in (("model_a", won), ("model_b", all_ - won))
        ]
        fits.append(fit_board(VoteCounts.from_cells(redrawn), 20.0).theta[:, 0])
    # A standard deviation from 4000 fits is 1.1 % off, an entry of a covariance some 2 %.
    expected = np.cov(np.array(fits).T)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert model_covariance(board, votes) / scale == pytest.approx(expected / scale, abs=0.07)


def test_places_are_told_apart_by_tests_at_95_percent() -> None:
    # Independent scores with standard error 10: differences have 14.1. One-sided tests at 95 %
    # need 1.645 of that, at 90 % 1.28, at 97.5 % 1.96.
    error = 10 * math.sqrt(2)
    scores = np.array([0, 1.60, 1.60 + 1.70]) * error
    found = normal_evidence(scores, 100 * np.eye(3), options=RankingOptions())
    assert found.rank_lower is not None
    assert found.rank_upper is not None
    assert (found.rank_lower.tolist(), found.rank_upper.tolist()) == ([2, 2, 1], [3, 3, 1])


def test_equal_scores_share_their_places() -> None:
    found = normal_evidence(np.array([9.0, 9, 9, -500]), np.eye(4), options=RankingOptions())
    assert found.rank_lower is not None
    assert found.rank_upper is not None
    assert found.rank_lower.tolist() == [1, 1, 1, 4]
    assert found.rank_upper.tolist() == [3, 3, 3, 4]


def test_probabilities_of_differences_are_the_normal_distributions() -> None:
    found = normal_probabilities(np.array([0.0, 19.6, -3, 0, 2]), np.array([1.0, 10, 0, 0, 1]))
    expected = [0.5, NormalDist().cdf(1.96), 0, 0.5, NormalDist().cdf(2)]
    assert found == pytest.approx(expected, abs=1e-12)


def test_draws_have_the_scores_and_the_covariance() -> None:
    covariance = np.array([[4.0, -1, -3], [-1, 4, -3], [-3, -3, 6]])
    scores = np.array([990.0, 1000, 1010])
    drawn = normal_draws(scores, covariance, rounds=200_000, seed=1)
    # Four standard errors of a mean and of a variance.
    assert drawn.mean(axis=1) == pytest.approx(scores, abs=0.025)
    assert np.cov(drawn) == pytest.approx(covariance, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell(10, 60, 0.0, 0.15),
        Cell(40, 100, 0.7, 0.0),
        Cell(5, 300, 0.7, 0.15),
        Cell(20, 30, 0.0, 0.0),
    ],
    ids=str,
)
def test_intervals_and_places_hold_the_truth_of_simulated_boards(cell: Cell) -> None:
    # Some cells of `python -m benchmarks.coverage`; the seeds are fixed, so nothing is left to
    # chance. The standard errors are below .01.
    for tally in cell.measure(["wald"], 200).values():
        assert 0.935 < np.mean(tally.covered) <= 1
        assert 0.935 < np.mean(tally.placed) <= 1
        assert tally.narrowest > 20
        if len(tally.one_sided) > 50:
            assert np.mean(tally.one_sided) > 0.95


@pytest.mark.parametrize(("confidence", "places"), [(0.95, (1, 2)), (0.9, (1, 1))])
def test_resampled_places_have_the_confidence_of_the_scores(
    confidence: float, places: tuple[int, int]
) -> None:
    # The first is second in 4 of 100 rounds, which 95 % hold and 90 % do not.
    replicates = np.ones((2, 100))
    replicates[0, 4:] = 2
    replicates[1, :4] = 2
    found = bootstrap_evidence(np.array([2.0, 1.0]), replicates, confidence)
    assert found.rank_lower is not None
    assert found.rank_upper is not None
    assert (found.rank_lower[0], found.rank_upper[0]) == places


def test_the_page_has_the_measured_coverage_and_it_meets_the_rule() -> None:
    results = read_results()
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page, results) == page
    assert with_tables(page, results[1:]) != page
    default = [row for row in results if row["method"] in ("wald", "voter")]
    assert (
        len({(row["models"], row["votes"], row["popularity"], row["ties"]) for row in default})
        == 80
    )
    for row in default:
        # Fewer boards say little.
        if row["boards"] >= 50:
            assert min(row["scores"], row["places"]) >= 0.94
        if row["one_sided_models"] >= 200:
            assert row["one_sided"] >= 0.95
        assert row["least_width"] > 0
