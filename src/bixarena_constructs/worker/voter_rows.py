"""Counted votes as the database sends them: by voter, in millions of rows, as arrays."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.queries import query
from bixarena_constructs.worker.ranking import VoteCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import psycopg
    from numpy.typing import NDArray

__all__ = ["counted_pairs", "counts_by_voter", "tables"]

_FIELDS: Final = ("board", "voter", "model_a", "model_b", "outcome", "votes")
# PostgreSQL's documentation of COPY, "Binary Format": a header, then for each row how many fields
# it has and for each field how many bytes, then a trailer.
_HEADER_BYTES: Final = 19
_TRAILER_BYTES: Final = 2
_ROW: Final = np.dtype(
    [("fields", ">i2")]
    + [part for name in _FIELDS for part in ((f"{name}_bytes", ">i4"), (name, ">i4"))]
)
_BYTES_AT_A_TIME: Final = 2**22


def counts_by_voter(
    connection: psycopg.Connection, slugs: Sequence[str], models: Sequence[str]
) -> dict[str, VoteCounts | VotesError]:
    """Count the votes of some leaderboards by voter.

    Args:
        connection: In a transaction.
        slugs: The leaderboards.
        models: All models, in the order in which the statement numbers them.

    Returns:
        Leaderboard to its votes, or to why they cannot be counted; one without votes is absent.
    """
    counts: dict[str, VoteCounts | VotesError] = {}
    with (
        connection.cursor() as cursor,
        cursor.copy(query("counts_by_voter"), {"slugs": list(slugs)}) as copy,
    ):
        slug: str | None = None
        parts: list[NDArray[np.int32]] = []
        for table in tables(copy):
            starts = np.flatnonzero(np.diff(table[0], prepend=-1)).tolist()
            for start, stop in pairwise([*starts, table.shape[1]]):
                # Rows come by leaderboard, so only one leaderboard's are held at a time.
                if slug is not None and slug != slugs[table[0, start]]:
                    counts[slug] = _counted(models, parts)
                    parts = []
                slug = slugs[table[0, start]]
                parts.append(table[1:, start:stop])
        if slug is not None:
            counts[slug] = _counted(models, parts)
    return counts


def counted_pairs(
    models: Sequence[str], rows: Iterable[tuple[int | str, ...]]
) -> VoteCounts | VotesError:
    """Fold the rows of one leaderboard, or return why they cannot be counted.

    Args:
        models: Their keys, in the order in which the rows number them.
        rows: Leaderboard slug, first and second model of a pair, wins of either, ties, votes.
    """
    table = np.array([row[1:] for row in rows], dtype=np.int64)
    verdicts, votes = table[:, 2:5], table[:, 5]
    strange = votes - verdicts.sum(axis=1)
    if strange.any():
        return _unknown_outcomes(int(strange.sum()))
    pairs, outcomes = verdicts.shape
    return VoteCounts.from_arrays(
        models,
        model_a=table[:, 0].repeat(outcomes),
        model_b=table[:, 1].repeat(outcomes),
        outcome=np.tile(np.arange(outcomes), pairs),
        votes=verdicts.ravel(),
    )


def _unknown_outcomes(number: int) -> VotesError:
    """Report that some votes have an unknown outcome."""
    return VotesError(
        f"{number} battles of this leaderboard have an outcome in"
        " api.battle_evaluation that is none of model1, model2, tie"
    )


def tables(
    blocks: Iterable[bytes | bytearray | memoryview], *, at_a_time: int = _BYTES_AT_A_TIME
) -> Iterator[NDArray[np.int32]]:
    """Cut a binary COPY into tables with a row a field and a column a row of the database.

    Args:
        blocks: The copy, cut anywhere.
        at_a_time: Bytes of a table.
    """
    buffer, skip = bytearray(), _HEADER_BYTES
    for block in blocks:
        buffer += block
        if len(buffer) - skip >= max(at_a_time, _ROW.itemsize):
            yield _table(buffer, skip)
            buffer = buffer[len(buffer) - (len(buffer) - skip) % _ROW.itemsize :]
            skip = 0
    if len(buffer) - skip > _TRAILER_BYTES:
        yield _table(buffer, skip)


def _table(buffer: bytearray, skip: int) -> NDArray[np.int32]:
    rows = np.frombuffer(buffer, _ROW, (len(buffer) - skip) // _ROW.itemsize, skip)
    return np.array([rows[name] for name in _FIELDS], dtype=np.int32)


def _counted(models: Sequence[str], parts: Sequence[NDArray[np.int32]]) -> VoteCounts | VotesError:
    voter, model_a, model_b, outcome, votes = np.concatenate(parts, axis=1)
    strange = votes[outcome < 0].sum()
    if strange:
        return _unknown_outcomes(int(strange))
    return VoteCounts.from_arrays(
        models, model_a=model_a, model_b=model_b, outcome=outcome, votes=votes, voter=voter
    )
