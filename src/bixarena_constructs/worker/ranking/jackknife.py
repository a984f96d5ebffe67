"""How much scores vary from voter to voter: votes of one voter are alike.

Each voter is left out in turn, with all of their votes, and one Newton step from the estimate says
where the scores go: the linearised cluster jackknife of logistic regression (MacKinnon, Nielsen &
Webb 2024, arXiv:2406.00650).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.ranking.covariance import expected_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.folding import IntArray, VoterCounts
    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = ["FEWEST_VOTERS", "effective_number", "student_quantile", "voter_variance"]

FEWEST_VOTERS: Final = 3.0
"""Voters, as `effective_number` counts them, below which leaving out a voter shows too little."""

# Matrix entries worked on at a time: 8 MB.
_ENTRIES: Final = 2**20
# A voter has leverage 1, and residuals of 0, if some model has no finite score without them.
_LEVERAGE_MARGIN: Final = 1e-6


def effective_number(votes: FloatArray | IntArray, alike: IntArray | None = None) -> float:
    """Count voters by how evenly they share the votes: Kish (1965), section 11.7.

    Args:
        votes: Votes of each voter, one or more in all; shape ``(voters,)``.
        alike: How many voters each of them stands for. Default: - one.
    """
    voters = np.ones(len(votes)) if alike is None else alike
    shares = votes / (voters @ votes)
    return float(1 / (voters @ shares**2))


def student_quantile(share: float, degrees: FloatArray) -> FloatArray:
    """Approximate quantiles of Student's distribution, 1 % too large at most.

    Gaver & Kafadar (1984), The American Statistician 38, page 308.

    Args:
        share: Between one half and 1.
        degrees: Of freedom, 2 or more.
    """
    z = NormalDist().inv_cdf(share)
    factor = (degrees - 5 / 6) / (degrees - 2 / 3 + 1 / (10 * degrees)) ** 2
    quantile: FloatArray = np.sqrt(degrees * np.expm1(z**2 * factor))
    return quantile


def voter_variance(
    board: Board, voters: VoterCounts, listed: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Estimate the variance of the listed models' abilities, relative to their mean.

    Args:
        board: The fit.
        voters: What it was fitted to, by voter.
        listed: Positions of the listed models.

    Returns:
        Variances in squared natural-log units, and for each model the effective number of voters
        who voted on it; shape ``(listed,)`` each.
    """
    influence = board.inverse[listed]
    influence = influence - influence.mean(axis=0)
    total, squares = np.zeros(len(listed)), np.zeros(len(listed))
    cast, cast_squares = np.zeros(board.pairs.models), np.zeros(board.pairs.models)
    for alike, pull, votes in _blocks(board, voters):
        moved = pull @ influence.T
        total += alike @ moved
        squares += alike @ moved**2
        cast += alike @ votes
        cast_squares += alike @ votes**2
    number = voters.num_voters
    variance = (number - 1) / number * (squares - total**2 / number)
    effective: FloatArray = cast[listed] ** 2 / cast_squares[listed]
    return np.maximum(variance, 0), effective


def _blocks(
    board: Board, voters: VoterCounts
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Give, for some voters at a time, how far they pull each model, and their votes on it.

    Leaving out a voter moves the abilities by minus the inverse curvature times the pull.

    Yields:
        How many voters each stands for, of shape ``(some voters,)``; then in points and in votes,
        of shape ``(some voters, models)`` each.
    """
    models = board.pairs.models
    starts = np.searchsorted(voters.voter, np.arange(len(voters.alike) + 1))
    lengths = np.diff(starts)
    for length in np.unique(lengths).tolist():
        equal = np.flatnonzero(lengths == length)
        batch = max(1, _ENTRIES // max(length**2, models))
        for begin in range(0, len(equal), batch):
            some = equal[begin : begin + batch]
            rows = starts[some, np.newaxis] + np.arange(length)
            pair = voters.pair[rows].astype(np.int64)
            votes = voters.votes[rows].astype(np.float64)
            points = voters.half_points[rows] / 2
            solve = _pull_by_pairs if length <= models else _pull_by_models
            yield (
                voters.alike[some].astype(np.float64),
                solve(board, pair, votes=votes, points=points),
                _scatter(board, pair, votes, votes),
            )


def _pull_by_pairs(
    board: Board, pair: IntArray, *, votes: FloatArray, points: FloatArray
) -> FloatArray:
    """Solve in as many unknowns as a voter saw pairs.

    With A the differences that these pairs are, W their weights and r their residuals, the
    curvature without the voter, H - A' W A, inverted and applied to A' r, is
    H^-1 A' (1 - W A H^-1 A')^-1 r: Woodbury's identity.

    Args:
        board: The fit.
        pair: Pairs that each voter saw; shape ``(some voters, pairs)``.
        votes: Their votes on each; same shape.
        points: What they gave to its first model; same shape.
    """
    residuals, weight = _residuals(board, pair, votes, points)
    first, second = board.pairs.first[pair], board.pairs.second[pair]
    rows, columns = np.s_[:, :, np.newaxis], np.s_[:, np.newaxis, :]
    between = (
        board.inverse[first[rows], first[columns]]
        - board.inverse[first[rows], second[columns]]
        - board.inverse[second[rows], first[columns]]
        + board.inverse[second[rows], second[columns]]
    )
    matrix = -weight[rows] * between
    own = np.arange(pair.shape[1])
    matrix[:, own, own] += 1 + _LEVERAGE_MARGIN
    inflated = np.linalg.solve(matrix, residuals[..., np.newaxis])[..., 0].astype(np.float64)
    return _scatter(board, pair, inflated, -inflated)


def _pull_by_models(
    board: Board, pair: IntArray, *, votes: FloatArray, points: FloatArray
) -> FloatArray:
    """Solve in as many unknowns as there are models, for voters who saw more pairs than these."""
    residuals, weight = _residuals(board, pair, votes, points)
    models = board.pairs.models
    plain = _scatter(board, pair, residuals, -residuals)
    pulls = np.empty_like(plain)
    for voter, (pairs, weights) in enumerate(zip(pair, weight, strict=True)):
        curvature = np.zeros((models, models))
        first, second = board.pairs.first[pairs], board.pairs.second[pairs]
        curvature[first, second] = curvature[second, first] = -weights
        own = np.arange(models)
        curvature[own, own] = -curvature.sum(axis=0)
        matrix = (1 + _LEVERAGE_MARGIN) * np.eye(models) - curvature @ board.inverse
        pulls[voter] = np.linalg.solve(matrix, plain[voter])
    return pulls


def _residuals(
    board: Board, pair: IntArray, votes: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Give points beyond the expected ones, and weights in the curvature, of voters by pair."""
    expected = expected_points(board)[pair]
    return points - votes * expected, votes * expected * (1 - expected)


def _scatter(
    board: Board, pair: IntArray, for_first: FloatArray, for_second: FloatArray
) -> FloatArray:
    """Add up by model what pairs hold for their two; shape ``(some voters, models)``."""
    total = np.zeros((len(pair), board.pairs.models))
    row = np.arange(len(pair))[:, np.newaxis]
    np.add.at(total, (row, board.pairs.first[pair]), for_first)
    np.add.at(total, (row, board.pairs.second[pair]), for_second)
    return total
