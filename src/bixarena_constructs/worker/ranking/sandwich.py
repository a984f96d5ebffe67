"""The robust variance of a fit, and scores drawn from its normal approximation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bixarena_constructs.worker.ranking.likelihood import laplacian

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = ["covariance", "normal_draws"]


def covariance(board: Board, votes: VoteCounts) -> FloatArray:
    """Estimate the covariance of the abilities without trusting the model of a single vote.

    The sandwich: curvature inverted, times the sum over votes of squared scores, times curvature
    inverted (Huber 1967; for arena votes Chiang et al. 2024, arXiv:2403.04132). The inverse
    information alone is too wide when ties count as half wins.

    Args:
        board: The fit.
        votes: What it was fitted to.

    Returns:
        In squared natural-log units; shape ``(models, models)``.
    """
    pairs = board.pairs
    expected = 1 / (1 + np.exp(board.theta[pairs.second, 0] - board.theta[pairs.first, 0]))
    surprise = (
        votes.wins_first * (1 - expected) ** 2
        + votes.wins_second * expected**2
        + votes.ties * (0.5 - expected) ** 2
    )
    no_prior = np.zeros((pairs.models, 1))
    meat = laplacian(pairs, surprise[:, np.newaxis], no_prior)[0]
    # A covariance has the mean removed. At the maximum the votes' gradient is minus the prior's.
    total = board.prior * (1 / (1 + np.exp(-board.theta)) - 0.5)
    meat -= total @ total.T / votes.total
    sandwich: FloatArray = board.inverse @ meat @ board.inverse
    return sandwich


def normal_draws(
    scores: FloatArray, covariance_of_scores: FloatArray, *, rounds: int, seed: int
) -> FloatArray:
    """Draw scores from the normal distribution around them.

    Args:
        scores: Shape ``(models,)``.
        covariance_of_scores: Shape ``(models, models)``.
        rounds: How many draws.
        seed: Of the draws.

    Returns:
        Shape ``(models, rounds)``.
    """
    rng = np.random.default_rng(seed)
    # Centred scores have a singular covariance, which Cholesky's factorisation would refuse.
    values, vectors = np.linalg.eigh(covariance_of_scores)
    root = vectors * np.sqrt(np.maximum(values, 0))
    noise: FloatArray = root @ rng.standard_normal((len(scores), rounds))
    return scores[:, np.newaxis] + noise
