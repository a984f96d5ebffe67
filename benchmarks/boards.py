"""Simulated arenas: who meets whom and who wins, from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.ranking import VoteCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BOARDS", "Arena", "Votes"]

_NATURAL_UNITS_PER_ELO: Final = np.log(10) / 400
_STRENGTH_SD_ELO: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Votes as arrays of equal length; see `VoteCounts.from_arrays`."""

    models: list[str]
    model_a: NDArray[np.int64]
    model_b: NDArray[np.int64]
    outcome: NDArray[np.int64]

    def counted(self, *, voters: int | None = None) -> VoteCounts:
        """Count them.

        Args:
            voters: How many people took turns to cast them. Default: - nobody knows.
        """
        return VoteCounts.from_arrays(
            self.models,
            model_a=self.model_a,
            model_b=self.model_b,
            outcome=self.outcome,
            voter=np.arange(len(self.outcome)) % voters if voters else None,
        )


@dataclass(frozen=True, slots=True)
class Arena:
    """An arena of a size.

    Attributes:
        models: How many models.
        votes: How many votes.
        seed: Of the strengths and the votes.
        popularity_exponent: The k-th model's share of the battles falls like k to minus this.
        tie_share: Of the votes between equals.
    """

    models: int
    votes: int
    seed: int = 2026
    popularity_exponent: float = 0.7
    tie_share: float = 0.15

    def strengths(self) -> NDArray[np.float64]:
        """Draw the true strengths in Elo; shape ``(models,)``."""
        return np.random.default_rng(self.seed).normal(0, _STRENGTH_SD_ELO, self.models)

    def cast(self) -> Votes:
        """Draw votes: a pair by popularity, then a tie or the winner by strength.

        A tie takes half of its probability from each side, so that the expected points are
        Bradley-Terry's and the strengths are what an exact ranking converges to.
        """
        rng = np.random.default_rng([self.seed, self.votes])
        strength = self.strengths() * _NATURAL_UNITS_PER_ELO
        share = np.arange(1, self.models + 1) ** -self.popularity_exponent
        share = share / share.sum()
        side_a = rng.choice(self.models, size=self.votes, p=share)
        side_b = rng.choice(self.models, size=self.votes, p=share)
        while len(same := np.flatnonzero(side_a == side_b)):
            side_b[same] = rng.choice(self.models, size=len(same), p=share)
        points = 1 / (1 + np.exp(strength[side_b] - strength[side_a]))
        tie = 4 * self.tie_share * points * (1 - points)
        uniform = rng.random(self.votes)
        outcome = np.where(uniform < tie, 2, np.where(uniform < points + tie / 2, 0, 1))
        names = [f"model-{number:03}" for number in range(self.models)]
        return Votes(names, side_a, side_b, outcome)


BOARDS: Final = {
    "S": Arena(models=20, votes=10_000),
    "M": Arena(models=50, votes=100_000),
    "L": Arena(models=100, votes=1_000_000),
    "XL": Arena(models=200, votes=2_000_000),
}
"""The sizes of the tables in README.md."""
