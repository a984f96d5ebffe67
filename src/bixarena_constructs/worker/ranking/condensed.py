"""Draw from discrete distributions at little more than the cost of reading random bits.

A table turns a few random bits into a number by looking it up, which is exact as far as the
probability of a number is a multiple of 2^-bits. What that leaves over, about one draw in a
hundred, is marked in the table and drawn once more from the leftover probabilities: the condensed
tables of Marsaglia, Tsang & Wang (2004), doi:10.18637/jss.v011.i03.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking.likelihood import FloatArray

__all__ = ["CondensedTables", "Number"]

# Numbers looked up at a time: their indices, eight bytes each, stay in the second-level cache.
_STRIP: Final = 2**15

Number = TypeVar("Number", bound=np.unsignedinteger)
"""What is drawn: whole numbers of a size that holds them."""


class CondensedTables(Generic[Number]):
    """Tables of several distributions, one after the other: one look-up draws from all."""

    def __init__(
        self, distributions: Iterable[tuple[NDArray[Number], FloatArray]], *, bits: int
    ) -> None:
        """Build the tables.

        Args:
            distributions: Numbers, below the largest of their type, and their probabilities.
            bits: Random bits for a draw; a table has 2^bits slots.
        """
        self._bits = bits
        self._word = np.dtype(np.uint16 if bits <= 16 else np.uint32)  # noqa: PLR2004 - a word
        slots, numbers, leftovers = [], [], []
        for table, (values, probability) in enumerate(distributions):
            sure = np.floor(probability * 2**bits).astype(np.int64)
            filled = np.full(2**bits, np.iinfo(values.dtype).max, dtype=values.dtype)
            filled[: sure.sum()] = np.repeat(values, sure)
            leftover = np.cumsum(probability - sure / 2**bits)
            slots.append(filled)
            numbers.append(values)
            # Table t's lie between t and t + 1, so that one search serves all; a distribution
            # without leftovers never searches.
            leftovers.append(table + leftover / (leftover[-1] or 1))
        self._slots = np.concatenate(slots)
        self._open = np.iinfo(self._slots.dtype).max
        self._numbers = np.concatenate(numbers)
        self._leftovers = np.concatenate(leftovers)
        self._last = np.cumsum([len(values) for values in numbers]) - 1

    def draw(
        self, rng: np.random.Generator, table: NDArray[np.int64], width: int
    ) -> NDArray[Number]:
        """Draw rows of numbers.

        Args:
            rng: Where random bits come from.
            table: Which distribution each row is drawn from; shape ``(rows,)``. Equal neighbours
                are fastest: their table stays in the first-level cache.
            width: Numbers in a row.

        Returns:
            Shape ``(rows, width)``.
        """
        drawn = np.empty((len(table), width), dtype=self._slots.dtype)
        height = max(1, _STRIP // width)
        for top in range(0, len(drawn), height):
            strip, rows = drawn[top : top + height], table[top : top + height]
            np.take(self._slots, self._indices(rng, rows, width), out=strip, mode="clip")
            unsure = np.flatnonzero(strip == self._open)
            strip.reshape(-1)[unsure] = self._draw_leftovers(rng, rows[unsure // width])
        return drawn

    def _indices(
        self, rng: np.random.Generator, table: NDArray[np.int64], width: int
    ) -> NDArray[np.intp]:
        """Draw a slot for each number; shape ``(rows, width)``."""
        words_in_raw = 8 // self._word.itemsize
        raw = rng.bit_generator.random_raw(-(-len(table) * width // words_in_raw))
        words = raw.view(self._word)[: len(table) * width].reshape(len(table), width)
        shift = 8 * self._word.itemsize - self._bits
        index: NDArray[np.intp] = np.right_shift(words, shift, dtype=np.intp)
        index += (table << self._bits)[:, np.newaxis]
        return index

    def _draw_leftovers(
        self, rng: np.random.Generator, table: NDArray[np.int64]
    ) -> NDArray[Number]:
        place = np.searchsorted(self._leftovers, table + rng.random(len(table)), side="right")
        # The sum can round up to the next table's beginning.
        numbers: NDArray[Number] = self._numbers[np.minimum(place, self._last[table])]
        return numbers
