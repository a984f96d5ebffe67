"""What is wrong with votes: the files, and the values in them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.rank.vote_forms import BOTH_BAD, NO_WINNER
from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from bixarena_constructs.cli.rank.vote_files import VoteFile
    from bixarena_constructs.cli.rank.vote_forms import Form
    from bixarena_constructs.cli.rank.wanted import Wanted

__all__ = [
    "VALUES",
    "BadRowsError",
    "BadValue",
    "UnreadableFileError",
    "check_values",
    "first_line",
]

VALUES: Final = ("side_a", "side_b", "won", "who", "category", "times", "heft")
"""What is read of a row, as the columns of ``counted`` in `counting` are called."""

_VALUES_SHOWN: Final = 10


class UnreadableFileError(VotesError):
    """A file cannot be read as a table of votes.

    Attributes:
        name: The file.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(f"{name}: {reason}")


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that is not valid.

    Attributes:
        place: The line of a CSV file or of JSON lines, the row of another one; both from 1.
        column: Name of the column.
        value: The value; None where the row has none.
        allowed: The values that are valid there.
    """

    place: str
    column: str
    value: str | None
    allowed: str

    def __str__(self) -> str:
        found = "nothing" if self.value is None else repr(self.value)
        return f"{self.place}, column {self.column}: got {found}, allowed: {self.allowed}"


class BadRowsError(VotesError):
    """Rows have no model, an unknown winner or an impossible number.

    Attributes:
        name: The file.
        values: The first ten wrong values.
        count: How many values are wrong in total.
    """

    def __init__(self, name: str, values: Sequence[BadValue], count: int, *, hint: str) -> None:
        self.name = name
        self.values = tuple(values)
        self.count = count
        noun = "value is" if count == 1 else "values are"
        lines = [f"{name}: {count} {noun} wrong, nothing was ranked or written"]
        lines += map(str, values)
        if count > len(values):
            lines.append(f"and {count - len(values)} more")
        if hint:
            lines.append(hint)
        super().__init__("\n  ".join(lines))


def check_values(
    connection: DuckDBPyConnection,
    sources: Sequence[tuple[VoteFile, Form, str]],
    *,
    wanted: Wanted,
) -> None:
    """Look for wrong values in what was counted, and find their rows in the first such file.

    Args:
        connection: Holds ``judged``, see `counting`.
        sources: The files, in the order of their numbers, and the SQL that reads each.
        wanted: What the command line says about them.

    Raises:
        BadRowsError: There are some.
    """
    faulty = connection.execute(
        "SELECT file, sum(faults * n)::BIGINT FROM judged WHERE faults > 0 GROUP BY file "
        "ORDER BY file LIMIT 1"
    ).fetchone()
    if not faulty:
        return
    number, count = faulty
    file, form, source = sources[number]
    matches = " AND ".join(f"r.{value} IS NOT DISTINCT FROM j.{value}" for value in VALUES)
    rows = connection.execute(f"""
        SELECT r.row, no_a, no_b, no_outcome, no_times, no_heft,
            r.side_a, r.side_b, r.won, r.times, r.heft
        FROM (SELECT row_number() OVER () AS row, * FROM ({source})) r
        JOIN judged j ON {matches} WHERE r.kept AND j.file = {number} AND j.faults > 0
        ORDER BY r.row LIMIT {_VALUES_SHOWN}
    """).fetchall()
    values = [
        value
        for place, row in zip(file.places([row[0] for row in rows]), rows, strict=True)
        for value in _bad_values(place, row[1:], form, wanted=wanted)
    ]
    raise BadRowsError(
        file.name, values[:_VALUES_SHOWN], count, hint="" if wanted.is_cells else _hint(values)
    )


def _bad_values(
    place: str, row: Sequence[object], form: Form, *, wanted: Wanted
) -> Iterator[BadValue]:
    sides = () if wanted.is_cells else (form.model_a, form.model_b)
    allowed = ", ".join(dict.fromkeys([*OUTCOMES, *sides, *wanted.outcomes]))
    if len(form.winner) == 2:  # noqa: PLR2004 - scores
        allowed = "a number in both"
    elif form.winner[1:]:
        allowed = "1 in one of them, 0 in the others"
    elif not wanted.is_cells:
        allowed += " or the name of one of the two models"
    checks = (
        (form.model_a, "any name"),
        (form.model_b, "any name"),
        (", ".join(form.winner), allowed),
        (form.count, f"a whole number, {1 if wanted.is_cells else 0} or more"),
        (form.weight, "a number, 0 or more"),
    )
    for is_wrong, value, (column, valid) in zip(row[:5], row[5:], checks, strict=True):
        if is_wrong:
            yield BadValue(place, str(column), str(value) if value else None, valid)


def _hint(values: Sequence[BadValue]) -> str:
    """Name the option that says what such values mean."""
    of_winners = [value.value or "" for value in values if value.allowed.startswith(OUTCOMES[0])]
    found = {value.strip().lower() for value in of_winners}
    if found & set(BOTH_BAD):
        return "--both-bad tie, or drop, says what to do with a vote that finds both answers bad"
    if found & set(NO_WINNER):
        return "--empty drop, or tie, says what to do with a vote without a winner"
    if found:
        pairs = ",".join(f"{value}=OUTCOME" for value in dict.fromkeys(of_winners))
        return (
            f"--outcomes {shlex.quote(pairs)} says what these mean: an outcome of "
            f"{', '.join(OUTCOMES)}, or drop, which leaves them out"
        )
    return ""


def first_line(error: Exception) -> str:
    """Take what a message of DuckDB says first; the rest shows settings."""
    return str(error).partition("\n")[0].removesuffix(".")
