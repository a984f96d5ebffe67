"""Files of votes: which files are meant, what they are, and the SQL that reads each.

What a file is follows from its first bytes, the same for a name, a pipe and standard input. DuckDB
reads the rows and is given everything: its sniffer would take a ragged file for one column.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from bixarena_constructs.cli.rank.vote_faults import UnreadableFileError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from duckdb import DuckDBPyConnection

__all__ = ["LONGEST_ROW", "VoteFile", "identifier", "literal", "open_file"]

Kind: TypeAlias = Literal["CSV", "JSON lines", "JSON array", "JSON", "Parquet"]

LONGEST_ROW: Final = 2**21
"""Bytes that a row may have at first; DuckDB keeps sixteen times as many for each thread."""

_OPENING: Final = 4096
_LONGEST_OBJECT: Final = 2**26
_DELIMITERS: Final = (",", ";", "\t", "|")
_FOREIGN: Final = {
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard; pipe it: zstd -dc FILE | bixarena rank -",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    codecs.BOM_UTF16_LE: "UTF-16; convert it: iconv -f UTF-16 -t UTF-8 FILE | bixarena rank -",
    codecs.BOM_UTF16_BE: "UTF-16; convert it: iconv -f UTF-16 -t UTF-8 FILE | bixarena rank -",
}
_JSON_FORMATS: Final = {
    "JSON lines": "newline_delimited",
    "JSON array": "array",
    "JSON": "unstructured",
}


class _Reader(Protocol):
    """The type of `csv.reader(...)`, which has no public name."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteFile:
    """A file, and how it is read.

    Attributes:
        name: What messages call it.
        path: A regular file that holds it.
        kind: Its format.
        columns: Names of its columns, or the keys of its first object.
        delimiter: What separates the values of a CSV file.
        is_gzipped: Whether it is compressed; Parquet is not.
    """

    name: str
    path: Path
    kind: Kind
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    is_gzipped: bool = False

    def relation(self, longest_row: int) -> str:
        """Write the SQL that reads the rows; every value of CSV and JSON is text.

        Without columns it reads JSON's objects whole.

        Args:
            longest_row: Bytes that a row may have.
        """
        # DuckDB expands wildcards, which a file's own name can hold.
        escaped = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(self.path))
        path = literal(escaped)
        if self.kind == "Parquet":
            return f"read_parquet({path})"
        given = f"compression = '{'gzip' if self.is_gzipped else 'uncompressed'}'"
        if self.kind != "CSV":
            given += (
                f", format = '{_JSON_FORMATS[self.kind]}', maximum_object_size = {longest_row}"
            )
        if not self.columns:
            return f"read_json_objects({path}, {given})"
        columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in self.columns)
        given += f", auto_detect = false, columns = {{{columns}}}"
        if self.kind != "CSV":
            return f"read_json({path}, {given})"
        return (
            f"read_csv({path}, {given}, header = true, delim = {literal(self.delimiter)}, "
            f"quote = '\"', escape = '\"', max_line_size = {longest_row})"
        )

    def places(self, rows: Sequence[int]) -> list[str]:
        """Say where some rows are: by the line they end on, where the format has lines.

        Args:
            rows: Ascending numbers of rows, from 1.
        """
        if self.kind not in ("CSV", "JSON lines"):
            return [f"row {row}" for row in rows]
        lines, wanted = [], set(rows)
        for row, (line, _) in enumerate(self.records(), 1):
            if row in wanted:
                lines.append(f"line {line}")
            if len(lines) == len(rows):
                break
        return lines

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the last line of each record, and its values; blank lines are none."""
        with self.text() as file:
            if self.kind == "CSV":
                reader = _reader(file, self.delimiter)
                rows = filter(None, reader)
                next(rows, None)
                for values in rows:
                    yield reader.line_num, values
            else:
                for line, text in enumerate(file, 1):
                    if text.strip():
                        yield line, [text]

    def text(self) -> TextIO:
        """Open the file as text."""
        opened: Callable[..., TextIO] = gzip.open if self.is_gzipped else open
        return opened(self.path, "rt", encoding="utf-8-sig", newline="")


def open_file(
    name: str,
    path: Path,
    *,
    connection: DuckDBPyConnection,
    delimiter: str | None,
    is_known: Callable[[Sequence[str]], bool],
) -> VoteFile:
    """Look at a file's beginning.

    Args:
        name: What messages call it.
        path: A regular file.
        connection: To DuckDB.
        delimiter: What separates the values of a CSV file. Default: - the first of comma,
            semicolon, tab and bar that makes columns of votes of the first line.
        is_known: Whether these are columns of votes.

    Raises:
        UnreadableFileError: It is no table.
    """
    import duckdb  # noqa: PLC0415 - an extra that the other commands do without

    with path.open("rb") as file:
        start = file.read(4)
    for mark, what in _FOREIGN.items():
        if start.startswith(mark):
            raise UnreadableFileError(name, f"this is {what}")
    kind: Kind = "Parquet" if start == b"PAR1" else "CSV"
    if kind == "CSV" and name.lower().endswith(".parquet"):
        raise UnreadableFileError(name, "not a Parquet file: it does not begin with PAR1")
    is_gzipped = start.startswith(b"\x1f\x8b")
    table = VoteFile(name=name, path=path, kind=kind, is_gzipped=is_gzipped)
    try:
        if kind == "CSV":
            return _text_table(table, connection, delimiter=delimiter, is_known=is_known)
        described = connection.execute(f"DESCRIBE FROM {table.relation(LONGEST_ROW)}").fetchall()
        return replace(table, columns=_checked(name, (row[0] for row in described)))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise UnreadableFileError(name, f"not readable: {first_line(error)}") from error
    except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise UnreadableFileError(name, f"not a table in UTF-8: {error}") from error


def identifier(name: str) -> str:
    """Quote the name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def _text_table(
    table: VoteFile,
    connection: DuckDBPyConnection,
    *,
    delimiter: str | None,
    is_known: Callable[[Sequence[str]], bool],
) -> VoteFile:
    """Take the columns from the first object, or from the first line."""
    with table.text() as file:
        opening = file.read(_OPENING).lstrip()[:1]
    if opening in ("{", "["):
        table = replace(table, kind=_json_kind(table, opening))
        # Nothing is kept of it, so a long first object is no matter.
        objects = table.relation(_LONGEST_OBJECT)
        found = connection.execute(f"SELECT json_keys(json) FROM {objects} LIMIT 1").fetchone()
        if not found or not found[0]:
            raise UnreadableFileError(table.name, "its JSON holds no object with keys")
        return replace(table, columns=_checked(table.name, found[0]))
    headers = {}
    for sign in (delimiter,) if delimiter else _DELIMITERS:
        with table.text() as file:
            headers[sign] = next(filter(None, _reader(file, sign)), [])
        if is_known(headers[sign]):
            break
    else:
        sign = max(headers, key=lambda each: len(headers[each]))
    return replace(table, columns=_checked(table.name, headers[sign]), delimiter=sign)


def _json_kind(table: VoteFile, opening: str) -> Kind:
    if opening == "[":
        return "JSON array"
    with table.text() as file:
        line = next(filter(str.strip, file), "")
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return "JSON"
    return "JSON lines"


def _checked(name: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Refuse columns that are the same to DuckDB, which ignores case."""
    names = tuple(columns)
    known: dict[str, str] = {}
    for column in names:
        if column.lower() in known:
            raise UnreadableFileError(
                name,
                f"columns {known[column.lower()]!r} and {column!r} have the same name; rename one",
            )
        known[column.lower()] = column
    return names


def _reader(file: TextIO, delimiter: str) -> _Reader:
    # Texts are as long as conversations are.
    csv.field_size_limit(sys.maxsize)
    return csv.reader(file, delimiter=delimiter, strict=True)
