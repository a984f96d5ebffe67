"""Read votes from files, and say exactly which values are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.rank.csv_votes import count_csv, locate_csv
from bixarena_constructs.cli.rank.parquet_votes import count_parquet, locate_parquet
from bixarena_constructs.cli.rank.vote_rows import BadRowsError, BadValue
from bixarena_constructs.worker.ranking import OUTCOMES, VoteCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bixarena_constructs.cli.rank.vote_rows import Row

__all__ = ["read_votes"]

_WINNER: Final = "winner"
_COLUMNS: Final = ("model_a", "model_b", _WINNER)


def read_votes(path: Path, *, voter_column: str | None = None) -> VoteCounts:
    """Count the votes of a CSV file, or of a Parquet file named ``.parquet``.

    Args:
        path: With columns ``model_a``, ``model_b`` and ``winner``; further ones are ignored.
        voter_column: A column that names the voter, to count by voter as well.

    Raises:
        UnreadableFileError: When the file is no such table.
        BadRowsError: When a row names no model, no voter or an unknown winner.
    """
    columns = _COLUMNS if voter_column is None else (*_COLUMNS, voter_column)
    is_parquet = path.suffix == ".parquet"
    count, locate = (count_parquet, locate_parquet) if is_parquet else (count_csv, locate_csv)
    counts = count(path, columns)
    # Rows are told apart by their values only, until one of those is wrong.
    if any(_faults(columns, row) for row in counts):
        raise BadRowsError(
            path,
            (
                BadValue(line, *fault)
                for line, row in locate(path, columns)
                for fault in _faults(columns, row)
            ),
        )
    cells = [([value or "" for value in row], votes) for row, votes in counts.items()]
    if voter_column is None:
        return VoteCounts.from_cells((a, b, winner, votes) for (a, b, winner), votes in cells)
    return VoteCounts.from_voter_cells(
        (voter, a, b, winner, votes) for (a, b, winner, voter), votes in cells
    )


def _faults(columns: Sequence[str], row: Row) -> list[tuple[str, str | None, str]]:
    """List the column, the value and what is allowed, of each wrong value."""
    return list(_iter_faults(columns, row))


def _iter_faults(columns: Sequence[str], row: Row) -> Iterator[tuple[str, str | None, str]]:
    for column, value in zip(columns, row, strict=True):
        if column == _WINNER:
            if value not in OUTCOMES:
                yield column, value, ", ".join(OUTCOMES)
        elif value is None or not value.strip():
            yield column, value, "any name"
