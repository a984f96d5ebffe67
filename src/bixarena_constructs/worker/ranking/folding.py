"""Adds up votes given as arrays, by pair of models and by voter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "OUTCOMES",
    "CountArray",
    "IntArray",
    "VoterCounts",
    "fold",
    "fold_voters",
    "pair_table",
]

IntArray: TypeAlias = NDArray[np.int64]
CountArray: TypeAlias = NDArray[np.int64 | np.float64]
"""Votes; weighted ones can be fractions."""

OUTCOMES: Final = ("model_a", "model_b", "tie")
_TIE: Final = OUTCOMES.index("tie")
# Folding makes a handful of temporaries as long as a slice: 2^18 votes keep them at 2 MB each.
_FOLD_SLICE: Final = 2**18


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VoterCounts:
    """The same votes, counted by voter and pair.

    A vote of an unknown voter is that of a voter of its own; those who cast the same vote share a
    number.

    Attributes:
        alike: How many voters a number stands for; shape ``(numbers,)``.
        voter: Ascending numbers from 0; shape ``(rows,)``.
        pair: Position among the pairs of the `VoteCounts`; shape ``(rows,)``.
        votes: Votes of this voter on this pair; shape ``(rows,)``.
        half_points: Twice the points they gave to the pair's first model, 1 for a tie; shape
            ``(rows,)``.
    """

    alike: IntArray
    voter: NDArray[np.int32]
    pair: NDArray[np.int32]
    votes: NDArray[np.integer | np.floating]
    half_points: NDArray[np.integer | np.floating]

    @property
    def num_voters(self) -> int:
        """How many voters there are."""
        return int(self.alike.sum())


def fold(
    place: IntArray,
    *,
    model_a: NDArray[np.integer],
    model_b: NDArray[np.integer],
    outcome: NDArray[np.integer],
    votes: NDArray[np.number] | None,
) -> CountArray:
    """Add up votes in a table of shape ``(outcomes, models, models)`` above its diagonal."""
    models = len(place)
    table = np.zeros(len(OUTCOMES) * models**2, dtype=_exact(votes))
    for start in range(0, len(model_a), _FOLD_SLICE):
        part = slice(start, start + _FOLD_SLICE)
        here, there = place[model_a[part]], place[model_b[part]]
        won = outcome[part].astype(np.int64)
        # Seen from the other side, a win of one is a win of the other; a tie stays a tie.
        won ^= (here > there) & (won != _TIE)
        cell = (won * models + np.minimum(here, there)) * models + np.maximum(here, there)
        if votes is None:
            table += np.bincount(cell, minlength=table.size)
        else:
            np.add.at(table, cell, votes[part])
    return table.reshape(len(OUTCOMES), models, models)


def pair_table(
    models: NDArray[np.object_], *, met: Sequence[str], first: IntArray, second: IntArray
) -> NDArray[np.int32]:
    """Number the pairs by the positions of both models; -1 for a pair that did not meet.

    Args:
        models: All models that positions refer to, ascending.
        met: Those that met another one, ascending.
        first: Position of each pair's first model among these; shape ``(pairs,)``.
        second: Position of its second model; shape ``(pairs,)``.
    """
    known = np.searchsorted(models, np.array(met, dtype=object))
    table = np.full((len(models), len(models)), -1, dtype=np.int32)
    table[known[first], known[second]] = np.arange(len(first))
    return table


def fold_voters(
    pair: NDArray[np.int32],
    *,
    half_points: NDArray[np.int32],
    votes: NDArray[np.number],
    voter: NDArray[np.integer],
) -> VoterCounts:
    """Add up votes of one voter on one pair; a pair of -1 is left out.

    Args:
        pair: Position of the pair; shape ``(n,)``.
        half_points: Twice what a vote gives to its first model; shape ``(n,)``.
        votes: How many such votes there are; shape ``(n,)``.
        voter: Number of the voter, below 0 for an unknown one; shape ``(n,)``.
    """
    met = (pair >= 0) & (votes > 0)
    known, unknown = met & (voter >= 0), met & (voter < 0)
    pair_known, votes_known = pair[known], votes[known]
    won = half_points[known] * _roomy(votes_known)
    order = np.lexsort([pair_known, voter[known]])
    pair_known, voter = pair_known[order], voter[known][order]
    is_new_voter = np.diff(voter, prepend=voter[:1] - 1) != 0
    starts = np.flatnonzero(is_new_voter | (np.diff(pair_known, prepend=-1) != 0))
    number = np.cumsum(is_new_voter, dtype=np.int32) - 1
    own_pair, own_points, own_voters = _own_votes(
        pair[unknown], half_points[unknown], votes[unknown]
    )
    num_known = int(is_new_voter.sum())
    return VoterCounts(
        alike=np.concatenate([np.ones(num_known, np.int64), own_voters]),
        voter=np.concatenate(
            [number[starts], np.arange(num_known, num_known + len(own_pair), dtype=np.int32)]
        ),
        pair=np.concatenate([pair_known[starts], own_pair]),
        votes=np.concatenate([_sums(votes_known[order], starts), np.ones_like(own_points)]),
        half_points=np.concatenate([_sums(won[order], starts), own_points]),
    )


def _own_votes(
    pair: NDArray[np.int32], half_points: NDArray[np.int32], votes: NDArray[np.number]
) -> tuple[NDArray[np.int32], NDArray[np.int32], IntArray]:
    """Add up the votes of unknown voters by pair and points."""
    kinds, place = np.unique(np.stack([pair, half_points]), axis=1, return_inverse=True)
    number = np.zeros(kinds.shape[1], dtype=np.int64)
    np.add.at(number, place.ravel(), votes.astype(np.int64))
    return kinds[0], kinds[1], number


def _exact(votes: NDArray[np.number] | None) -> type[np.int64 | np.float64]:
    """Return the type that sums of these votes are exact in."""
    return np.float64 if votes is not None and votes.dtype.kind == "f" else np.int64


def _roomy(votes: NDArray[np.number]) -> NDArray[np.number]:
    """Return votes in a type that holds twice as many."""
    is_large = votes.max(initial=0) > np.iinfo(np.int32).max // 2
    return votes.astype(_exact(votes)) if is_large else votes


def _sums(values: NDArray[np.number], starts: NDArray[np.intp]) -> NDArray[np.number]:
    if not len(starts):
        return np.zeros(0, dtype=np.int32)
    sums: CountArray = np.add.reduceat(values, starts, dtype=_exact(values))
    # Half the memory, where millions of voters are.
    is_short = sums.dtype.kind == "i" and sums.max() <= np.iinfo(np.int32).max
    return sums.astype(np.int32) if is_short else sums
