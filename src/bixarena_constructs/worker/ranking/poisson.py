"""Draw Poisson counts from tables, at little more than the cost of reading random bits.

A count of votes is written with two digits in base 128, and a Poisson number is drawn for each
digit: their sum is Poisson with the sum of the means. So a few hundred tables serve any number of
cells. A table turns 14 random bits into a number by looking it up, which is exact wherever the
probability of a number is a multiple of 2^-14. What that leaves over, less than one draw in a
hundred, is marked in the table and drawn once more from the leftover probabilities: the condensed
tables of Marsaglia, Tsang & Wang (2004), doi:10.18637/jss.v011.i03.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = ["PoissonSampler"]

IntArray: TypeAlias = NDArray[np.int64]

# Two digits, and nine standard deviations above, fit 16 bits.
_BASE: Final = 128
_BITS: Final = 14
_SLOTS: Final = 2**_BITS
_OPEN: Final = 2**16 - 1
# Numbers looked up at a time: their indices, eight bytes each, stay in the second-level cache.
_STRIP: Final = 2**15


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """How to draw from one Poisson distribution.

    Attributes:
        slots: Number drawn for each value of the random bits, or ``_OPEN``; shape ``(_SLOTS,)``.
        numbers: The numbers that can be drawn; shape ``(numbers,)``.
        leftover: Cumulative leftover probabilities, up to 1; shape ``(numbers,)``.
    """

    slots: NDArray[np.uint16]
    numbers: NDArray[np.uint16]
    leftover: FloatArray

    @classmethod
    def of(cls, mean: float) -> _Table:
        numbers, probability = _probabilities(mean)
        sure = np.floor(probability * _SLOTS).astype(np.int64)
        slots = np.full(_SLOTS, _OPEN, dtype=np.uint16)
        slots[: sure.sum()] = np.repeat(numbers, sure)
        leftover = np.cumsum(probability - sure / _SLOTS)
        # A distribution without a leftover never asks for it.
        return cls(slots, numbers, leftover / (leftover[-1] or 1))


def _probabilities(mean: float) -> tuple[NDArray[np.uint16], FloatArray]:
    """Compute all probabilities above 1e-18: from the mode outwards, where they are largest."""
    mode = int(mean)
    reach = int(9 * math.sqrt(mean)) + 25
    lowest = max(0, mode - reach)
    log_ratio = math.log(mean) - np.log(np.arange(lowest + 1, mode + reach + 1))
    log_probability = np.concatenate([[0.0], np.cumsum(log_ratio)])
    probability = np.exp(log_probability - log_probability[mode - lowest])
    numbers = np.arange(lowest, mode + reach + 1, dtype=np.uint16)
    return numbers, probability / probability.sum()


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    """Several tables, one after the other, so that one look-up can draw from all of them.

    Attributes:
        slots: Their slots; shape ``(tables * _SLOTS,)``.
        numbers: What each place in ``leftover`` stands for; shape ``(places,)``.
        leftover: Their cumulative leftover probabilities, those of table t between t and t + 1;
            shape ``(places,)``.
        last: Last place of each table; shape ``(tables,)``.
    """

    slots: NDArray[np.uint16]
    numbers: NDArray[np.uint16]
    leftover: FloatArray
    last: IntArray

    @classmethod
    def of(cls, tables: Sequence[_Table]) -> _Tables:
        return cls(
            slots=np.concatenate([table.slots for table in tables]),
            numbers=np.concatenate([table.numbers for table in tables]),
            leftover=np.concatenate([t + table.leftover for t, table in enumerate(tables)]),
            last=np.cumsum([len(table.leftover) for table in tables]) - 1,
        )

    def draw_leftovers(self, rng: np.random.Generator, table: IntArray) -> NDArray[np.uint16]:
        """Draw from the leftover probabilities of some tables."""
        place = np.searchsorted(self.leftover, table + rng.random(len(table)), side="right")
        # The sum can round up to the next table's beginning.
        return self.numbers[np.minimum(place, self.last[table])]


class PoissonSampler:
    """Draws independent Poisson counts for many cells."""

    def __init__(self, counts: IntArray, scale: float) -> None:
        """Prepare the tables.

        Args:
            counts: Whole numbers; shape ``(cells,)``.
            scale: A cell's mean is its count times this.
        """
        self._cells = len(counts)
        # Beyond two digits numpy's own method will do: few boards have such cells.
        self._large = np.flatnonzero(counts >= _BASE**2)
        self._large_means = scale * (counts[self._large] // _BASE**2 * _BASE**2)[:, np.newaxis]
        low, high = counts % _BASE, counts // _BASE % _BASE * _BASE
        # Neighbours share a table, which then stays in the first-level cache.
        self._low_cells, low = _ascending(low)
        self._high_cells, high = _ascending(high)
        values, self._table = np.unique(np.concatenate([low, high]), return_inverse=True)
        self._tables = _Tables.of([_Table.of(scale * value) for value in values.tolist()])

    def draw(self, rng: np.random.Generator, replicates: int) -> NDArray[np.integer]:
        """Draw counts of shape ``(cells, replicates)``."""
        drawn = self._look_up(rng, replicates)
        dtype = np.int64 if len(self._large) else np.uint16
        counts = np.zeros((self._cells, replicates), dtype=dtype)
        split = len(self._low_cells)
        counts[self._low_cells] = drawn[:split]
        counts[self._high_cells] += drawn[split:]
        if len(self._large):
            size = (len(self._large), replicates)
            counts[self._large] += rng.poisson(self._large_means, size=size)
        return counts

    def _look_up(self, rng: np.random.Generator, replicates: int) -> NDArray[np.uint16]:
        drawn = np.empty((len(self._table), replicates), dtype=np.uint16)
        height = max(1, _STRIP // replicates)
        for top in range(0, len(drawn), height):
            strip, table = drawn[top : top + height], self._table[top : top + height]
            # Four draws from each 64 random bits.
            bits = rng.bit_generator.random_raw(-(-strip.size // 4)).view(np.uint16)
            index = np.right_shift(bits[: strip.size], 16 - _BITS, dtype=np.intp)
            index = index.reshape(strip.shape)
            index += (table * _SLOTS)[:, np.newaxis]
            np.take(self._tables.slots, index, out=strip, mode="clip")
            unsure = np.flatnonzero(strip == _OPEN)
            leftovers = self._tables.draw_leftovers(rng, table[unsure // replicates])
            strip.reshape(-1)[unsure] = leftovers
        return drawn


def _ascending(values: IntArray) -> tuple[IntArray, IntArray]:
    """Sort the values other than 0, and tell where they were."""
    order = np.argsort(values, kind="stable")
    order = order[values[order] > 0]
    return order, values[order]
