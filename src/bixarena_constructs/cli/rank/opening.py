"""Looks at the beginning of vote files: what they are, and which columns they have.

What a file is follows from its first bytes, the same for a name, a pipe and standard input.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections import Counter
from dataclasses import replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.rank.vote_faults import UnreadableFileError, first_line
from bixarena_constructs.cli.rank.vote_files import (
    BROKEN,
    LONGEST_ROW,
    VoteFile,
    csv_records,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from bixarena_constructs.cli.rank.vote_files import Compression, Kind

__all__ = ["lists_within", "not_text", "open_file"]

_COMPRESSIONS: Final[dict[bytes, Compression]] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_OTHERS: Final = {
    b"PK\x03\x04": "this is an Excel workbook, which can save a sheet as CSV, or a ZIP archive: "
    "unzip -p FILE | bixarena rank -",
    b"BZh": "this is compressed with bzip2: bzcat FILE | bixarena rank -",
    b"\xfd7zX": "this is compressed with xz: xzcat FILE | bixarena rank -",
    b"\xd0\xcf\x11\xe0": "this is an Excel workbook, which can save a sheet as CSV",
    b"SQLite format 3": "this is an SQLite database: "
    "sqlite3 -csv -header FILE 'SELECT * FROM votes' | bixarena rank -",
    b"ARROW1": "this is an Arrow file; Arrow's libraries save it as Parquet",
    b"\xff\xff\xff\xff": "this is an Arrow stream, as Hugging Face's datasets keep them; "
    "their to_parquet saves it as Parquet",
    b"version https://git-lfs": "this is Git LFS's pointer to a file, which git lfs pull fetches",
    b"<!DOCTYPE html": "this is a web page; download the file that it links to",
}
# The mark of UTF-32 begins with that of UTF-16.
_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    # DuckDB knows this one in CSV alone.
    codecs.BOM_UTF8: "utf-8-sig",
}
_DELIMITERS: Final = (",", ";", "\t", "|")
_OPENING: Final = 4096
_LONGEST_OBJECT: Final = 2**26
# Some rows leave out what they have no value for.
_OBJECTS: Final = 1000
_LINES_ABOVE: Final = 20


def open_file(
    name: str,
    path: Path,
    *,
    connection: DuckDBPyConnection,
    scratch: Path,
    delimiter: str | None,
    encoding: str | None,
    is_known: Callable[[Sequence[str]], bool],
) -> VoteFile:
    """Look at a file's beginning.

    Args:
        name: What messages call it.
        path: A regular file.
        connection: To DuckDB.
        scratch: A folder for a copy that DuckDB reads.
        encoding: Encoding of CSV and JSON. Default: - UTF-8, or UTF-16 where a mark says so.
        delimiter: What separates the values of a CSV file. Default: - the first of comma,
            semicolon, tab and bar that makes columns of votes of the first line.
        is_known: Whether these are columns of votes.

    Raises:
        UnreadableFileError: It is not a table.
    """
    import duckdb  # noqa: PLC0415 - an extra that the other commands do without

    with path.open("rb") as file:
        start = file.read(max(map(len, _OTHERS)))
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise UnreadableFileError(name, what)
    kind: Kind = "Parquet" if start.startswith(b"PAR1") else "CSV"
    if kind == "CSV" and name.lower().endswith(".parquet"):
        raise UnreadableFileError(name, "not a Parquet file: it does not begin with PAR1")
    compressions = (each for magic, each in _COMPRESSIONS.items() if start.startswith(magic))
    table = VoteFile(
        name=name, path=path, kind=kind, compression=next(compressions, "uncompressed")
    )
    try:
        if kind == "CSV":
            table = _in_utf_8(table, encoding, scratch)
            return _text_table(
                table, connection, scratch=scratch, delimiter=delimiter, is_known=is_known
            )
        described = connection.execute(f"DESCRIBE FROM {table.relation(LONGEST_ROW)}").fetchall()
        return replace(table, columns=_checked(name, (row[0] for row in described)))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise UnreadableFileError(name, f"not readable: {first_line(error)}") from error
    except UnicodeError as error:
        raise UnreadableFileError(name, not_text(error)) from error
    except (csv.Error, *BROKEN) as error:
        raise UnreadableFileError(name, f"not a table: {error}") from error


def not_text(error: UnicodeError) -> str:
    """Say that a file is not in its encoding, and how to name the right one."""
    fault = f"not text: {error}"
    if isinstance(error, UnicodeDecodeError):
        fault = f"not text in {error.encoding.upper()}: {error.reason} at byte {error.start}"
    return f"{fault}; --encoding names another, such as cp1252 for CSV that Excel saves on Windows"


def _in_utf_8(table: VoteFile, encoding: str | None, scratch: Path) -> VoteFile:
    """Copy text in another encoding.

    Raises:
        UnreadableFileError: It is not text.
    """
    with table.content() as file:
        opening = file.read(_OPENING)
    if encoding is None:
        marks = (name for mark, name in _MARKS.items() if opening.startswith(mark))
        encoding = next(marks, "utf-8")
    if codecs.lookup(encoding).name != "utf-8":
        return table.copied(scratch, encoding)
    if b"\0" in opening:
        raise UnreadableFileError(
            table.name,
            f"not text in UTF-8: byte {opening.index(0)} is zero; --encoding utf-16-le reads "
            "UTF-16 without a byte order mark; save any other format as CSV, JSON or Parquet",
        )
    return table


def lists_within(file: VoteFile, connection: DuckDBPyConnection) -> list[str]:
    """Name the keys of the first object that hold lists of objects: votes may lie there."""
    if not file.kind.startswith("JSON"):
        return []
    objects = replace(file, columns=()).relation(_LONGEST_OBJECT)
    found = connection.execute(
        f"SELECT key FROM (SELECT json FROM {objects} LIMIT 1) o, json_each(o.json) "
        "WHERE json_type(value, '$[0]') = 'OBJECT'"
    ).fetchall()
    return [key for (key,) in found]


def _text_table(
    table: VoteFile,
    connection: DuckDBPyConnection,
    *,
    scratch: Path,
    delimiter: str | None,
    is_known: Callable[[Sequence[str]], bool],
) -> VoteFile:
    """Take the columns from the first objects, or from the first line."""
    with table.text() as file:
        opening = file.read(_OPENING).lstrip()[:1]
    if opening in ("{", "["):
        table = replace(table, kind=_json_kind(table, opening))
        # Only the keys are kept, so long objects need no memory.
        objects = table.relation(_LONGEST_OBJECT)
        found = connection.execute(f"SELECT json_keys(json) FROM {objects} LIMIT {_OBJECTS}")
        columns = dict.fromkeys(key for (keys,) in found.fetchall() for key in keys)
        if not columns:
            raise UnreadableFileError(table.name, "its JSON holds no object with keys")
        return replace(table, columns=_checked(table.name, columns))
    with table.text() as file:
        blank_lines = sum(1 for _ in takewhile(lambda line: not line.strip("\r\n"), file))
    if blank_lines:
        # DuckDB skips only lines that all end alike.
        table = table.copied(scratch)
    headers = {}
    signs = (delimiter,) if delimiter else _DELIMITERS
    for sign in signs:
        with table.text() as file:
            headers[sign] = next(filter(None, csv_records(file, sign)), [])
        if is_known(headers[sign]):
            break
    else:
        sign = max(headers, key=lambda each: len(headers[each]))
        if not any(map(str.strip, headers[sign])):
            raise UnreadableFileError(table.name, "the file is empty")
        _check_lines_below(table, signs, is_known)
    return replace(
        table, columns=_distinct(headers[sign]), delimiter=sign, blank_lines=blank_lines
    )


def _check_lines_below(
    table: VoteFile, signs: Sequence[str], is_known: Callable[[Sequence[str]], bool]
) -> None:
    """Refuse a file whose headings stand below titles or comments, and say where they are."""
    with table.text() as file:
        for number, line in enumerate(islice(file, _LINES_ABOVE), 1):
            if any(is_known(line.strip().split(sign)) for sign in signs):
                raise UnreadableFileError(
                    table.name,
                    f"the headings are in line {number}; leave out the lines above: "
                    f"tail -n +{number} FILE | bixarena rank -",
                )


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


def _distinct(headings: Sequence[str]) -> tuple[str, ...]:
    """Add its place to each heading that occurs twice to DuckDB, which ignores case."""
    times = Counter(heading.lower() for heading in headings)
    return tuple(
        f"{heading} (column {place})".lstrip() if times[heading.lower()] > 1 else heading
        for place, heading in enumerate(headings, 1)
    )


def _checked(name: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Refuse keys that are the same to DuckDB, which ignores case."""
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
