"""Votes in Parquet files, read by pyarrow where it is installed."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from bixarena_constructs.cli.rank.vote_rows import Row, UnreadableFileError, check_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["count_parquet", "locate_parquet"]


def count_parquet(path: Path, columns: Sequence[str]) -> Counter[Row]:
    """Count equal rows, looking at some columns only.

    Raises:
        UnreadableFileError: When pyarrow is missing, the file is no Parquet file or lacks a
            column.
    """
    return Counter(row for _, row in locate_parquet(path, columns))


def locate_parquet(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield each row and its number.

    Raises:
        UnreadableFileError: As `count_parquet` does.
    """
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
            number = count(1)
            for batch in file.iter_batches(columns=list(columns)):
                values = [batch.column(column).cast(pa.string()).to_pylist() for column in columns]
                yield from zip(number, zip(*values, strict=True), strict=False)
    except pa.ArrowException as error:
        raise UnreadableFileError(path, f"not a Parquet file of votes: {error}") from error
