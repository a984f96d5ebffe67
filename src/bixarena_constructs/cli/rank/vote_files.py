"""Files of votes: what each is, the SQL that reads it, and its text.

DuckDB reads the rows and is given everything: its sniffer would take a ragged file for one column.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import sys
import zlib
from collections import deque
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

__all__ = [
    "BROKEN",
    "LONGEST_ROW",
    "Compression",
    "Kind",
    "VoteFile",
    "csv_records",
    "identifier",
    "literal",
]

Kind: TypeAlias = Literal["CSV", "JSON lines", "JSON array", "JSON", "Parquet"]
Compression: TypeAlias = Literal["uncompressed", "gzip", "zstd"]

LONGEST_ROW: Final = 2**21
"""Bytes that a row may have at first; DuckDB keeps sixteen times as many for each thread."""

BROKEN: Final = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError)
"""What reading a damaged file raises."""

_JSON_FORMATS: Final = {
    "JSON lines": "newline_delimited",
    "JSON array": "array",
    "JSON": "unstructured",
}
_OPENERS: Final[dict[Compression, Callable[..., Any]]] = {
    "uncompressed": open,
    "gzip": gzip.open,
    "zstd": zstd.open,
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
        blank_lines: Lines before its first.
        compression: How the whole file is compressed; Parquet is not.
    """

    name: str
    path: Path
    kind: Kind
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    blank_lines: int = 0
    compression: Compression = "uncompressed"

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
        given = f"compression = '{self.compression}'"
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
            f"read_csv({path}, {given}, header = true, skip = {self.blank_lines}, "
            f"delim = {literal(self.delimiter)}, quote = '\"', escape = '\"', "
            f"max_line_size = {longest_row})"
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
        """Yield the last line of each record, and its values; skip blank lines."""
        with self.text() as file:
            if self.kind == "CSV":
                reader = csv_records(file, self.delimiter)
                rows = filter(None, reader)
                next(rows, None)
                line = reader.line_num
                try:
                    for values in rows:
                        line = reader.line_num
                        yield line, values
                except csv.Error as error:
                    raise csv.Error(
                        f"in the row that begins in line {line + 1}: {error}; a double quote "
                        "within a quoted value is written twice"
                    ) from error
            else:
                for line, text in enumerate(file, 1):
                    if text.strip():
                        yield line, [text]

    def text(self, encoding: str = "utf-8-sig") -> TextIO:
        """Open the file as text."""
        return TextIOWrapper(self.content(), encoding=encoding, newline="")

    def ends_lines_differently(self) -> bool:
        """Return whether some lines end as on Windows, and others do not."""
        with TextIOWrapper(self.content(), encoding="utf-8-sig") as text:
            try:
                deque(text, maxlen=0)
            except (UnicodeError, *BROKEN):
                return False
            return isinstance(text.newlines, tuple)

    def copied(self, scratch: Path, encoding: str = "utf-8-sig") -> VoteFile:
        """Copy text into the form that DuckDB reads: UTF-8, with one kind of line end."""
        with (
            TextIOWrapper(self.content(), encoding=encoding) as text,
            NamedTemporaryFile("w", encoding="utf-8", newline="", dir=scratch, delete=False) as to,
        ):
            shutil.copyfileobj(text, to)
        return replace(self, path=Path(to.name), compression="uncompressed")

    def content(self) -> IO[bytes]:
        """Open the file as bytes, uncompressed."""
        opened: IO[bytes] = _OPENERS[self.compression](self.path, "rb")
        return opened


def identifier(name: str) -> str:
    """Quote the name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string for SQL."""
    return "'" + text.replace("'", "''") + "'"


def csv_records(file: TextIO, delimiter: str) -> _Reader:
    """Split text into records of values."""
    # Texts are as long as conversations are.
    csv.field_size_limit(sys.maxsize)
    return csv.reader(file, delimiter=delimiter, strict=True)
