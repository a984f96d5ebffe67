"""How often do 95 % intervals hold the truth, and how far off are scores? Seeded simulations.

Run with ``python -m benchmarks.calibration``; takes minutes. The table is in README.md.

Every board has as many fresh strengths as models, drawn with a standard deviation of 100 Elo, and
all pairs are equally likely. Truth and scores are both centred on the board's mean.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np
from benchmarks.boards import Arena

from bixarena_constructs.worker.ranking import NoFiniteEstimateError, RankingOptions, rank
from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.fit import fit_near
from bixarena_constructs.worker.ranking.likelihood import Likelihood, laplacian
from bixarena_constructs.worker.ranking.resampling import resampler_of
from bixarena_constructs.worker.ranking.sandwich import covariance
from bixarena_constructs.worker.ranking.scale import ELO_PER_NATURAL_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking import VoteCounts
    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.likelihood import FloatArray

SIZES: Final = ((10, 60), (10, 100), (10, 300), (10, 1000), (20, 2000))
ROUNDS: Final = 1000
Z: Final = NormalDist()
Bounds = tuple["FloatArray", "FloatArray"]


@dataclass
class Tally:
    """What one method did over the boards of one size."""

    covered: list[float] = field(default_factory=list)
    squared_errors: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)

    def add(self, truth: FloatArray, scores: FloatArray, bounds: Bounds) -> None:
        """Add a board."""
        lower, upper = bounds
        self.covered.append(float(((lower <= truth) & (truth <= upper)).mean()))
        self.squared_errors.append(float(((scores - truth) ** 2).mean()))
        self.widths.append(float(np.median(upper - lower)))

    def row(self, boards: int) -> str:
        """Give the share of boards with an estimate; coverage, RMSE and median width on them."""
        error = np.mean(self.squared_errors) ** 0.5
        return (
            f"{len(self.covered) / boards:.1%} | {np.mean(self.covered):.3f} | {error:.0f} | "
            f"{np.median(self.widths):.0f}"
        )


def shipped(votes: VoteCounts) -> Iterator[tuple[str, FloatArray, Bounds]]:
    """Rank by what the package offers; without a prior only where an estimate exists."""
    for prior in (0.5, 0.0):
        for method in ("percentile", "sandwich"):
            options = RankingOptions(
                prior_battles=prior, min_evals=0, interval_method=method, threads=1
            )
            try:
                ranking = rank(votes, options)
            except NoFiniteEstimateError:
                continue
            entries = sorted(ranking.entries, key=lambda entry: entry.model)
            scores, lower, upper = np.array(
                [(entry.score, entry.lower, entry.upper) for entry in entries]
            ).T
            yield f"prior {prior:g}, {method}", scores - 1000, (lower - 1000, upper - 1000)


def tried(votes: VoteCounts) -> Iterator[tuple[str, FloatArray, Bounds]]:
    """Rank by intervals of the literature that the package does not offer; prior 0.5."""
    board = fit_board(votes, 0.5)
    scores = _centred(board.theta)[:, 0]
    error = _errors(covariance(board, votes)[np.newaxis])[:, 0]
    counts = resampler_of(votes, "percentile").draw(np.random.default_rng(0), ROUNDS)
    replicates, errors = _replicates(board, counts)
    battles = votes.votes_by_model
    student = np.array([_student_quantile(0.975, max(n - 1, 4)) for n in battles])
    yield "expanded percentile", scores, _quantiles(replicates, _expanded_tail(student, battles))
    yield "sandwich, Student", scores, (scores - student * error, scores + student * error)
    yield "BCa", scores, _bca(board, votes, scores, replicates)
    pivots = (replicates - scores[:, np.newaxis]) / errors
    low, high = np.quantile(pivots, [0.025, 0.975], axis=1)
    yield "studentised bootstrap", scores, (scores - high * error, scores - low * error)


def _centred(theta: FloatArray) -> FloatArray:
    scores: FloatArray = ELO_PER_NATURAL_UNIT * (theta - theta.mean(axis=0))
    return scores


def _errors(covariances: FloatArray) -> FloatArray:
    """Take standard errors of centred scores; shape ``(models, replicates)``."""
    centred = covariances - covariances.mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=2, keepdims=True)
    variance = np.diagonal(centred, axis1=1, axis2=2).T
    errors: FloatArray = ELO_PER_NATURAL_UNIT * np.sqrt(variance)
    return errors


def _replicates(board: Board, counts: NDArray[np.integer]) -> tuple[FloatArray, FloatArray]:
    """Fit replicates, and their own sandwich errors."""
    pairs = board.pairs
    first, second, ties = counts.reshape(3, len(pairs.first), -1).astype(np.float64)
    by_first, by_second = first + ties / 2, second + ties / 2
    likelihood = Likelihood(
        pairs=pairs,
        battles=by_first + by_second,
        points=pairs.collect(by_first, by_second),
        prior=board.prior,
    )
    theta = fit_near(likelihood, board.theta, board.inverse)
    win = 1 / (1 + np.exp(theta[pairs.second] - theta[pairs.first]))
    surprise = first * (1 - win) ** 2 + second * win**2 + ties * (0.5 - win) ** 2
    meat = laplacian(pairs, surprise, np.zeros_like(theta))
    inverse = np.linalg.inv(likelihood.curvature(theta))
    return _centred(theta), _errors(inverse @ meat @ inverse)


def _quantiles(replicates: FloatArray, tails: FloatArray) -> Bounds:
    """Take quantiles with a tail of its own for each model."""
    pairs = [
        np.quantile(row, [tail, 1 - tail]) for row, tail in zip(replicates, tails, strict=True)
    ]
    low, high = np.array(pairs).T
    return low, high


def _student_quantile(share: float, degrees: int) -> float:
    """Expand Student's quantile in the normal one: Abramowitz & Stegun (1964), 26.7.5."""
    z = Z.inv_cdf(share)
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def _expanded_tail(student: FloatArray, battles: NDArray[np.int64]) -> FloatArray:
    """Widen percentiles as a Student interval would be: Hesterberg (2015), section 3.2."""
    sizes = np.maximum(battles, 5)
    return np.array([Z.cdf(-x) for x in np.sqrt(sizes / (sizes - 1)) * student])


def _bca(board: Board, votes: VoteCounts, scores: FloatArray, replicates: FloatArray) -> Bounds:
    """Correct bias and acceleration: Efron (1987), with each vote's influence from the fit."""
    pairs = board.pairs
    win = 1 / (1 + np.exp(board.theta[pairs.second, 0] - board.theta[pairs.first, 0]))
    lever = _centred(board.inverse)
    lever = lever[:, pairs.first] - lever[:, pairs.second]
    square, cube = np.zeros(len(scores)), np.zeros(len(scores))
    for number, points in ((votes.wins_first, 1.0), (votes.wins_second, 0.0), (votes.ties, 0.5)):
        influence = lever * (points - win)
        square += (number * influence**2).sum(axis=1)
        cube += (number * influence**3).sum(axis=1)
    acceleration = cube / (6 * square**1.5)
    below = ((replicates < scores[:, np.newaxis]).mean(axis=1) * ROUNDS + 0.5) / (ROUNDS + 1)
    bounds = []
    for row, share, a in zip(replicates, below, acceleration, strict=True):
        bias = Z.inv_cdf(float(share))
        shifted = [bias + Z.inv_cdf(tail) for tail in (0.025, 0.975)]
        bounds.append(np.quantile(row, [Z.cdf(bias + x / (1 - a * x)) for x in shifted]))
    low, high = np.array(bounds).T
    return low, high


def main(boards: int) -> None:
    """Simulate every size and print a Markdown table."""
    print(f"{boards} boards a size; boards with an estimate | coverage | RMSE | median width\n")
    for models, votes in SIZES:
        tallies: dict[str, Tally] = defaultdict(Tally)
        for seed in range(boards):
            arena = Arena(models=models, votes=votes, seed=seed, popularity_exponent=0)
            counts = arena.cast().counted()
            present = [int(name.removeprefix("model-")) for name in counts.models]
            truth = arena.strengths()[present]
            for method in (shipped, tried):
                for name, scores, bounds in method(counts):
                    tallies[name].add(truth - truth.mean(), scores, bounds)
        print(f"{models} models, {votes} votes")
        for name, tally in tallies.items():
            print(f"| {name} | {tally.row(boards)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
