"""A ranking as a table on a terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bixarena_constructs.cli.printable import printable
from bixarena_constructs.cli.rank.board_formats import (
    PLACES,
    finite_range,
    interval_text,
    interval_title,
    notes_on,
    places,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.cli.rank.board_formats import Board, Reading
    from bixarena_constructs.worker.ranking import RankedModel, Ranking

__all__ = ["print_table"]

# Everything but names and bars: seven columns of numbers and the gaps between nine columns.
_NUMBERS_WIDTH: Final = 4 + 7 + 18 + 4 + 8 + 6 + 8 + 8 * 2
_LONGEST_BAR: Final = 40
_SHORTEST_BAR: Final = 12


def print_table(boards: Sequence[Board], reading: Reading, console: Console | None = None) -> None:
    """Print the entries, their intervals as bars, and the notes.

    Args:
        boards: The boards, each under its category.
        reading: How the votes were read.
        console: Where to print it. Default: - standard output.
    """
    console = console or Console(highlight=False)
    for board in boards:
        if board.heading is not None:
            console.print(Text(printable(board.heading), style="bold"))
        _print_entries(board.ranking, console)
    for note in [*(note for board in boards for note in notes_on(board)), *reading.sentences()]:
        console.print(Text(f"note: {printable(note)}"))


def _print_entries(ranking: Ranking, console: Console) -> None:
    bars = _bars(ranking, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Rank", justify="right")
    table.add_column("Model", overflow="fold")
    table.add_column("Score", justify="right")
    if ranking.options.has_intervals:
        table.add_column(interval_title(ranking), justify="center", no_wrap=True)
        for heading in PLACES:
            table.add_column(heading, justify="right", no_wrap=True)
    if bars:
        table.add_column(Text(bars.head()), no_wrap=True)
    table.add_column("Votes", justify="right")
    for entry in ranking.entries:
        # Text, not str: a model's name is not markup.
        row = [Text(str(entry.rank)), Text(printable(entry.model)), Text(f"{entry.score:.1f}")]
        if ranking.options.has_intervals:
            row += map(Text, (interval_text(entry), *places(entry)))
        if bars:
            row.append(Text(bars.draw(entry)))
        table.add_row(*row, Text(str(entry.votes)))
    console.print(table)


def _bars(ranking: Ranking, width: int) -> _Bars | None:
    """Fit bars into the terminal; a narrow one shows the numbers without bars."""
    names = max(len(printable(entry.model)) for entry in ranking.entries)
    cells = min(_LONGEST_BAR, width - _NUMBERS_WIDTH - names)
    if not ranking.options.has_intervals or cells < _SHORTEST_BAR:
        return None
    return _Bars(*finite_range(ranking), cells)


@dataclass(frozen=True, slots=True)
class _Bars:
    """Intervals drawn with characters on a common scale."""

    low: float
    high: float
    cells: int

    def head(self) -> str:
        """Name both ends of the scale."""
        low = f"{self.low:.0f}"
        return f"{low}{self.high:>{self.cells - len(low)}.0f}"

    def draw(self, entry: RankedModel) -> str:
        """Draw an interval with its score, and an arrow for infinity."""
        lower, score, upper = map(self._cell, (entry.lower, entry.score, entry.upper))
        bar = [" "] * self.cells
        bar[lower : upper + 1] = "━" * (upper + 1 - lower)
        if entry.lower == -math.inf:
            bar[0] = "◀"
        if entry.upper == math.inf:
            bar[-1] = "▶"
        bar[score] = "●"
        return "".join(bar)

    def _cell(self, value: float | None) -> int:
        within = min(max(self.low if value is None else value, self.low), self.high)
        return round((within - self.low) / ((self.high - self.low) or 1) * (self.cells - 1))
