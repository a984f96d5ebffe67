"""Rows of votes, and the errors in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from bixarena_constructs.worker.errors import VotesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["BadRowsError", "BadValue", "Row", "UnreadableFileError", "check_columns"]

Row: TypeAlias = tuple[str | None, ...]
"""One value for each requested column; None where the row has none."""

_VALUES_SHOWN: Final = 10


class UnreadableFileError(VotesError):
    """A file cannot be read as a table of votes.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that is not valid.

    Attributes:
        line: Line of a CSV file, the header being the first; row of a Parquet file, from 1.
        column: Name of the column.
        value: The value; None where the row has none.
        allowed: The values that are valid there.
    """

    line: int
    column: str
    value: str | None
    allowed: str

    def __str__(self) -> str:
        found = "nothing" if self.value is None else repr(self.value)
        return f"line {self.line}, column {self.column}: got {found}, allowed: {self.allowed}"


class BadRowsError(VotesError):
    """Rows have no model or an unknown winner.

    Attributes:
        path: The file.
        values: The first ten wrong values.
        count: How many values are wrong in total.
    """

    def __init__(self, path: Path, values: Iterable[BadValue]) -> None:
        found = list(values)
        self.path = path
        self.values = tuple(found[:_VALUES_SHOWN])
        self.count = len(found)
        noun = "value is" if self.count == 1 else "values are"
        lines = [f"{path}: {self.count} {noun} wrong, nothing was ranked or written"]
        lines += map(str, self.values)
        if self.count > _VALUES_SHOWN:
            lines.append(f"and {self.count - _VALUES_SHOWN} more")
        super().__init__("\n  ".join(lines))


def check_columns(path: Path, columns: Sequence[str], found: Sequence[str]) -> None:
    """Check that a table has the requested columns.

    Raises:
        UnreadableFileError: A column is missing.
    """
    missing = [column for column in columns if column not in found]
    if missing:
        raise UnreadableFileError(
            path,
            f"columns {', '.join(columns)} are needed, {', '.join(missing)} not found among "
            f"{', '.join(found) or 'no columns at all'}",
        )
