"""A ranking as a picture: scores with their intervals, one line a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from bixarena_constructs.cli.rank.board_formats import (
    finite_range,
    interval_text,
    interval_title,
    notes_on,
)
from bixarena_constructs.cli.rank.templates import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.cli.rank.board_formats import Board, Reading
    from bixarena_constructs.worker.ranking import RankedModel, Ranking

__all__ = ["Plot", "to_svg"]


_TICKS: Final = 6
# A letter of 12 pixels is some 7 wide.
_LETTER: Final = 7
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Plot:
    """A ranking on a scale; ``plot.svg`` draws it. Lengths are in CSS pixels.

    Attributes:
        ranking: What is drawn.
        heading: What it is the board of; None where there is only one.
        low: Score at the left end of the scale.
        high: Score at its right end.
        step: Distance of two ticks.
        scale_width: Width of the scale.
        scores_width: Width of the scores as text.
        row: Height of a model's line.
        top: Height above the lines.
        bottom: Height below them.
    """

    scale_width: ClassVar = 480
    scores_width: ClassVar = 190
    row: ClassVar = 22
    top: ClassVar = 74
    bottom: ClassVar = 40

    ranking: Ranking
    heading: str | None
    low: float
    high: float
    step: float

    @classmethod
    def of(cls, board: Board) -> Plot:
        """Fit a scale to all finite scores and bounds."""
        lowest, highest = finite_range(board.ranking)
        # A board of equals still needs an axis.
        spread = max(highest - lowest, 1.0)
        magnitude = 10.0 ** math.floor(math.log10(spread / _TICKS))
        step = next(
            magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor * _TICKS >= spread
        )
        low, high = math.floor(lowest / step), math.floor(highest / step) + 1
        return cls(board.ranking, board.heading, low * step, high * step, step)

    @property
    def longest_name(self) -> int:
        """How many letters of a name there is room for."""
        longest = max(len(entry.model) for entry in self.ranking.entries)
        return min(max(longest, 1), _LONGEST_NAME)

    @property
    def names_width(self) -> int:
        """Width of the names."""
        return max(120, _LETTER * self.longest_name + 24)

    @property
    def width(self) -> int:
        """Width of the picture: names, scale and scores."""
        return self.names_width + self.scale_width + self.scores_width

    @property
    def height(self) -> int:
        """Height of the picture."""
        return self.top + self.row * len(self.ranking.entries) + self.bottom

    @property
    def title(self) -> str:
        """What the picture shows."""
        title = "Scores by model"
        if self.ranking.options.has_intervals:
            title += f", with {self.interval_title}s"
        return title if self.heading is None else f"{self.heading}: {title.lower()}"

    @property
    def interval_title(self) -> str:
        """The name of the intervals."""
        return interval_title(self.ranking)

    @property
    def description(self) -> str:
        """The text alternative of the picture."""
        best = self.ranking.entries[0]
        return (
            f"One line for each of {len(self.ranking.entries)} models, best first, from "
            f"{self.low:g} to {self.high:g}. First is {best.model} with {best.score:.1f}."
        )

    def share(self, score: float) -> float:
        """Return where a score lies on the scale, from 0 to 1; infinity lies at an end."""
        return (min(max(score, self.low), self.high) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return the scores of the ticks."""
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]

    @staticmethod
    def interval_of(entry: RankedModel) -> str:
        """Return the interval of a model as text; empty without one."""
        return interval_text(entry)


def to_svg(boards: Sequence[Board], reading: Reading) -> str:
    """Draw scores and intervals as a self-contained SVG picture with a text alternative.

    Several boards stand below each other.
    """
    notes = [note for board in boards for note in notes_on(board)] + reading.sentences()
    return render("plots.svg", plots=[Plot.of(board) for board in boards], notes=notes)
