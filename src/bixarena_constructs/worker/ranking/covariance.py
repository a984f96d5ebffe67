"""Covariances of the abilities in closed form, and the normal distribution with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.ranking.likelihood import laplacian

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.folding import IntArray
    from bixarena_constructs.worker.ranking.graph import BoolArray
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = [
    "expected_points",
    "model_covariance",
    "normal_draws",
    "normal_probabilities",
    "sandwich_covariance",
]

# Even battles with the board's share of ties that are added to each model's own.
_TIE_BATTLES: Final = 10.0


def model_covariance(
    board: Board, votes: VoteCounts, listed: IntArray | None = None
) -> FloatArray:
    """Compute the covariance of the abilities from the variance that the fit expects of a vote.

    The curvature inverted, times the expected variance of the votes' gradient, times the curvature
    inverted: le Cessie & van Houwelingen (1992), doi:10.2307/2347628, for a penalised likelihood.
    A vote with probability p of a win and tau of a tie, a tie being half a point, has variance
    p (1 - p) - tau / 4. What is expected counts, not what happened to come out, so a model that
    took all of its points, or none, is not certain. But the fit expects too much of it: its
    variance is that over the residual degrees of freedom, as a dispersion is.

    Args:
        board: The fit.
        votes: What it was fitted to.
        listed: Positions of the models to compute it for. Default: - all.

    Returns:
        In squared natural-log units; shape ``(listed, listed)``. Only differences have a meaning
        without a prior.
    """
    pairs, inverse = board.pairs, board.inverse
    expected = expected_points(board)
    weight = expected * (1 - expected)
    own = np.diag(inverse)
    spread = own[pairs.first] + own[pairs.second] - 2 * inverse[pairs.first, pairs.second]
    # The fit pulls p towards what happened, by the leverage of a vote (Pregibon 1981,
    # doi:10.1214/aos/1176345513), and so makes p (1 - p) too small.
    leverage = weight * spread
    even = 4 * votes.battles * weight * (1 + leverage)
    variance = votes.battles * weight * (1 - _tie_shares(board, votes, even))
    wider = np.ones(pairs.models)
    one_sided = _one_sided(board, votes)
    if one_sided.any():
        # Votes with weights can be less than their number, which is as many as pairs at least.
        total = max(votes.battles.sum(), len(votes.battles))
        wider[one_sided] = math.sqrt(total / (total - votes.battles @ leverage))
    wider = _of(wider, listed)
    return _between_curvatures(board, variance, listed) * wider * wider[:, np.newaxis]


def sandwich_covariance(
    board: Board, votes: VoteCounts, listed: IntArray | None = None
) -> FloatArray:
    """Estimate the covariance of the abilities without trusting the model of a single vote.

    The sandwich: as `model_covariance`, with the squared residuals of the votes in place of their
    expected variance (Huber 1967; for arena votes Chiang et al. 2024, arXiv:2403.04132). Where
    votes have no residuals, as those of a model that won all of its battles, it is too small.

    Args:
        board: The fit.
        votes: What it was fitted to.
        listed: Positions of the models to compute it for. Default: - all.

    Returns:
        In squared natural-log units; shape ``(listed, listed)``.
    """
    expected = expected_points(board)
    squares = (
        votes.wins_first * (1 - expected) ** 2
        + votes.wins_second * expected**2
        + votes.ties * (0.5 - expected) ** 2
    )
    covariance = _between_curvatures(board, squares, listed)
    # A covariance has the mean removed. At the maximum the votes' gradient is minus the prior's.
    total = _of(board.inverse, listed) @ (board.prior * (1 / (1 + np.exp(-board.theta)) - 0.5))
    removed: FloatArray = covariance - total @ total.T / votes.battles.sum()
    return removed


def normal_draws(
    scores: FloatArray, covariance: FloatArray, *, rounds: int, seed: int
) -> FloatArray:
    """Draw scores from the normal distribution around them.

    Args:
        scores: Shape ``(models,)``.
        covariance: Of the scores; shape ``(models, models)``.
        rounds: How many draws.
        seed: Of the draws.

    Returns:
        Shape ``(models, rounds)``.
    """
    rng = np.random.default_rng(seed)
    # Centred scores have a singular covariance, which Cholesky's factorisation would refuse. The
    # symmetric root is unique, so nothing hangs on the signs of the eigenvectors.
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    noise: FloatArray = root @ rng.standard_normal((len(scores), rounds))
    return scores[:, np.newaxis] + noise


def normal_probabilities(gap: FloatArray, error: FloatArray) -> FloatArray:
    """Compute the probability that a difference is positive.

    Args:
        gap: Estimated differences.
        error: Their standard errors; 0 leaves no doubt but where the difference is 0 as well.

    Returns:
        Of the same shape.
    """
    certain = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
    standardised = np.divide(gap, error, out=certain, where=error > 0)
    # numpy has no distribution function of its own.
    tail = np.vectorize(math.erfc, otypes=[np.float64])
    probability: FloatArray = tail(-standardised / math.sqrt(2)) / 2
    return probability


def expected_points(board: Board) -> FloatArray:
    """Expect the points of each pair's first model in one battle; shape ``(pairs,)``."""
    theta = board.theta[:, 0]
    points: FloatArray = 1 / (1 + np.exp(theta[board.pairs.second] - theta[board.pairs.first]))
    return points


def _between_curvatures(board: Board, variance: FloatArray, listed: IntArray | None) -> FloatArray:
    """Carry the variance of each pair's points over to the abilities."""
    no_prior = np.zeros((board.pairs.models, 1))
    meat = laplacian(board.pairs, variance[:, np.newaxis], no_prior)[0]
    # Of thousands of models with a vote or two, few are listed.
    inverse = _of(board.inverse, listed)
    covariance: FloatArray = inverse @ meat @ inverse.T
    return covariance


def _of(values: FloatArray, listed: IntArray | None) -> FloatArray:
    return values if listed is None else values[listed]


def _one_sided(board: Board, votes: VoteCounts) -> BoolArray:
    """Find which models took all of their points or none; shape ``(models,)``."""
    points = board.pairs.collect(
        (votes.wins_first + votes.ties / 2)[:, np.newaxis],
        (votes.wins_second + votes.ties / 2)[:, np.newaxis],
    )[:, 0]
    one_sided: BoolArray = (points == 0) | (points == votes.votes_by_model)
    return one_sided


def _tie_shares(board: Board, votes: VoteCounts, even: FloatArray) -> FloatArray:
    """Estimate the part of each pair's variance that ties take away.

    Some models tie more than others, so each has a rate of its own, drawn towards the board's by a
    few battles; a pair has the product of its two.

    Args:
        board: The fit.
        votes: What it was fitted to.
        even: Battles of each pair, an even one counting 1; shape ``(pairs,)``.

    Returns:
        Below 1, as far as so many ties can show (the rule of succession); shape ``(pairs,)``.
    """
    ties = float(votes.ties.sum())
    if ties == 0:
        return np.zeros(len(even))
    overall = ties / even.sum()
    tied, battles = (
        board.pairs.collect(each[:, np.newaxis], each[:, np.newaxis])[:, 0]
        for each in (votes.ties.astype(np.float64), even)
    )
    rate = (tied + _TIE_BATTLES * overall) / (battles + _TIE_BATTLES) / math.sqrt(overall)
    shares: FloatArray = np.minimum(
        rate[board.pairs.first] * rate[board.pairs.second], ties / (ties + 1)
    )
    return shares
