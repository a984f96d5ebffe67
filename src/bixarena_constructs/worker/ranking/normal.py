"""Draws and probabilities of the normal distribution around the scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = ["normal_draws", "normal_probabilities"]


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
