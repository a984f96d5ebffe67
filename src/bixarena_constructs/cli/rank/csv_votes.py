"""Votes in CSV files."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from bixarena_constructs.cli.rank.vote_rows import Row, UnreadableFileError, check_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["count_csv", "locate_csv"]


class _Reader(Protocol):
    """What `csv.reader` returns, which has no public name."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...


def count_csv(path: Path, columns: Sequence[str]) -> Counter[Row]:
    """Count equal rows, looking at some columns only.

    Raises:
        UnreadableFileError: When the file is no CSV file in UTF-8, or lacks a column.
    """
    with _open(path, columns) as (reader, indices):
        # Every loop over rows runs in C: millions of rows take a second or two.
        try:
            return Counter(map(itemgetter(*indices), filter(None, reader)))
        except IndexError:  # a row ends early
            pass
    return Counter(row for _, row in locate_csv(path, columns))


def locate_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield the number of each row's last line, and the row; None where it ends early.

    Raises:
        UnreadableFileError: As `count_csv` does.
    """
    with _open(path, columns) as (reader, indices):
        for cells in filter(None, reader):
            row = tuple(cells[index] if index < len(cells) else None for index in indices)
            yield reader.line_num, row


@contextmanager
def _open(path: Path, columns: Sequence[str]) -> Iterator[tuple[_Reader, list[int]]]:
    """Open a file behind its header, and find the columns."""
    try:
        # Spreadsheets write a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            check_columns(path, columns, header)
            yield reader, [header.index(column) for column in columns]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadableFileError(path, f"not a CSV file in UTF-8: {error}") from error
