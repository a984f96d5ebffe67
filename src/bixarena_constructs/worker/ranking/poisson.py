"""Draw Poisson counts for many cells.

A cell's count of votes is written with two digits in base 128, and a Poisson number is drawn for
each digit: their sum is Poisson with the sum of the means. So a few hundred tables serve any
number of cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.ranking.condensed import CondensedTables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking.folding import IntArray
    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = ["PoissonSampler"]

# Two digits, and nine standard deviations above, fit 16 bits.
_BASE: Final = 128
# A table of 32 KB fits the first-level cache.
_TABLE_BITS: Final = 14


class PoissonSampler:
    """Draws independent Poisson counts for many cells."""

    def __init__(self, counts: IntArray, scale: float) -> None:
        """Prepare the tables.

        Args:
            counts: Whole numbers; shape ``(cells,)``.
            scale: A cell's mean is its count times this.
        """
        self._cells = len(counts)
        # Few boards have cells beyond two digits; numpy's own method draws them.
        self._large = np.flatnonzero(counts >= _BASE**2)
        self._large_means = scale * (counts[self._large] // _BASE**2 * _BASE**2)[:, np.newaxis]
        self._low_cells, low = _ascending(counts % _BASE)
        self._high_cells, high = _ascending(counts // _BASE % _BASE * _BASE)
        values, self._table = np.unique(np.concatenate([low, high]), return_inverse=True)
        self._tables = CondensedTables(
            (_distribution(scale * value) for value in values.tolist()), bits=_TABLE_BITS
        )

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts of shape ``(cells, replicates)``."""
        drawn = self._tables.draw(rng, self._table, replicates)
        dtype = np.int64 if len(self._large) else np.uint16
        counts = np.zeros((self._cells, replicates), dtype=dtype)
        split = len(self._low_cells)
        counts[self._low_cells] = drawn[:split]
        counts[self._high_cells] += drawn[split:]
        if len(self._large):
            size = (len(self._large), replicates)
            counts[self._large] += rng.poisson(self._large_means, size=size)
        return counts


def _ascending(values: IntArray) -> tuple[IntArray, IntArray]:
    """Sort the values other than 0, and return where they were."""
    order = np.argsort(values, kind="stable")
    order = order[values[order] > 0]
    return order, values[order]


def _distribution(mean: float) -> tuple[NDArray[np.uint16], FloatArray]:
    """List numbers and probabilities above 1e-18: from the mode outwards, the largest first."""
    mode = int(mean)
    reach = int(9 * math.sqrt(mean)) + 25
    lowest = max(0, mode - reach)
    log_ratio = math.log(mean) - np.log(np.arange(lowest + 1, mode + reach + 1))
    log_probability = np.concatenate([[0.0], np.cumsum(log_ratio)])
    probability = np.exp(log_probability - log_probability[mode - lowest])
    numbers = np.arange(lowest, mode + reach + 1, dtype=np.uint16)
    return numbers, probability / probability.sum()
