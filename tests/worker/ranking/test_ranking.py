"""What a ranking promises, on boards small enough to reason about."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bixarena_constructs.worker.ranking import (
    NoFiniteEstimateError,
    RankedModel,
    Ranking,
    RankingOptions,
    TooFewModelsError,
    VoteCounts,
    rank,
)
from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.replicates import replicate_abilities
from bixarena_constructs.worker.ranking.resampling import VoteResampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking import IntervalMethod
    from bixarena_constructs.worker.ranking.resampling import Resampler

ELO = 400 / math.log(10)
NO_PRIOR = RankingOptions(prior_battles=0, num_bootstrap=0, min_evals=0)
POINTS = RankingOptions(num_bootstrap=0, min_evals=0)

# Both of Newton's last step and of rounding: errors are near 1e-9 Elo; six decimals are stored.
EXACT = 1e-7


def circle(models: int, wins: int = 30, losses: int = 10) -> list[tuple[str, str, str, int]]:
    """Everybody beats the next one more often than not: connected, and all equally strong."""
    names = [f"m{number:02}" for number in range(models)]
    return [
        (names[i], names[(i + 1) % models], outcome, votes)
        for i in range(models)
        for outcome, votes in (("model_a", wins), ("model_b", losses))
    ]


def width(entry: RankedModel) -> float:
    assert entry.lower is not None
    assert entry.upper is not None
    return entry.upper - entry.lower


def scores(ranking: Ranking) -> dict[str, float]:
    return {entry.model: entry.score for entry in ranking.entries}


def test_two_models_without_prior_are_as_far_apart_as_their_odds() -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 10), ("a", "b", "model_b", 1)])
    found = scores(rank(votes, NO_PRIOR))
    # Odds of 10 to 1 are 400 Elo.
    assert found == pytest.approx({"a": 1200, "b": 800}, abs=EXACT)


def test_a_tie_is_half_a_win_for_each() -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 2), ("a", "b", "tie", 2)])
    # Three points to one.
    assert scores(rank(votes, NO_PRIOR))["a"] == pytest.approx(
        1000 + ELO * math.log(3) / 2, abs=EXACT
    )


def test_votes_of_half_the_weight_are_half_the_votes() -> None:
    def board(weight: float, prior: float) -> Ranking:
        votes = VoteCounts.from_arrays(
            ["a", "b", "c"],
            model_a=np.array([0, 1, 2]),
            model_b=np.array([1, 2, 0]),
            outcome=np.array([0, 2, 1]),
            votes=weight * np.array([9.0, 4.0, 3.0]),
            voter=np.array([0, 1, 2]),
        )
        return rank(votes, replace(POINTS, prior_battles=prior))

    # As half the votes would under half the prior; how many voters there are stays the same.
    half, whole = board(0.5, 0.25), board(1.0, 0.5)
    assert all(0 < width(entry) < math.inf for entry in board(1e-6, 0.5).entries)
    assert scores(half) == pytest.approx(scores(whole), abs=EXACT)
    assert half.effective_voters == pytest.approx(whole.effective_voters)
    assert (half.total_votes, [entry.votes for entry in half.entries]) == (8, [6, 4, 6])
    votes = VoteCounts.from_arrays(
        ["a", "b"],
        model_a=np.array([0]),
        model_b=np.array([1]),
        outcome=np.array([2]),
        votes=np.array([1.5]),
    )
    with pytest.raises(ValueError, match="votes with weights cannot be resampled"):
        rank(votes, RankingOptions(interval_method="percentile", min_evals=0))


@pytest.mark.parametrize("prior", [0.5, 3.0])
def test_the_prior_is_battles_against_an_opponent_of_ability_0(prior: float) -> None:
    votes = VoteCounts.from_cells([("a", "b", "model_a", 7)])
    found = scores(rank(votes, RankingOptions(prior_battles=prior, num_bootstrap=0, min_evals=0)))
    # By symmetry the abilities are x and -x; the derivative by one of them is
    # 7 sigma(-2x) + prior (1/2 - sigma(x)), decreasing in x: bisect it.
    low, high = 0.0, 20.0
    for _ in range(60):
        x = (low + high) / 2
        slope = 7 / (1 + math.exp(2 * x)) + prior * (0.5 - 1 / (1 + math.exp(-x)))
        low, high = (x, high) if slope > 0 else (low, x)
    assert found == pytest.approx({"a": 1000 + ELO * x, "b": 1000 - ELO * x}, abs=EXACT)


def test_an_undefeated_model_rises_with_its_evidence_and_stays_finite() -> None:
    found = [
        scores(rank(VoteCounts.from_cells([*circle(4), ("new", "m00", "model_a", wins)]), POINTS))
        for wins in (1, 2, 5, 50, 5000)
    ]
    rising = [each["new"] for each in found]
    assert rising == sorted(rising)
    assert len(set(rising)) == 5
    assert all(math.isfinite(score) for score in rising)


def test_an_unlisted_newcomer_moves_no_listed_score_by_one_point() -> None:
    # The measured case: ten models with 10,000 votes and a newcomer that lost its only vote.
    board = circle(10, wins=600, losses=400)
    options = RankingOptions(num_bootstrap=0)
    before = scores(rank(VoteCounts.from_cells(board), options))
    ranking = rank(VoteCounts.from_cells([*board, ("new", "m03", "model_b", 1)]), options)
    after = scores(ranking)
    assert after.keys() == before.keys()
    assert max(abs(after[model] - before[model]) for model in before) < 1
    assert [(each.model, each.votes) for each in ranking.unlisted] == [("new", 1)]


def test_centres_on_the_listed_models_alone() -> None:
    ranking = rank(
        VoteCounts.from_cells([*circle(5), ("new", "m00", "model_a", 3)]),
        RankingOptions(num_bootstrap=200),
    )
    listed = [entry.score for entry in ranking.entries]
    assert len(listed) == 5
    # Rounding of sums of a few thousands.
    assert sum(listed) / 5 == pytest.approx(1000, abs=1e-9)


def test_equal_scores_share_a_rank_and_stand_in_order_of_their_keys() -> None:
    cells = [("b", "a", "tie", 20), ("a", "c", "model_a", 5), ("b", "c", "model_a", 5)]
    ranking = rank(VoteCounts.from_cells(cells), POINTS)
    assert [(entry.model, entry.rank) for entry in ranking.entries] == [
        ("a", 1),
        ("b", 1),
        ("c", 3),
    ]


def test_significant_ranks_count_the_intervals_that_lie_wholly_above() -> None:
    cells = [
        ("a", "b", "model_a", 52),
        ("a", "b", "model_b", 48),
        ("a", "c", "model_a", 95),
        ("a", "c", "model_b", 5),
        ("b", "c", "model_a", 95),
        ("b", "c", "model_b", 5),
    ]
    votes = VoteCounts.from_cells(cells)
    ranks = {entry.model: entry.rank for entry in rank(votes).entries}
    significant = rank(votes, RankingOptions(significant=True)).entries
    assert ranks == {"a": 1, "b": 2, "c": 3}
    assert {entry.model: entry.rank for entry in significant} == {"a": 1, "b": 1, "c": 3}


def test_significant_ranks_ignore_models_that_are_not_listed() -> None:
    # Undefeated, far above everybody, but with too few votes to be seen.
    star = [("star", f"m{number:02}", "model_a", 40) for number in range(4)]
    votes = VoteCounts.from_cells([*circle(4, wins=400, losses=300), *star])
    options = RankingOptions(min_evals=300, significant=True)
    ranking = rank(votes, options)
    assert [each.model for each in ranking.unlisted] == ["star"]
    assert {entry.rank for entry in ranking.entries} == {1}


def test_tells_groups_that_were_never_compared_and_ranks_them_all_the_same() -> None:
    cells = [("a", "b", "model_a", 20), ("a", "b", "model_b", 20), ("x", "y", "model_a", 30)]
    ranking = rank(VoteCounts.from_cells(cells), POINTS)
    assert ranking.groups == (("a", "b"), ("x", "y"))
    assert [entry.model for entry in ranking.entries] == ["x", "a", "b", "y"]


def test_self_battles_change_nothing_but_their_own_count() -> None:
    board = circle(4)
    plain = rank(VoteCounts.from_cells(board))
    with_self = rank(VoteCounts.from_cells([*board, ("m01", "m01", "model_a", 500)]))
    assert with_self.entries == plain.entries
    assert (plain.self_battles, with_self.self_battles) == (0, 500)
    assert with_self.total_votes == plain.total_votes == 160


def test_names_the_models_without_a_finite_estimate() -> None:
    cells = [*circle(3), ("top", "m00", "model_a", 4), ("m01", "low", "model_a", 2)]
    with pytest.raises(NoFiniteEstimateError, match="prior_battles") as caught:
        rank(VoteCounts.from_cells(cells), NO_PRIOR)
    assert caught.value.unbeaten == ("top",)
    assert caught.value.winless == ("low",)
    assert caught.value.groups == (("low",), ("m00", "m01", "m02"), ("top",))


def test_a_tie_is_enough_for_a_finite_estimate() -> None:
    cells = [*circle(3), ("top", "m00", "model_a", 4), ("top", "m01", "tie", 1)]
    assert math.isfinite(scores(rank(VoteCounts.from_cells(cells), NO_PRIOR))["top"])


def test_names_groups_never_compared_when_there_is_no_prior() -> None:
    cells = [
        (*pair, outcome, 3)
        for pair in (("a", "b"), ("x", "y"))
        for outcome in ("model_a", "model_b")
    ]
    with pytest.raises(NoFiniteEstimateError) as caught:
        rank(VoteCounts.from_cells(cells), NO_PRIOR)
    assert caught.value.groups == (("a", "b"), ("x", "y"))
    assert caught.value.unbeaten == caught.value.winless == ("a", "b", "x", "y")


@pytest.mark.parametrize(
    ("cells", "models"),
    [
        pytest.param([], (), id="no votes"),
        pytest.param([("a", "a", "tie", 50)], (), id="self battles only"),
        pytest.param([("a", "b", "tie", 9)], (), id="nobody has enough"),
        pytest.param(
            [("a", "b", "tie", 9), ("a", "c", "tie", 9)], ("a",), id="one model has enough"
        ),
    ],
)
def test_refuses_fewer_than_two_models_and_names_them(
    cells: list[tuple[str, str, str, int]], models: tuple[str, ...]
) -> None:
    with pytest.raises(TooFewModelsError, match="10 or more votes") as caught:
        rank(VoteCounts.from_cells(cells))
    assert caught.value.models == models


def test_without_rounds_there_are_scores_but_no_bounds() -> None:
    options = RankingOptions(num_bootstrap=0, interval_method="percentile")
    ranking = rank(VoteCounts.from_cells(circle(3)), options)
    assert ranking.above is None
    for entry in ranking.entries:
        assert entry.lower is entry.upper is entry.rank_lower is entry.rank_upper is None
        assert entry.probability_best is None


@pytest.mark.parametrize("method", ["wald", "percentile", "sandwich"])
def test_threads_do_not_change_a_digit(method: IntervalMethod) -> None:
    votes = VoteCounts.from_cells(circle(30))
    # 600 rounds are three blocks.
    one, three = (
        rank(votes, RankingOptions(num_bootstrap=600, threads=threads, interval_method=method))
        for threads in (1, 3)
    )
    assert one.to_dict() == three.to_dict()


def test_the_first_rounds_of_many_are_the_rounds_of_few() -> None:
    votes = VoteCounts.from_cells(circle(4))
    board, resampler = fit_board(votes, 0.5), VoteResampler.of(votes)
    few, many = (
        replicate_abilities(board, resampler, options=RankingOptions(num_bootstrap=rounds))
        for rounds in (7, 501)
    )
    # Fitted with other neighbours, a round ends within what is allowed of its maximum.
    assert few == pytest.approx(many[:, :7], abs=2e-9)


def test_tells_its_progress_block_by_block() -> None:
    shown: list[tuple[int, int]] = []
    rank(
        VoteCounts.from_cells(circle(4)),
        RankingOptions(num_bootstrap=501, interval_method="percentile"),
        progress=lambda done, rounds: shown.append((done, rounds)),
    )
    assert shown == [(250, 501), (500, 501), (501, 501)]


class Counting:
    """A resampler that counts what is drawn from it."""

    def __init__(self, resampler: Resampler) -> None:
        self._resampler = resampler
        self.draws = 0

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        self.draws += 1
        return self._resampler.draw(rng, replicates)


class TimeIsUpError(Exception):
    pass


def test_an_error_raised_from_the_progress_ends_the_work() -> None:
    votes = VoteCounts.from_cells(circle(4))
    resampler = Counting(VoteResampler.of(votes))

    def stop(_done: int, _rounds: int) -> None:
        raise TimeIsUpError

    options = RankingOptions(num_bootstrap=100_000, threads=1)
    with pytest.raises(TimeIsUpError):
        replicate_abilities(fit_board(votes, 0.5), resampler, options=options, progress=stop)
    # Of 400 blocks; a few more may be drawn while this thread waits for its turn.
    assert resampler.draws < 100


def test_the_seed_changes_resampled_intervals_but_not_scores() -> None:
    votes = VoteCounts.from_cells(circle(4))
    one, two = (
        rank(votes, RankingOptions(seed=seed, interval_method="percentile")) for seed in (1, 2)
    )
    assert scores(one) == scores(two)
    assert one.entries[0].lower != two.entries[0].lower


def test_the_seed_changes_nothing_of_the_default_but_who_is_how_probably_best() -> None:
    votes = VoteCounts.from_cells(circle(4))
    one, two = (rank(votes, RankingOptions(seed=seed)).entries for seed in (1, 2))
    assert one[0].probability_best != two[0].probability_best
    for each, other in zip(one, two, strict=True):
        assert replace(each, probability_best=None) == replace(other, probability_best=None)


BOARDS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from("abcdef"),
        st.sampled_from(["model_a", "model_b", "tie"]),
        st.integers(1, 30),
    ),
    min_size=1,
    max_size=30,
).filter(lambda cells: any(a != b for a, b, _, _ in cells))


@given(BOARDS)
def test_new_names_change_names_only(cells: list[tuple[str, str, str, int]]) -> None:
    rename = dict(zip("abcdef", "fedcba", strict=True))
    renamed = [(rename[a], rename[b], outcome, votes) for a, b, outcome, votes in cells]
    before = scores(rank(VoteCounts.from_cells(cells), POINTS))
    after = scores(rank(VoteCounts.from_cells(renamed), POINTS))
    assert after == pytest.approx(
        {rename[model]: score for model, score in before.items()}, abs=EXACT
    )


@given(BOARDS)
def test_reversing_every_vote_reverses_the_board(cells: list[tuple[str, str, str, int]]) -> None:
    reverse = {"model_a": "model_b", "model_b": "model_a", "tie": "tie"}
    reversed_cells = [(a, b, reverse[outcome], votes) for a, b, outcome, votes in cells]
    before = scores(rank(VoteCounts.from_cells(cells), POINTS))
    after = scores(rank(VoteCounts.from_cells(reversed_cells), POINTS))
    assert after == pytest.approx(
        {model: 2000 - score for model, score in before.items()}, abs=EXACT
    )


@given(BOARDS, st.integers(2, 1000))
def test_votes_and_prior_multiplied_alike_give_the_same_scores(
    cells: list[tuple[str, str, str, int]], factor: int
) -> None:
    multiplied = [(a, b, outcome, votes * factor) for a, b, outcome, votes in cells]
    before = scores(rank(VoteCounts.from_cells(cells), POINTS))
    options = RankingOptions(prior_battles=0.5 * factor, num_bootstrap=0, min_evals=0)
    after = scores(rank(VoteCounts.from_cells(multiplied), options))
    assert after == pytest.approx(before, abs=EXACT)
