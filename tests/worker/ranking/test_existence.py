"""Which replicates have a finite estimate, against what simple graphs say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from bixarena_constructs.worker.ranking import (
    NoFiniteEstimateError,
    RankingOptions,
    VoteCounts,
    rank,
)
from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.existence import limits
from bixarena_constructs.worker.ranking.graph import (
    compared_groups,
    mutual_groups,
    reachable,
    reaches_all,
)
from bixarena_constructs.worker.ranking.likelihood import Pairs
from bixarena_constructs.worker.ranking.replicates import replicate_abilities

INF, NAN = np.inf, np.nan
TABLES = st.integers(1, 7).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)
)


def walk(table: list[list[bool]], start: int) -> set[int]:
    """Everybody a chain leads to from one model: depth first, one by one."""
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for there, linked in enumerate(table[here]):
            if linked and there not in seen:
                seen.add(there)
                waiting.append(there)
    return seen


@given(TABLES)
def test_chains_are_found_whatever_their_length(table: list[list[bool]]) -> None:
    array = np.array(table)
    models = range(len(table))
    closure = reachable(array)
    chains = [walk(table, model) for model in models]
    assert [set(np.flatnonzero(row)) for row in closure] == chains
    assert reaches_all(array[np.newaxis]).tolist() == [chains[0] == set(models)]
    mutual = {tuple(j for j in models if j in chains[i] and i in chains[j]) for i in models}
    assert {tuple(group) for group in mutual_groups(array)} == mutual
    both_ways = (array | array.T).tolist()
    compared = {tuple(sorted(walk(both_ways, model))) for model in models}
    assert {tuple(group) for group in compared_groups(array)} == compared


def limits_of(wins: list[tuple[int, int]], models: int) -> list[float]:
    """Ask for one replicate in which each pair of a winner and a loser is one win."""
    table = np.zeros((models, models))
    for winner, loser in wins:
        table[winner, loser] += 1
    first, second = np.triu_indices(models, 1)
    votes = VoteCounts(
        models=tuple("abcdefgh"[:models]),
        first=first,
        second=second,
        wins_first=table[first, second].astype(np.int64),
        wins_second=table[second, first].astype(np.int64),
        ties=np.zeros(len(first), dtype=np.int64),
    )
    by_first, by_second = (
        wins[:, np.newaxis].astype(np.float64) for wins in (votes.wins_first, votes.wins_second)
    )
    return [float(limit) for limit in limits(Pairs.of(votes), by_first, by_second)[:, 0]]


CIRCLE = [(0, 1), (1, 2), (2, 0)]


@pytest.mark.parametrize(
    ("wins", "models", "expected"),
    [
        pytest.param(CIRCLE, 3, [0, 0, 0], id="a circle has an estimate"),
        pytest.param([*CIRCLE, (3, 1)], 4, [0, 0, 0, INF], id="undefeated"),
        pytest.param([*CIRCLE, (1, 3)], 4, [0, 0, 0, -INF], id="winless"),
        pytest.param([*CIRCLE, (3, 1), (4, 3)], 5, [0, 0, 0, INF, INF], id="by a chain"),
        pytest.param(CIRCLE, 4, [0, 0, 0, NAN], id="met nobody"),
        pytest.param([*CIRCLE, (4, 3), (4, 0)], 5, [0, 0, 0, NAN, INF], id="met only a winner"),
        pytest.param([(0, 1), (1, 0), (2, 3), (3, 2)], 4, [NAN] * 4, id="two halves"),
        pytest.param([(0, 1), (1, 2)], 3, [NAN] * 3, id="a ladder"),
    ],
)
def test_models_outside_the_majority_go_where_the_votes_send_them(
    wins: list[tuple[int, int]], models: int, expected: list[float]
) -> None:
    assert_array_equal(limits_of(wins, models), expected)


class Fixed:
    """A resampler that always draws the same counts."""

    def __init__(self, *outcomes: np.ndarray) -> None:
        self._counts = np.concatenate(outcomes)[:, np.newaxis]

    def draw(self, _rng: np.random.Generator, replicates: int) -> np.ndarray:
        return np.repeat(self._counts, replicates, axis=1)


@pytest.mark.parametrize(
    ("outcome", "limit"), [("model_a", INF), ("model_b", -INF)], ids=["unbeaten", "winless"]
)
def test_the_majority_is_fitted_as_if_the_others_were_not_there(
    outcome: str, limit: float
) -> None:
    board = [("a", "b", "model_a", 3), ("b", "c", "model_a", 2), ("c", "a", "model_a", 1)]
    both_ways = [("d", "a", each, 5) for each in ("model_a", "model_b")]
    full = VoteCounts.from_cells([*board, *both_ways])
    # The pairs are a with b, c and d, and b with c; in the replicate d has lost or won all.
    drawn = VoteCounts.from_cells([*board, ("d", "a", outcome, 5)])
    abilities = replicate_abilities(
        fit_board(full, 0),
        Fixed(drawn.wins_first, drawn.wins_second, drawn.ties),
        options=RankingOptions(prior_battles=0, num_bootstrap=2),
    )
    alone = fit_board(VoteCounts.from_cells(board), 0).theta[:, 0]
    fitted = abilities[:3, 0]
    assert abilities[3].tolist() == [limit, limit]
    # Both from steps below 1e-8; what Newton leaves is far smaller.
    assert fitted - fitted.mean() == pytest.approx(alone - alone.mean(), abs=1e-8)


def test_a_prior_gives_every_replicate_a_finite_estimate() -> None:
    cells = [("a", "b", "model_a", 1), ("b", "c", "model_a", 1), ("c", "d", "tie", 1)]
    ranking = rank(VoteCounts.from_cells(cells), RankingOptions(min_evals=0))
    assert ranking.rounds_without_estimate == 0
    for entry in ranking.entries:
        assert entry.lower is not None
        assert entry.upper is not None
        assert math.isfinite(entry.lower)
        assert math.isfinite(entry.upper)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(1, 3)),
        min_size=1,
        max_size=8,
    ).filter(lambda wins: any(a != b for a, b, _ in wins))
)
def test_without_a_prior_there_is_an_estimate_or_an_error_but_no_number_made_up(
    wins: list[tuple[str, str, int]],
) -> None:
    votes = VoteCounts.from_cells((a, b, "model_a", count) for a, b, count in wins)
    options = RankingOptions(prior_battles=0, num_bootstrap=0, min_evals=0)
    beaten: dict[str, set[str]] = {model: set() for model in votes.models}
    for a, b, _ in wins:
        if a != b:
            beaten[a].add(b)
    order = list(votes.models)
    chains = [
        walk([[there in beaten[here] for there in order] for here in order], start)
        for start in range(len(order))
    ]
    if all(len(chain) == len(order) for chain in chains):
        assert all(abs(entry.score) < 1e4 for entry in rank(votes, options).entries)
    else:
        with pytest.raises(NoFiniteEstimateError):
            rank(votes, options)
