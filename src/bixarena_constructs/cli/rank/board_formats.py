"""A ranking as text for programs and documents."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from bixarena_constructs.cli.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bixarena_constructs.worker.ranking import RankedModel, Ranking, VoteCounts

__all__ = [
    "PLACES",
    "Board",
    "Format",
    "Reading",
    "finite_range",
    "interval_text",
    "interval_title",
    "left_out",
    "notes_on",
    "places",
    "to_csv",
    "to_json",
    "to_markdown",
]

Format: TypeAlias = Literal["table", "json", "csv", "markdown"]

PLACES: Final = ("Tier", "Places", "First")
"""Headings of what `places` writes."""

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
    "tier",
    "probability_best",
)
_CSV_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Board:
    """A ranked board.

    Attributes:
        category: What it is the board of; None where there is only one.
        votes: What was ranked.
        ranking: What came out.
    """

    category: str | None
    votes: VoteCounts
    ranking: Ranking

    @property
    def heading(self) -> str | None:
        """The category as a heading, which cannot be empty."""
        return "(empty)" if self.category == "" else self.category


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the votes were read.

    Attributes:
        files: What they were read from, as messages name it.
        rows: How many rows there were.
        dropped: How many of them count nowhere, by the reason.
        columns: Column of each role.
        notes: What a reader should know about it.
        unranked: Categories that could not be ranked, and why.
    """

    files: tuple[str, ...]
    rows: int
    dropped: dict[str, int]
    columns: dict[str, str]
    notes: tuple[str, ...]
    unranked: dict[str, str]

    def sentences(self) -> list[str]:
        """Say what a reader should know."""
        unranked = [f"no board for {name!r}: {why}" for name, why in self.unranked.items()]
        return [*left_out(self.dropped, self.rows), *self.notes, *unranked]


def left_out(dropped: Mapping[str, int], rows: int) -> list[str]:
    """Say how many of the rows count nowhere, by the reason."""
    return [f"left out: {number} of {rows} rows, {why}" for why, number in dropped.items()]


def to_json(boards: Sequence[Board], reading: Reading) -> str:
    """Write the whole ranking as JSON; an infinite bound is null."""
    how = {
        "files": reading.files,
        "rows": reading.rows,
        "dropped": reading.dropped,
        "columns": reading.columns,
        "notes": reading.notes,
    }
    content: dict[str, object]
    if boards[0].category is None:
        content = {**boards[0].ranking.to_dict(), "input": how}
    else:
        content = {
            "boards": [{"category": each.category, **each.ranking.to_dict()} for each in boards],
            "unranked": reading.unranked,
            "input": how,
        }
    return json.dumps(content, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def to_csv(boards: Sequence[Board], _: Reading) -> str:
    """Write the entries as CSV; an infinite or missing bound is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    is_split = boards[0].category is not None
    writer.writerow([*["category"] * is_split, *_CSV_COLUMNS])
    for board in boards:
        for entry in board.ranking.entries:
            values = [_csv_value(getattr(entry, column)) for column in _CSV_COLUMNS]
            writer.writerow([*[board.category] * is_split, *values])
    return text.getvalue()


def to_markdown(boards: Sequence[Board], _: Reading) -> str:
    """Write the entries as a Markdown table, with a heading for each category."""
    return "\n".join(map(_markdown_table, boards))


def _markdown_table(board: Board) -> str:
    ranking = board.ranking
    heading = "" if board.heading is None else f"## {_escaped(board.heading)}\n\n"
    rows = [("Rank", "Model", "Score", interval_title(ranking), *PLACES, "Votes")]
    rows += [
        (
            str(entry.rank),
            _escaped(entry.model),
            f"{entry.score:.1f}",
            interval_text(entry),
            *places(entry),
            f"{entry.votes}",
        )
        for entry in ranking.entries
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---:|:---|---:|:---:|---:|:---:|---:|---:|")
    return heading + "\n".join(lines) + "\n"


def places(entry: RankedModel) -> tuple[str, str, str]:
    """Write an entry's tier, interval of places and probability of being best."""
    best = "" if entry.probability_best is None else f"{100 * entry.probability_best:.1f}%"
    if entry.tier is None:
        return "", "", best
    return f"{entry.tier}", f"{entry.rank_lower} to {entry.rank_upper}", best


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


def notes_on(board: Board) -> list[str]:
    """Return what a reader of the entries should know about them, in sentences."""
    ranking = board.ranking
    notes: list[str] = []
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
        battles = "1 battle" if ranking.self_battles == 1 else f"{ranking.self_battles} battles"
        notes.append(f"left out: {battles} of a model with itself")
    if ranking.effective_voters is not None and ranking.interval_method == "wald":
        notes.append(
            f"the intervals take votes as independent: {ranking.effective_voters:.1f} voters, "
            "counted by how evenly they share the votes, are too few for intervals by voter"
        )
    certain = [entry.model for entry in ranking.entries if _has_no_width(entry)]
    if certain and ranking.interval_method in ("percentile", "sandwich"):
        notes.append(
            f"intervals of {ranking.interval_method} have no width where votes went one way only; "
            f"--intervals auto gives a width to {_names(certain)}"
        )
    if ranking.rounds_without_estimate:
        notes.append(
            f"{ranking.rounds_without_estimate} of {ranking.options.num_bootstrap} rounds have no "
            "finite estimate for some model and count as infinite"
        )
    if board.heading is not None:
        notes = [f"{board.heading}: {note}" for note in notes]
    return notes


def _has_no_width(entry: RankedModel) -> bool:
    if entry.lower is None or entry.upper is None:
        return False
    return entry.upper - entry.lower < 10**-_CSV_DECIMALS


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
    return printable(" ".join(name.split()))
