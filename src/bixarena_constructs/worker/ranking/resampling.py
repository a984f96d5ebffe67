"""Draw replicates of votes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from bixarena_constructs.worker.ranking.condensed import CondensedTables
from bixarena_constructs.worker.ranking.poisson import PoissonSampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = ["Resampler", "VoteResampler"]

_STANDARD_DEVIATIONS_BELOW: Final = 1.5
# Votes are drawn in rows, as tables do it.
_ROW: Final = 1024
# Of more votes than these, the rest to add is so large that it takes much memory.
_MANY_VOTES: Final = 2**28


class Resampler(Protocol):
    """Draws the counts of whole replicates."""

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts of shape ``(cells, replicates)``; a cell is ``outcome * pairs + pair``."""


class VoteResampler:
    """Draws as many votes as there are, independently and each alike: a multinomial.

    Independent Poisson counts are multinomial once their total is known. So cells are drawn
    independently and cheaply, for a total a little below the votes, and the rest is added vote by
    vote; where there happen to be too many, votes drawn at random are taken back. Both steps keep
    the distribution exactly multinomial, whatever the first total was.
    """

    @classmethod
    def of(cls, votes: VoteCounts) -> VoteResampler:
        """Prepare for the cells of some votes.

        Raises:
            ValueError: They have weights.
        """
        counts = np.concatenate([votes.wins_first, votes.wins_second, votes.ties])
        if counts.dtype.kind == "f":
            raise ValueError("votes with weights cannot be resampled; take auto or voter")
        return cls(counts.astype(np.int64))

    def __init__(self, counts: NDArray[np.int64]) -> None:
        """Prepare for some votes.

        Args:
            counts: Votes of each cell, one or more in all; shape ``(cells,)``.
        """
        self._total = int(counts.sum())
        self._shares = counts / self._total
        # The drawn total is a few standard deviations below the votes: adding votes to all
        # replicates at once is cheap, taking them back goes replicate by replicate.
        shortfall = _STANDARD_DEVIATIONS_BELOW / math.sqrt(self._total)
        self._poisson = PoissonSampler(counts, scale=max(0.5, 1 - shortfall))
        voted = np.flatnonzero(counts).astype(np.uint32)
        # About sixteen slots for each cell: a vote in thirty or so is looked up twice.
        self._cell_of_a_vote = CondensedTables(
            [(voted, counts[voted] / self._total)], bits=len(voted).bit_length() + 4
        )

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts; see `Resampler`."""
        if self._total > _MANY_VOTES:
            return rng.multinomial(self._total, self._shares, size=replicates).T
        counts = self._poisson.draw(rng, replicates)
        missing = self._total - counts.sum(axis=0, dtype=np.int64)
        self._add(rng, counts, np.maximum(missing, 0))
        for replicate in np.flatnonzero(missing < 0):
            _take_back(rng, counts[:, replicate], int(-missing[replicate]))
        return counts

    def _add(
        self, rng: np.random.Generator, counts: NDArray[np.integer], missing: NDArray[np.int64]
    ) -> None:
        """Add votes, each drawn from all."""
        votes = int(missing.sum())
        rows = np.zeros(-(-votes // _ROW), dtype=np.int64)
        cell = self._cell_of_a_vote.draw(rng, rows, _ROW).reshape(-1)[:votes]
        place = cell * np.int64(counts.shape[1]) + np.repeat(np.arange(len(missing)), missing)
        # A 1 of the array's own type is added twenty times faster than a Python number.
        np.add.at(counts.reshape(-1), place, counts.dtype.type(1))


def _take_back(rng: np.random.Generator, counts: NDArray[np.integer], excess: int) -> None:
    """Remove some votes, drawn without replacement."""
    ends = np.cumsum(counts, dtype=np.int64)
    votes = rng.choice(ends[-1], size=excess, replace=False, shuffle=False)
    np.subtract.at(counts, np.searchsorted(ends, votes, side="right"), counts.dtype.type(1))
