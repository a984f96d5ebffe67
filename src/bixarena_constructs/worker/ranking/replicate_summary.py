"""Scores, and what replicates of them say: percentiles, rank intervals and probabilities.

Replicates can hold plus and minus infinity, and NaN for unknown (see `existence`): an unknown
score counts at the low end of lower bounds and at the high end of upper ones, and as half a chance
in a comparison.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bixarena_constructs.worker.ranking.result import SCORE_DECIMALS

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = [
    "ELO_PER_NATURAL_UNIT",
    "centred_scores",
    "percentile_bounds",
    "probability_above",
    "probability_best",
    "rank_bounds",
    "ranks_of",
]

IntArray: TypeAlias = NDArray[np.int64]

ELO_PER_NATURAL_UNIT: Final = 400 / math.log(10)
"""Elo (1978): 400 points are odds of 10 to 1."""
_MEAN_SCORE: Final = 1000
# As many models as there are levels of a short number.
_SHORT: Final = 2**15


def centred_scores(abilities: FloatArray) -> FloatArray:
    """Turn abilities of the listed models into scores with mean 1000.

    Unlisted models are left out of the mean: a newcomer that lost its only vote would otherwise
    lift all the others.

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


def ranks_of(scores: FloatArray) -> IntArray:
    """Rank by 1 + the number of scores above, as they are stored; shape ``(models,)``."""
    stored = scores.round(SCORE_DECIMALS)
    ranks: IntArray = 1 + (stored[:, np.newaxis] > stored).sum(axis=0)
    return ranks


def percentile_bounds(scores: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Take the percentile interval of each model: Efron & Tibshirani (1993), chapter 13.

    Args:
        scores: Shape ``(models, rounds)``.
        confidence: Share of the rounds between the bounds.

    Returns:
        Lower and upper bounds; shape ``(models,)`` each.
    """
    tail = (1 - confidence) / 2
    lower = np.sort(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    upper = np.sort(np.where(np.isnan(scores), np.inf, scores), axis=1)
    return _quantile(lower, tail), -_quantile(-upper[:, ::-1], tail)


def _quantile(ascending: FloatArray, share: float) -> FloatArray:
    """Interpolate between order statistics. Next to an infinite one, take the smaller."""
    position = share * (ascending.shape[1] - 1)
    before = int(position)
    below, above = ascending[:, before], ascending[:, min(before + 1, ascending.shape[1] - 1)]
    finite = np.isfinite(below) & np.isfinite(above)
    rise = np.subtract(above, below, out=np.zeros_like(below), where=finite)
    quantile: FloatArray = below + (position - before) * rise
    return quantile


def rank_bounds(scores: FloatArray, confidence: float) -> tuple[IntArray, IntArray]:
    """Take the percentile interval of each model's place.

    Args:
        scores: Shape ``(models, rounds)``.
        confidence: Share of the rounds between the bounds.

    Returns:
        Best and worst places, 1 being the best; shape ``(models,)`` each.
    """
    best, worst = _places(scores)
    tail = (1 - confidence) / 2
    # Places are whole: the order statistic outside the interpolated quantile, which is the wider.
    rounds = scores.shape[1]
    outside = int(tail * (rounds - 1))
    low = np.partition(best, outside, axis=1)[:, outside]
    high = np.partition(worst, rounds - 1 - outside, axis=1)[:, rounds - 1 - outside]
    return low, high


def probability_best(scores: FloatArray) -> FloatArray:
    """Count how often each model is first; shared first places are split.

    One more round, shared by all, stands for what so few rounds cannot show: no probability is 0
    or 1 (Davison & Hinkley 1997, chapter 4).

    Args:
        scores: Shape ``(models, rounds)``.

    Returns:
        Shape ``(models,)``; adds up to 1 unless a round knows no score at all.
    """
    models, rounds = scores.shape
    top = scores == np.fmax.reduce(scores, axis=0)
    first = (top / np.maximum(top.sum(axis=0), 1)).sum(axis=1)
    share: FloatArray = (first + 1 / models) / (rounds + 1)
    return share


def probability_above(scores: FloatArray) -> FloatArray:
    """Compare models within each round: paired, so what they share cancels.

    Args:
        scores: Shape ``(models, rounds)``.

    Returns:
        How often the row's model is above the column's, an equal or unknown comparison counting
        half; shape ``(models, models)``.
    """
    # Small whole numbers in the order of each round's scores compare many times faster.
    order = np.argsort(scores, axis=0)
    ordered = np.take_along_axis(scores, order, axis=0)
    level = np.zeros(scores.shape, dtype=np.int16 if len(scores) < _SHORT else np.int64)
    np.cumsum(ordered[1:] != ordered[:-1], axis=0, dtype=level.dtype, out=level[1:])
    levels = np.empty_like(level)
    np.put_along_axis(levels, order, level, axis=0)
    rounds = scores.shape[1]
    balance = np.zeros((len(scores), len(scores)))
    unknown = np.isnan(scores)
    some_unknown = bool(unknown.any())
    for model, row in enumerate(levels):
        others = levels[model + 1 :]
        wins, losses = row > others, row < others
        if some_unknown:
            known = ~(unknown[model] | unknown[model + 1 :])
            wins &= known
            losses &= known
        balance[model, model + 1 :] = np.count_nonzero(wins, axis=1) - np.count_nonzero(
            losses, axis=1
        )
    paired: FloatArray = (1 + (balance - balance.T) / rounds) / 2
    return paired


def _places(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Rank the models of each round.

    Returns:
        The best and the worst place each can claim; they differ where scores are equal or
        unknown. Shape ``(models, rounds)`` each.
    """
    models, rounds = scores.shape
    # NaN sorts last.
    order = np.argsort(-scores, axis=0, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=0)
    starts = np.ones((models + 1, rounds), dtype=np.bool_)
    starts[1:-1] = ordered[1:] != ordered[:-1]
    place = np.arange(1, models + 1)[:, np.newaxis]
    first = np.maximum.accumulate(np.where(starts[:-1], place, 1), axis=0)
    last = np.minimum.accumulate(np.where(starts[1:], place, models)[::-1], axis=0)[::-1]
    unknown = np.isnan(ordered)
    # Each unknown score could be above all others or below them.
    last = np.where(unknown, models, last + unknown.sum(axis=0))
    best, worst = np.empty((models, rounds), np.int64), np.empty((models, rounds), np.int64)
    np.put_along_axis(best, order, np.where(unknown, 1, first), axis=0)
    np.put_along_axis(worst, order, last, axis=0)
    return best, worst
