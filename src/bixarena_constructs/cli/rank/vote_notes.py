"""What a reader should know about how the rows of vote files were read."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.rank.vote_forms import BOTH_BAD, NO_WINNER, POINTS
from bixarena_constructs.cli.rank.vote_statements import number_of
from bixarena_constructs.cli.rank.wanted import DROP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from bixarena_constructs.cli.rank.vote_files import VoteFile
    from bixarena_constructs.cli.rank.vote_forms import Form
    from bixarena_constructs.cli.rank.wanted import Wanted

__all__ = ["dropped_rows", "reading_notes"]

# What other programs write where there is no name.
_NO_NAMES: Final = {"nan", "none", "null", "na", "n/a", "undefined"}
# What makes a spreadsheet compute a value of CSV.
_FORMULA: Final = ("=", "+", "-", "@")
# What JSON and Parquet write for a value with fields or elements.
_OBJECT: Final = ("{", "[")


def dropped_rows(connection: DuckDBPyConnection, wanted: Wanted) -> dict[str, int]:
    """Count the rows that count nowhere, by the reason."""
    dropped = {}
    if wanted.where:
        excluded = number_of(connection, "SELECT sum(n) FROM counted WHERE NOT kept")
        dropped[f"not {wanted.where}"] = excluded
    for value, rows in connection.execute(
        "SELECT won, sum(n)::BIGINT FROM judged "
        f"WHERE outcome = '{DROP}' GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        dropped[f"winner {value!r}" if value else "no winner"] = rows
    weightless = number_of(
        connection, "SELECT sum(n) FROM judged WHERE times::DOUBLE * heft::DOUBLE = 0"
    )
    if weightless:
        dropped["counted or weighed as 0"] = weightless
    return dropped


def reading_notes(
    connection: DuckDBPyConnection,
    files: Sequence[VoteFile],
    forms: Sequence[Form],
    *,
    wanted: Wanted,
) -> Iterator[str]:
    """Say what was not read in the plainest way, and what was not used.

    Args:
        connection: Holds ``judged`` and ``models``, see `counting`.
        files: The files.
        forms: The form of each.
        wanted: What the command line says about them.
    """
    for file, form in zip(files, forms, strict=True):
        if (form.model_a, form.model_b, form.winner) != ("model_a", "model_b", ("winner",)):
            roles = (f"{role} is {column}" for role, column in form.columns.items())
            yield f"columns: {'; '.join(roles)}"
        if file.delimiter != ",":
            yield f"values are separated by {file.delimiter!r}"
        yield from form.unused(file.columns, wanted.where or "")
    for value, rows in connection.execute(
        "SELECT won, sum(n)::BIGINT FROM judged WHERE outcome = 'tie' GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        if value.strip().lower() in (*BOTH_BAD, *NO_WINNER):
            yield f"rows counted as ties: {rows}, with winner {value!r}"
    points = connection.execute(
        f"SELECT DISTINCT won FROM judged WHERE word IS NOT NULL AND NOT given "
        f"AND folded IN {tuple(POINTS)} ORDER BY won DESC"
    ).fetchall()
    if points:
        found = ", ".join(value for (value,) in points)
        yield f"the winner was read as points of the first model: {found}"
    named = number_of(connection, "SELECT sum(n) FROM judged WHERE word IS NULL")
    if named:
        yield f"rows whose winner was read as the name of a model: {named}"
    yield from _name_notes(connection)


def _name_notes(connection: DuckDBPyConnection) -> Iterator[str]:
    """Point to names that are probably mistakes."""
    alike: dict[str, list[str]] = {}
    for (name,) in connection.execute("SELECT name FROM models ORDER BY number").fetchall():
        alike.setdefault(_seen(name), []).append(name)
    for plain, names in alike.items():
        if len(names) > 1:
            listed = ", ".join(map(repr, names))
            yield (
                "names that differ only in spaces, capitals or encoding are different models: "
                f"{listed}"
            )
        if plain in _NO_NAMES:
            yield f"a model is called {names[0]!r}, as programs write a missing name"
        if plain.startswith(_FORMULA):
            yield f"{names[0]!r} begins as a formula does; import it as text into a spreadsheet"
        if plain.startswith(_OBJECT):
            yield f"{names[0]!r} is not a name; --columns model_a=COLUMN.KEY reads a field of it"


def _seen(name: str) -> str:
    """Reduce a name to what a reader sees, in lower case."""
    composed = unicodedata.normalize("NFKC", name)
    visible = "".join(each for each in composed if unicodedata.category(each) != "Cf")
    return " ".join(visible.split()).casefold()
