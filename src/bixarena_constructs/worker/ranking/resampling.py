"""Draw replicates of votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from bixarena_constructs.worker.ranking.errors import VotersMissingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking.options import IntervalMethod
    from bixarena_constructs.worker.ranking.votes import VoteCounts, VoterCounts

__all__ = ["Resampler", "VoteResampler", "VoterResampler", "resampler_of"]


class Resampler(Protocol):
    """Draws the counts of whole replicates."""

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts of shape ``(cells, replicates)``; a cell is ``outcome * pairs + pair``."""


class VoteResampler:
    """Draws as many votes as there are, each alike and independently: a multinomial."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._total = int(counts.sum())
        self._shares = counts / self._total

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts; see `Resampler`."""
        return rng.multinomial(self._total, self._shares, size=replicates).T


class VoterResampler:
    """Draws as many voters as there are, with all votes of each.

    Votes of one voter are alike, so voters and not votes are what was sampled. Field & Welsh
    (2007), doi:10.1111/j.1467-9868.2007.00593.x, call it the cluster bootstrap.
    """

    def __init__(self, voters: VoterCounts, *, cells: int) -> None:
        self._voters = voters
        self._cells = cells
        self._weights = VoteResampler(np.ones(voters.num_voters, dtype=np.int64))
        self._present, self._starts = np.unique(voters.cell, return_index=True)

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts; see `Resampler`."""
        weights = self._weights.draw(rng, replicates)
        counts = np.zeros((self._cells, replicates), dtype=np.int64)
        votes = weights[self._voters.voter] * self._voters.votes[:, np.newaxis]
        counts[self._present] = np.add.reduceat(votes, self._starts, axis=0)
        return counts


def resampler_of(votes: VoteCounts, method: IntervalMethod) -> Resampler:
    """Choose how replicates are drawn.

    Raises:
        VotersMissingError: When voters are to be resampled but were not counted.
    """
    if method != "voter":
        return VoteResampler(np.concatenate([votes.wins_first, votes.wins_second, votes.ties]))
    if votes.voters is None:
        raise VotersMissingError
    return VoterResampler(votes.voters, cells=3 * len(votes.first))
