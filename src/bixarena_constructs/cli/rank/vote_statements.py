"""The statements that count votes within DuckDB, and what is wrong with files that fail them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.rank.opening import not_text
from bixarena_constructs.cli.rank.vote_faults import VALUES, UnreadableFileError, first_line
from bixarena_constructs.cli.rank.vote_files import BROKEN, LONGEST_ROW, identifier, literal
from bixarena_constructs.cli.rank.vote_forms import nested_path, outcome_words
from bixarena_constructs.cli.rank.wanted import DROP, WHOLE_NUMBER
from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection, Error

    from bixarena_constructs.cli.rank.vote_files import VoteFile
    from bixarena_constructs.cli.rank.vote_forms import Form
    from bixarena_constructs.cli.rank.wanted import Wanted

__all__ = ["count_file", "judge", "number_names", "number_of"]

_LINES_SHOWN: Final = 10
# The ranking inverts a matrix of all models.
_MOST_MODELS: Final = 20_000
# Whole numbers up to it are exact.
_MOST: Final = 1e15
_GROWTH: Final = 16
_LONGEST_ROWS: Final = (LONGEST_ROW, LONGEST_ROW * _GROWTH, LONGEST_ROW * _GROWTH**2)
_TOO_LONG: Final = ("Maximum line size", "maximum_object_size")


def count_file(
    connection: DuckDBPyConnection,
    number: int,
    file: VoteFile,
    *,
    form: Form,
    wanted: Wanted,
    scratch: Path,
) -> str:
    """Add the rows of a file to ``counted``, and the words of its winner to ``words``.

    Returns:
        The SQL that reads it.
    """
    words = ", ".join(
        f"({number}, {literal(value)}, {literal(word)}, {value in wanted.outcomes})"
        for value, word in outcome_words(form, wanted).items()
    )
    connection.execute(f"INSERT INTO words VALUES {words}")
    try:
        return _count(connection, number, file, form=form, wanted=wanted)
    except UnreadableFileError:
        # DuckDB wants one kind of line end, which few files lack: they are copied with it.
        if file.kind != "CSV" or not file.ends_lines_differently():
            raise
        return _count(connection, number, file.copied(scratch), form=form, wanted=wanted)


def _count(
    connection: DuckDBPyConnection, number: int, file: VoteFile, *, form: Form, wanted: Wanted
) -> str:
    import duckdb  # noqa: PLC0415 - an extra that the other commands do without

    for longest_row in _LONGEST_ROWS:
        source = _source(file, longest_row, form=form, where=wanted.where)
        kept = ", ".join(f"CASE WHEN kept THEN {role} END" for role in VALUES)
        try:
            connection.execute(
                f"INSERT INTO counted SELECT {number}, kept, {kept}, count(*) FROM ({source}) "
                "GROUP BY ALL"
            )
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            is_too_long = any(sign in str(error) for sign in _TOO_LONG)
            if is_too_long and longest_row < _LONGEST_ROWS[-1]:
                continue
            everything = _source(file, longest_row, form=form, where=None)
            if wanted.where and _can_read(connection, everything):
                raise VotesError(
                    f"--where {wanted.where!r} fails on {file.name}: {first_line(error)}; "
                    "write names of columns as they are or in double quotes, texts in single "
                    "quotes, and TRY_CAST(... AS DOUBLE) where some values are not numbers"
                ) from error
            raise _unreadable(file, error) from error
        break
    return source


def _can_read(connection: DuckDBPyConnection, source: str) -> bool:
    """Return whether the rows can be read, so that an error lies in the condition."""
    import duckdb  # noqa: PLC0415 - an extra that the other commands do without

    try:
        connection.execute(f"SELECT count(COLUMNS(*)) FROM ({source})")
    except duckdb.Error:
        return False
    return True


def _source(file: VoteFile, longest_row: int, *, form: Form, where: str | None) -> str:
    """Write the SQL that gives the roles' values, as text, and whether a row is to count."""

    def text(column: str | None, absent: str = "NULL") -> str:
        if not column:
            return absent
        nested = nested_path(column, file.columns)
        if not nested:
            return f"CAST({identifier(column)} AS VARCHAR)"
        outer, path = nested
        return f"json_extract_string(TRY_CAST({identifier(outer)} AS JSON), {literal(path)})"

    once = "'1'"
    won = _won([text(column) for column in form.winner])
    kept = f"(({where}\n)::BOOLEAN) IS TRUE" if where else "true"
    return (
        f"SELECT {kept} AS kept, {text(form.model_a)} AS side_a, {text(form.model_b)} AS side_b, "
        f"coalesce({won}, '') AS won, nullif(trim({text(form.voter)}), '') AS who, "
        f"coalesce({text(form.category)}, '') AS category, {text(form.count, once)} AS times, "
        f"{text(form.weight, once)} AS heft FROM {file.relation(longest_row)}"
    )


def _won(winner: Sequence[str]) -> str:
    """Write the SQL that says who won, from the columns that hold it: see `Form`."""
    match winner:
        case []:
            return "'model_a'"
        case [word]:
            return word
        case [one, other]:
            first, second = map(_number, winner)
            return (
                f"CASE WHEN isfinite({first}) AND isfinite({second}) THEN CASE "
                f"WHEN {first} > {second} THEN 'model_a' WHEN {first} < {second} THEN 'model_b' "
                f"ELSE 'tie' END ELSE concat_ws('/', nullif({one}, ''), nullif({other}, '')) END"
            )
    flags = (
        f"CASE WHEN lower({flag}) IN ('1', '1.0', 'true') THEN '1' "
        f"WHEN lower({flag}) IN ('0', '0.0', 'false') THEN '0' ELSE coalesce({flag}, '') END"
        for flag in winner
    )
    return f"concat_ws('/', {', '.join(flags)})"


def judge(connection: DuckDBPyConnection, *, by_name: bool, least: int) -> None:
    """Say of each count who won, and what is wrong with it.

    A value that is a word and the name of the other model as well means neither.

    Args:
        connection: Holds ``counted`` and ``words``.
        by_name: Whether a winner can be a model's name, or a word in capitals or among spaces.
        least: How often a row is cast at least.
    """
    folded = "won"
    if by_name:
        folded = f"regexp_replace(lower(trim(won)), {literal(WHOLE_NUMBER)}, '\\1')"
    named = "CASE WHEN won = side_a THEN 'model_a' WHEN won = side_b THEN 'model_b' END"
    connection.execute(f"""
        CREATE VIEW judged AS
        SELECT *, {named} AS named,
            CASE WHEN given OR word IS NULL THEN word
                 WHEN side_a <> side_b AND {named} <> word THEN NULL ELSE word END AS meant,
            CASE WHEN word IS NULL AND {by_name} THEN {named} ELSE meant END AS outcome,
            trim(coalesce(side_a, '')) = '' AS no_a,
            trim(coalesce(side_b, '')) = '' AS no_b,
            outcome IS NULL AS no_outcome,
            coalesce(NOT {_is_whole("times")} OR {_number("times")} < {least}, true) AS no_times,
            coalesce(NOT {_number("heft")} BETWEEN 0 AND {_MOST}, true) AS no_heft,
            no_a::INT + no_b::INT + no_outcome::INT + no_times::INT + no_heft::INT AS faults
        FROM counted LEFT JOIN words ON words_of = file AND folded = {folded} WHERE kept
    """)


def _is_whole(column: str) -> str:
    number = _number(column)
    return f"({number} BETWEEN 0 AND {_MOST} AND {number} = floor({number}))"


def _number(column: str) -> str:
    return f"TRY_CAST({column} AS DOUBLE)"


def number_names(connection: DuckDBPyConnection) -> tuple[str, ...]:
    """Write ``votes`` and ``voters``: what counts, with numbers for models and voters.

    Returns:
        The models in the order of their numbers.

    Raises:
        VotesError: There are more models than can be ranked.
    """
    counts = f"outcome <> '{DROP}'"
    connection.execute(f"""
        CREATE TABLE models AS SELECT name, row_number() OVER (ORDER BY name) - 1 AS number
        FROM (SELECT side_a AS name FROM judged WHERE {counts}
              UNION SELECT side_b FROM judged WHERE {counts})
    """)
    names = connection.execute("SELECT name FROM models ORDER BY number").fetchall()
    if len(names) > _MOST_MODELS:
        raise VotesError(
            f"the votes name {len(names)} models; at most {_MOST_MODELS} can be ranked: "
            "do --columns and --delimiter say which columns name the models?"
        )
    connection.execute(f"""
        CREATE TABLE voters AS SELECT who, row_number() OVER (ORDER BY who) AS voter
        FROM (SELECT DISTINCT who FROM judged WHERE {counts} AND who IS NOT NULL)
    """)
    connection.execute(f"""
        CREATE TABLE votes AS
        SELECT category, who, a.number::INT AS a, b.number::INT AS b,
            list_position({list(OUTCOMES)}, outcome)::INT - 1 AS outcome,
            (n * times::DOUBLE)::BIGINT AS reps, heft::DOUBLE AS heft
        FROM judged JOIN models a ON side_a = a.name JOIN models b ON side_b = b.name
        WHERE {counts} AND times::DOUBLE * heft::DOUBLE > 0
    """)
    return tuple(name for (name,) in names)


def number_of(connection: DuckDBPyConnection, statement: str) -> int:
    """Return the one number that a statement asks for."""
    row = connection.execute(statement).fetchone()
    return int(row[0] or 0) if row else 0


def _unreadable(file: VoteFile, error: Error) -> UnreadableFileError:
    """Say what is wrong with the form of a file, by line where its rows differ in length."""
    uneven: list[str] = []
    if file.kind == "CSV":
        width = len(file.columns)
        try:
            for line, values in file.records():
                if len(values) != width:
                    uneven.append(f"line {line}: {len(values)} values, the first line has {width}")
        except UnicodeError as found:
            return UnreadableFileError(file.name, not_text(found))
        except (csv.Error, *BROKEN) as found:
            return UnreadableFileError(file.name, f"not a CSV file: {found}")
    if not uneven:
        return UnreadableFileError(file.name, f"not readable as {file.kind}: {first_line(error)}")
    rows = "1 row does" if len(uneven) == 1 else f"{len(uneven)} rows do"
    lines = [f"{rows} not fit the first line", *uneven[:_LINES_SHOWN]]
    return UnreadableFileError(file.name, "\n  ".join(lines))
