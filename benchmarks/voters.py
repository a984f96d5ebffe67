"""How often do 95 % intervals hold the truth when a few people cast many votes?

    python -m benchmarks.voters

Every voter has a taste of their own: a normal deviation from the strength of each model. The truth
is what infinitely many voters would make of the board: the fit to each pair's expected points.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from benchmarks.coverage import Tally
from benchmarks.interval_methods import METHODS, OFFERED

from bixarena_constructs.worker.ranking import VoteCounts
from bixarena_constructs.worker.ranking.board import fit_board

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.worker.ranking.likelihood import FloatArray

_ELO: Final = 400 / math.log(10)
_STRENGTH_SD: Final = 100 / _ELO
_TIE_SHARE: Final = 0.15
_POPULARITY_OF_MODELS: Final = 0.7


@dataclass(frozen=True)
class VoterCell:
    """A kind of board.

    Attributes:
        models: How many models.
        votes: How many votes.
        voters: How many voters.
        popularity: The k-th voter's share of the votes falls like k to minus this.
        taste: Standard deviation of one voter's tastes, Elo.
        models_seen: How many models each voter sees. Default: all.
    """

    models: int
    votes: int
    voters: int
    popularity: float
    taste: float
    models_seen: int | None = None

    def __str__(self) -> str:
        shares = "by popularity" if self.popularity else "equal"
        seen = f", each on {self.models_seen} models" if self.models_seen else ""
        return f"{self.models} x {self.votes}, {self.voters} {shares}{seen}"

    def measure(self, methods: Sequence[str], boards: int) -> list[Tally]:
        """Simulate boards; return a tally for each method."""
        tallies = [Tally() for _ in methods]
        for seed in range(boards):
            votes, truth = self._board(np.random.default_rng([seed, self.votes, self.voters]))
            board = fit_board(votes, 0.5)
            listed = np.arange(len(votes.models))
            for method, tally in zip(methods, tallies, strict=True):
                evidence = METHODS[method](board, votes)(listed)
                tally.add(evidence, truth, np.zeros(len(listed), dtype=np.bool_))
        return tallies

    def _board(self, rng: np.random.Generator) -> tuple[VoteCounts, FloatArray]:
        strength = rng.normal(0, _STRENGTH_SD, self.models)
        shares = np.arange(1, self.voters + 1) ** -self.popularity
        voter = rng.choice(self.voters, size=self.votes, p=shares / shares.sum())
        interest = self._interest(rng)
        side_a, side_b = _pairs(rng, interest[voter])
        taste = rng.normal(0, self.taste / _ELO, (self.voters, self.models))
        gap = strength[side_a] - strength[side_b] + taste[voter, side_a] - taste[voter, side_b]
        points = 1 / (1 + np.exp(-gap))
        tie = 4 * _TIE_SHARE * points * (1 - points)
        uniform = rng.random(self.votes)
        votes = VoteCounts.from_arrays(
            [f"model-{number:03}" for number in range(self.models)],
            model_a=side_a,
            model_b=side_b,
            outcome=np.where(uniform < tie, 2, np.where(uniform < points + tie / 2, 0, 1)),
            voter=voter,
        )
        present = [int(name.removeprefix("model-")) for name in votes.models]
        truth = _ELO * _limit(strength, self.taste / _ELO)
        return votes, truth[present]

    def _interest(self, rng: np.random.Generator) -> FloatArray:
        """Give each voter's probabilities of models; shape ``(voters, models)``."""
        share = np.arange(1.0, self.models + 1) ** -_POPULARITY_OF_MODELS
        interest = np.tile(share, (self.voters, 1))
        if self.models_seen:
            order = rng.random(interest.shape).argsort(axis=1).argsort(axis=1)
            interest[order >= self.models_seen] = 0
        total: FloatArray = interest / interest.sum(axis=1, keepdims=True)
        return total


def _pairs(rng: np.random.Generator, share: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """Draw two different models a vote: the largest of independent exponential races."""
    race = rng.exponential(size=share.shape) / np.maximum(share, 1e-300)
    first, second = np.argpartition(race, 1, axis=1)[:, :2].T
    swap = rng.random(len(first)) < 0.5  # noqa: PLR2004 - either side
    return np.where(swap, second, first), np.where(swap, first, second)


def _limit(strength: FloatArray, taste: float) -> FloatArray:
    """Fit Bradley and Terry's model to expected points, each pair alike; natural-log units."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    gap = strength[:, np.newaxis] - strength
    logistic = 1 / (1 + np.exp(-gap[..., np.newaxis] - math.sqrt(2) * taste * nodes))
    points = logistic @ (weights / weights.sum())
    theta = strength.copy()
    for _ in range(25):
        expected = 1 / (1 + np.exp(theta - theta[:, np.newaxis]))
        weight = expected * (1 - expected)
        np.fill_diagonal(weight, 0)
        curvature = np.diag(weight.sum(axis=1)) - weight + 1 / len(theta)
        theta = theta + np.linalg.solve(curvature, (points - expected).sum(axis=1))
    return theta


CELLS: Final = tuple(
    VoterCell(models, votes, voters, popularity, taste, seen)
    for models, votes, voters, popularity, seen in (
        (10, 5000, 200, 1.0, None),
        (10, 1000, 50, 1.0, None),
        (20, 2000, 50, 1.0, None),
        (10, 300, 100, 0.0, None),
        (10, 1000, 10, 0.0, None),
        (10, 1000, 10, 1.0, None),
        (10, 1000, 5, 0.0, None),
        (10, 1000, 3, 0.0, None),
        (10, 2000, 60, 1.0, 3),
        (10, 2000, 20, 0.0, 3),
        (10, 60, 30, 1.0, None),
        (5, 300, 20, 1.0, None),
    )
    for taste in (100.0, 0.0)
)


def main(boards: int) -> None:
    """Simulate every cell and print a Markdown table for each taste."""
    for taste in (100.0, 0.0):
        print(
            f"\n{boards} boards a cell, taste {taste:.0f}: scores / places / mean width\n\n"
            f"| models x votes, voters | {' | '.join(f'`{method}`' for method in OFFERED)} |\n"
            f"|---{'|---:' * len(OFFERED)}|"
        )
        for cell in CELLS:
            if cell.taste == taste:
                columns = " | ".join(map(_summary, cell.measure(OFFERED, boards)))
                print(f"| {cell} | {columns} |", flush=True)


def _summary(tally: Tally) -> str:
    held = (f"{np.mean(each):.3f}" for each in (tally.covered, tally.placed))
    return f"{' / '.join(held)} / {np.mean(tally.widths):.0f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
