"""A ranking as a picture: scores with their intervals, one line a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from bixarena_constructs.cli.rank.board_formats import interval_text, interval_title

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking import RankedModel, Ranking

__all__ = ["to_svg"]

# Lengths in CSS pixels.
_ROW: Final = 22
_TOP: Final = 34
_BOTTOM: Final = 12
_NAMES: Final = 220
_FIELD: Final = 480
_RIGHT: Final = 24
_WIDTH: Final = _NAMES + _FIELD + _RIGHT
_NAME_LETTERS: Final = 32
_TICKS: Final = 6

_LABELS: Final = 'aria-labelledby="plot-title plot-desc"'
# `currentColor` follows the text around the picture, also in dark mode.
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: currentColor; }
.name { text-anchor: end; }
.tick { text-anchor: middle; opacity: 0.75; }
.grid { stroke: currentColor; opacity: 0.15; }
.interval { stroke: #2f6db5; stroke-width: 3; }
.arrow, .score { fill: #2f6db5; }
"""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where scores lie on the picture."""

    low: float
    high: float
    step: float

    @classmethod
    def of(cls, ranking: Ranking) -> _Axis:
        values = [
            value
            for entry in ranking.entries
            for value in (entry.score, entry.lower, entry.upper)
            if value is not None and math.isfinite(value)
        ]
        # A board of equals still needs an axis.
        spread = max(max(values) - min(values), 1.0)
        magnitude = 10.0 ** math.floor(math.log10(spread / _TICKS))
        step = next(
            magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor * _TICKS >= spread
        )
        low, high = math.floor(min(values) / step), math.floor(max(values) / step) + 1
        return cls(low * step, high * step, step)

    def x(self, score: float) -> float:
        share = (min(max(score, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_NAMES + share * _FIELD, 1)

    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]


def to_svg(ranking: Ranking) -> str:
    """Draw scores and intervals as a self-contained SVG picture with a text alternative."""
    axis = _Axis.of(ranking)
    height = _TOP + _ROW * len(ranking.entries) + _BOTTOM
    best = ranking.entries[0]
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    told = (
        f"One line for each of {len(ranking.entries)} models, best first, from {axis.low:g} to "
        f"{axis.high:g}. First is {best.model} with {best.score:.1f}."
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_LABELS}>',
        f'<title id="plot-title">{escape(_title(ranking))}</title>',
        f'<desc id="plot-desc">{escape(told)}</desc>',
        f"<style>{_STYLE}</style>",
        *(_tick(axis.x(tick), f"{tick:g}", height) for tick in axis.ticks()),
        *(_line(entry, axis, _TOP + _ROW * row) for row, entry in enumerate(ranking.entries)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(ranking: Ranking) -> str:
    if not ranking.options.has_intervals:
        return "Scores by model"
    return f"Scores by model, with {interval_title(ranking)}s"


def _tick(x: float, label: str, height: int) -> str:
    return (
        f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{height - _BOTTOM}"/>'
        f'<text class="tick" x="{x}" y="{_TOP - 14}">{label}</text>'
    )


def _line(entry: RankedModel, axis: _Axis, top: int) -> str:
    middle = top + _ROW // 2
    interval = interval_text(entry)
    told = f"{entry.model}: {entry.score:.1f}" + (f", {interval}" if interval else "")
    name = escape(_short(entry.model))
    parts = [
        f"<g><title>{escape(told)}</title>",
        f'<text class="name" x="{_NAMES - 10}" y="{middle + 4}">{name}</text>',
    ]
    if entry.lower is not None and entry.upper is not None:
        left, right = axis.x(entry.lower), axis.x(entry.upper)
        parts.append(
            f'<line class="interval" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
        )
        if math.isinf(entry.lower):
            parts.append(_arrow(left, middle, -8))
        if math.isinf(entry.upper):
            parts.append(_arrow(right, middle, 8))
    parts.append(f'<circle class="score" cx="{axis.x(entry.score)}" cy="{middle}" r="5"/></g>')
    return "".join(parts)


def _arrow(x: float, y: int, length: int) -> str:
    """Draw the head that stands for an infinite bound."""
    return f'<path class="arrow" d="M{x + length} {y} L{x} {y - 5} L{x} {y + 5} Z"/>'


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS - 1]}…"
