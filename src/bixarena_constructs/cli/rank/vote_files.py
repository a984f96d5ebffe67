"""Reads votes from CSV and Parquet files, and names exactly which values are wrong."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Protocol

from bixarena_constructs.cli.rank.vote_rows import (
    BadRowsError,
    BadValue,
    UnreadableFileError,
    check_columns,
)
from bixarena_constructs.worker.ranking import OUTCOMES, VoteCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pyarrow.parquet import ParquetFile

    from bixarena_constructs.cli.rank.vote_rows import Row

__all__ = ["column_names", "read_votes"]

_WINNER: Final = "winner"
_COLUMNS: Final = ("model_a", "model_b", _WINNER)


class _Reader(Protocol):
    """The type of `csv.reader(...)`, which has no public name."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...


def column_names(path: Path) -> list[str]:
    """Read the names of a file's columns.

    Raises:
        UnreadableFileError: The file is no such table.
    """
    if path.suffix == ".parquet":
        with _open_parquet(path, ()) as file:
            return list(file.schema_arrow.names)
    with _open_csv(path, ()) as (_, header):
        return header


def read_votes(path: Path, *, voter_column: str | None = None) -> VoteCounts:
    """Count the votes of a CSV file, or of a Parquet file named ``.parquet``.

    Args:
        path: A table with columns ``model_a``, ``model_b`` and ``winner``; others are ignored.
        voter_column: A column that names the voter, to count by voter as well. A vote that names
            none is one of a voter of its own.

    Raises:
        UnreadableFileError: The file is no such table.
        BadRowsError: A row has no model or an unknown winner.
    """
    columns = _COLUMNS if voter_column is None else (*_COLUMNS, voter_column)
    is_parquet = path.suffix == ".parquet"
    counts = Counter(_parquet_rows(path, columns)) if is_parquet else _count_csv(path, columns)
    # Equal rows are counted together; their numbers are needed only if one is wrong.
    if any(fault for row in counts for fault in _faults(row)):
        rows = (
            enumerate(_parquet_rows(path, columns), 1) if is_parquet else _csv_rows(path, columns)
        )
        raise BadRowsError(
            path,
            (BadValue(number, *fault) for number, row in rows for fault in _faults(row)),
        )
    cells = [([value or "" for value in row], votes) for row, votes in counts.items()]
    if voter_column is None:
        return VoteCounts.from_cells((a, b, winner, votes) for (a, b, winner), votes in cells)
    return VoteCounts.from_voter_cells(
        (voter.strip() or None, a, b, winner, votes) for (a, b, winner, voter), votes in cells
    )


def _faults(row: Row) -> Iterator[tuple[str, str | None, str]]:
    """Yield the column, the value and the valid values, of each wrong value."""
    for column, value in zip(_COLUMNS, row, strict=False):
        if column == _WINNER:
            if value not in OUTCOMES:
                yield column, value, ", ".join(OUTCOMES)
        elif value is None or not value.strip():
            yield column, value, "any name"


def _count_csv(path: Path, columns: Sequence[str]) -> Counter[Row]:
    with _open_csv(path, columns) as (reader, header):
        indices = [header.index(column) for column in columns]
        # Every loop over rows runs in C: millions of rows take a second or two.
        try:
            return Counter(map(itemgetter(*indices), filter(None, reader)))
        except IndexError:  # a row ends early
            pass
    return Counter(row for _, row in _csv_rows(path, columns))


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield the number of each row's last line, and the row; None for each missing cell."""
    with _open_csv(path, columns) as (reader, header):
        indices = [header.index(column) for column in columns]
        for cells in filter(None, reader):
            row = tuple(cells[index] if index < len(cells) else None for index in indices)
            yield reader.line_num, row


@contextmanager
def _open_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[_Reader, list[str]]]:
    """Open a file, read its header, and check that it has the columns."""
    try:
        # Spreadsheets write a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            check_columns(path, columns, header)
            yield reader, header
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadableFileError(path, f"not a CSV file in UTF-8: {error}") from error


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    with _open_parquet(path, columns) as file:
        for batch in file.iter_batches(columns=list(columns)):
            values = [batch.column(column).cast("string").to_pylist() for column in columns]
            yield from zip(*values, strict=True)


@contextmanager
def _open_parquet(path: Path, columns: Sequence[str]) -> Iterator[ParquetFile]:
    """Open a file, and check that it has the columns."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra that most do without
        from pyarrow import parquet  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise UnreadableFileError(
            path, "reading Parquet needs pyarrow: pip install 'bixarena-constructs[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            check_columns(path, columns, file.schema_arrow.names)
            yield file
    except pa.ArrowException as error:
        raise UnreadableFileError(path, f"not a Parquet file of votes: {error}") from error
