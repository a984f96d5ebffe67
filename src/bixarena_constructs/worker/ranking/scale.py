"""The scale scores are told on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = ["ELO_PER_NATURAL_UNIT", "centred_scores"]

ELO_PER_NATURAL_UNIT: Final = 400 / math.log(10)
"""Elo (1978): 400 points are odds of 10 to 1."""
_MEAN_SCORE: Final = 1000


def centred_scores(abilities: FloatArray) -> FloatArray:
    """Turn abilities of the listed models into scores with mean 1000.

    Unlisted models are left out of the mean: a newcomer that lost its only vote would otherwise
    lift everybody.

    Args:
        abilities: In natural-log units; shape ``(models, replicates)``. Infinite and NaN ones
            stay and are left out of the mean.

    Returns:
        Shape ``(models, replicates)``.
    """
    finite = np.isfinite(abilities)
    number = np.maximum(finite.sum(axis=0), 1)
    mean = abilities.sum(axis=0, where=finite) / number
    scores: FloatArray = _MEAN_SCORE + ELO_PER_NATURAL_UNIT * (abilities - mean)
    return scores
