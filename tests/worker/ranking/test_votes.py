from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bixarena_constructs.worker.ranking import BadCellsError, RankingError, VoteCounts

if TYPE_CHECKING:
    from random import Random

CELLS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from("abcdef"),
        st.sampled_from(["model_a", "model_b", "tie"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


def as_dict(votes: VoteCounts) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {
        (votes.models[first], votes.models[second]): (wins, losses, ties)
        for first, second, wins, losses, ties in zip(
            votes.first.tolist(),
            votes.second.tolist(),
            votes.wins_first.tolist(),
            votes.wins_second.tolist(),
            votes.ties.tolist(),
            strict=True,
        )
    }


def test_counts_by_pair_in_ascending_order_of_the_models() -> None:
    votes = VoteCounts.from_cells(
        [("b", "a", "model_a", 3), ("a", "b", "model_a", 2), ("c", "a", "tie", 4)]
    )
    assert votes.models == ("a", "b", "c")
    assert as_dict(votes) == {("a", "b"): (2, 3, 0), ("a", "c"): (0, 0, 4)}
    assert votes.votes_by_model.tolist() == [9, 5, 4]
    assert votes.total == 9


def test_counts_self_battles_apart_and_nowhere_else() -> None:
    votes = VoteCounts.from_cells(
        [("a", "a", "model_a", 2), ("a", "b", "tie", 1), ("z", "z", "tie", 5)]
    )
    assert votes.self_battles == 7
    assert votes.models == ("a", "b")
    assert votes.votes_by_model.tolist() == [1, 1]


def test_takes_an_empty_list_of_votes() -> None:
    votes = VoteCounts.from_cells([])
    assert votes.models == ()
    assert votes.total == 0


def test_refuses_bad_cells_and_tells_each_by_its_number() -> None:
    with pytest.raises(BadCellsError) as caught:
        VoteCounts.from_cells(
            [
                ("a", "b", "tie", 1),
                ("a", "b", "bothbad", 1),
                ("a", "", "tie", 1),
                ("a", "b", "tie", -1),
            ]
        )
    assert isinstance(caught.value, RankingError)
    assert caught.value.count == 3
    assert caught.value.faults == (
        "count 2: outcome 'bothbad' is not one of model_a, model_b, tie",
        "count 3: model_b is '', not a name",
        "count 4: votes is -1, not 0 or more",
    )


def test_tells_ten_bad_cells_and_how_many_more_there_are() -> None:
    with pytest.raises(BadCellsError, match=r"12 bad vote counts: .*; and 2 more") as caught:
        VoteCounts.from_cells([("a", "b", "draw", 1)] * 12)
    assert len(caught.value.faults) == 10


@settings(deadline=None)  # a busy machine is no error
@given(cells=CELLS, shuffler=st.randoms())
def test_forgets_the_order_of_votes_and_the_side_models_were_shown_on(
    cells: list[tuple[str, str, str, int]], shuffler: Random
) -> None:
    swapped = {"model_a": "model_b", "model_b": "model_a", "tie": "tie"}
    mirrored = [(b, a, swapped[outcome], votes) for a, b, outcome, votes in cells]
    shuffler.shuffle(mirrored)
    here, there = VoteCounts.from_cells(cells), VoteCounts.from_cells(mirrored)
    assert here.models == there.models
    assert as_dict(here) == as_dict(there)
    assert here.self_battles == there.self_battles


def test_counts_arrays_of_votes_across_slices_like_cells() -> None:
    rng = np.random.default_rng(1)
    # More than one slice of 2**18 votes.
    model_a, model_b = rng.integers(0, 3, size=(2, 300_000))
    outcome = rng.integers(0, 3, size=300_000)
    models = ["z", "x", "y"]
    votes = VoteCounts.from_arrays(models, model_a=model_a, model_b=model_b, outcome=outcome)
    triples = np.stack([model_a, model_b, outcome])
    distinct, counts = np.unique(triples, axis=1, return_counts=True)
    expected = VoteCounts.from_cells(
        (models[a], models[b], ("model_a", "model_b", "tie")[won], count)
        for (a, b, won), count in zip(distinct.T.tolist(), counts.tolist(), strict=True)
    )
    assert as_dict(votes) == as_dict(expected)
    assert votes.self_battles == expected.self_battles > 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"model_a": [2]}, "model_a must lie from 0 to 1, got 2 to 2"),
        ({"model_b": [-1]}, "model_b must lie from 0 to 1, got -1 to -1"),
        ({"outcome": [3]}, "outcome must lie from 0 to 2, got 3 to 3"),
        ({"outcome": [1, 1]}, "must be equally long"),
        ({"votes": [1, 1]}, "must be equally long"),
        ({"votes": [-1]}, "votes must be 0 or more, got -1"),
        ({"votes": [np.nan]}, "votes must be 0 or more, got nan"),
        ({"votes": [0.5], "voter": [-1]}, "votes of unknown voters must be whole"),
        ({"voter": [1, 1]}, "must be equally long"),
    ],
)
def test_refuses_arrays_that_do_not_fit_together(
    arrays: dict[str, list[float]], message: str
) -> None:
    columns = {"model_a": [0], "model_b": [1], "outcome": [0], **arrays}
    with pytest.raises(ValueError, match=message):
        VoteCounts.from_arrays(
            ["a", "b"], **{name: np.array(values) for name, values in columns.items()}
        )


def test_refuses_models_that_are_named_twice() -> None:
    none = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="models must be distinct"):
        VoteCounts.from_arrays(["a", "a"], model_a=none, model_b=none, outcome=none)


def test_counts_voters_cell_by_cell() -> None:
    votes = VoteCounts.from_voter_cells(
        [
            ("mia", "b", "a", "model_a", 2),
            ("leo", "a", "b", "model_b", 1),
            ("mia", "a", "b", "tie", 1),
            ("mia", "a", "a", "tie", 1),
            ("mia", "a", "b", "model_b", 1),
        ]
    )
    assert as_dict(votes) == {("a", "b"): (0, 4, 1)}
    voters = votes.voters
    assert voters is not None
    assert voters.num_voters == 2
    # One pair, of which b won all but a tie; leo is voter 0. Halves of points of a.
    assert voters.pair.tolist() == [0, 0]
    assert voters.voter.tolist() == [0, 1]
    assert voters.votes.tolist() == [1, 4]
    assert voters.half_points.tolist() == [0, 1]


def test_counts_voters_the_same_from_arrays_in_any_order() -> None:
    rng = np.random.default_rng(4)
    names = ["d", "a", "c", "b"]
    size = 500
    a, b = rng.integers(0, 4, size=(2, size))
    outcome, number = rng.integers(0, 3, size), rng.integers(0, 3, size)
    # Numbers with gaps, as a database may have them.
    voter = 7 * rng.integers(0, 9, size)
    columns = {"model_a": a, "model_b": b, "outcome": outcome, "votes": number, "voter": voter}
    order = rng.permutation(size)
    shuffled = {name: column[order] for name, column in columns.items()}
    one = VoteCounts.from_arrays(names, **columns).voters
    other = VoteCounts.from_arrays(names, **shuffled).voters
    assert one is not None
    assert other is not None
    found: dict[tuple[int, str, str], list[int]] = {}
    for first, second, won, count, who in zip(a, b, outcome, number, voter, strict=True):
        if first != second and count:
            low, high = sorted((names[first], names[second]))
            points = 1 if won == 2 else 2 * ((names[first] == low) == (won == 0))
            entry = found.setdefault((who, low, high), [0, 0])
            entry[0] += count
            entry[1] += points * count
    pairs = [(low, high) for low in "abcd" for high in "abcd" if low < high]
    expected = [
        (who // 7, pairs.index((low, high)), *entry)
        for (who, low, high), entry in sorted(found.items())
    ]
    for voters in (one, other):
        rows = zip(voters.voter, voters.pair, voters.votes, voters.half_points, strict=True)
        assert [tuple(map(int, row)) for row in rows] == expected
