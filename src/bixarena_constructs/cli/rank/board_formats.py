"""A ranking as text for programs and documents."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.worker.ranking import RankedModel, Ranking

__all__ = [
    "Format",
    "finite_range",
    "interval_text",
    "interval_title",
    "notes_on",
    "to_csv",
    "to_json",
    "to_markdown",
]

Format: TypeAlias = Literal["table", "json", "csv", "markdown"]

_NAMES_SHOWN: Final = 10
_CSV_COLUMNS: Final = (
    "rank",
    "model",
    "score",
    "lower",
    "upper",
    "votes",
    "rank_lower",
    "rank_upper",
    "probability_best",
)
_CSV_DECIMALS: Final = 6


def to_json(ranking: Ranking) -> str:
    """Write the whole ranking as JSON; an infinite bound is null."""
    return json.dumps(ranking.to_dict(), allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def to_csv(ranking: Ranking) -> str:
    """Write the entries as CSV; an infinite or missing bound is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for entry in ranking.entries:
        writer.writerow([_csv_value(getattr(entry, column)) for column in _CSV_COLUMNS])
    return text.getvalue()


def to_markdown(ranking: Ranking) -> str:
    """Write the entries as a Markdown table."""
    rows = [("Rank", "Model", "Score", interval_title(ranking), "Votes")]
    rows += [
        (
            str(entry.rank),
            _escaped(entry.model),
            f"{entry.score:.1f}",
            interval_text(entry),
            f"{entry.votes}",
        )
        for entry in ranking.entries
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---:|:---|---:|:---:|---:|")
    return "\n".join(lines) + "\n"


def finite_range(ranking: Ranking) -> tuple[float, float]:
    """Return the lowest and the highest of all finite scores and bounds."""
    values = [
        value
        for entry in ranking.entries
        for value in (entry.score, entry.lower, entry.upper)
        if value is not None and math.isfinite(value)
    ]
    return min(values), max(values)


def interval_title(ranking: Ranking) -> str:
    """Name the interval, with its nominal coverage."""
    return f"{100 * ranking.options.confidence:g}% interval"


def interval_text(entry: RankedModel) -> str:
    """Write an interval; empty without one."""
    if entry.lower is None or entry.upper is None:
        return ""
    return f"{_bound(entry.lower)} to {_bound(entry.upper)}"


def notes_on(ranking: Ranking) -> list[str]:
    """Return what a reader of the entries should know about them, in sentences."""
    notes = []
    if ranking.unlisted:
        named = _names([f"{each.model} ({each.votes})" for each in ranking.unlisted])
        notes.append(f"not listed, with fewer than {ranking.options.min_evals} votes: {named}")
    if len(ranking.groups) > 1:
        named = "; ".join(_names(group) for group in ranking.groups)
        notes.append(
            f"{len(ranking.groups)} groups were never compared with each other, only the prior "
            f"places them relative to each other: {named}"
        )
    if ranking.self_battles:
        notes.append(f"left out: {ranking.self_battles} battles of a model with itself")
    if ranking.effective_voters is not None and ranking.interval_method == "wald":
        notes.append(
            f"the intervals take votes as independent: {ranking.effective_voters:.1f} voters, "
            "counted by how evenly they share the votes, are too few for intervals by voter"
        )
    if ranking.rounds_without_estimate:
        notes.append(
            f"{ranking.rounds_without_estimate} of {ranking.options.num_bootstrap} rounds have no "
            "finite estimate for some model and count as infinite"
        )
    return notes


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _bound(value: float) -> str:
    if math.isfinite(value):
        return f"{value:.1f}"
    return "∞" if value > 0 else "-∞"


def _csv_value(value: object) -> object:
    if not isinstance(value, float):
        return value
    return round(value, _CSV_DECIMALS) if math.isfinite(value) else None


def _escaped(name: str) -> str:
    for special in "\\`*_[]<>|":
        name = name.replace(special, f"\\{special}")
    return " ".join(name.split())
