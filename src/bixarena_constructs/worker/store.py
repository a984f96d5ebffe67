"""BixArena's database as the worker uses it: boards, votes and snapshots, as records."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from psycopg.rows import class_row, kwargs_row

from bixarena_constructs.worker.environment_reader import MOST_AHEAD
from bixarena_constructs.worker.errors import DatabaseRefusedError, VotesError
from bixarena_constructs.worker.preflight import DATES, VOTERS, check, check_time, missing
from bixarena_constructs.worker.queries import query
from bixarena_constructs.worker.records import Board, Publication, Status, Votes
from bixarena_constructs.worker.voter_rows import counted_pairs, counts_by_voter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    import psycopg

    from bixarena_constructs.worker.database import Database
    from bixarena_constructs.worker.preflight import Need
    from bixarena_constructs.worker.records import Retention, Snapshot, Visibility
    from bixarena_constructs.worker.votes_relation import VotesRelation

__all__ = ["Store"]

_ROWS_AT_A_TIME = 1000
# In the columns of the entries, PostgreSQL's integer.
_MOST_VOTES = 2**31 - 1


class Store:
    """BixArena's tables, as far as they concern the worker.

    Args:
        primary: Where snapshots are and are written.
        reader: Where votes are read; the primary or a replica of it.
        needs: What `check` looks for in the primary.
        counting_needs: What it looks for in the reader.
        relation: Cells that are counted in place of BixArena's battles. Default: - none.
    """

    def __init__(
        self,
        primary: Database,
        reader: Database,
        *,
        needs: Sequence[Need] = (),
        counting_needs: Sequence[Need] = (),
        relation: VotesRelation | None = None,
    ) -> None:
        self._primary = primary
        self._reader = reader
        self._needs = tuple(needs)
        self._counting_needs = tuple(counting_needs)
        self._relation = relation

    @contextmanager
    def session(self) -> Iterator[None]:
        """Keep its connections open between transactions."""
        with self._primary.kept(), self._reader.kept():
            yield

    def cancel(self) -> None:
        """Cancel the statement that another thread waits for, if any."""
        for database in {self._primary, self._reader}:
            database.cancel()
        if self._relation is not None:
            self._relation.cancel()

    def check(self, moment: datetime | None = None) -> None:
        """Check that the tables, columns and privileges exist, and that the primary takes writes.

        Args:
            moment: A time that must have come, by the database's clock.

        Raises:
            MissingGrantsError: With all that is missing.
            FutureRunError: The time has not come.
            DatabaseUnavailableError: The needs include writing, and the server takes no writes.
        """
        only_reads = all(privilege == "SELECT" for _, privilege, _ in self._needs)
        with self._primary.reading() if only_reads else self._primary.writing() as connection:
            is_one = self._reader is self._primary
            check(connection, self._needs + (self._counting_needs if is_one else ()))
            if moment is not None:
                check_time(connection, moment)
        if not is_one and self._counting_needs:
            with self._reader.reading() as connection:
                check(connection, self._counting_needs)
        if self._relation is not None:
            self._relation.check()

    def boards(self, identifier: str) -> tuple[Board, ...]:
        """List the leaderboards, and which of them have a snapshot of this name."""
        wanted = {"identifier": identifier, "ahead": MOST_AHEAD}
        with (
            self._primary.reading() as connection,
            connection.cursor(row_factory=class_row(Board)) as cursor,
        ):
            return tuple(cursor.execute(query("boards"), wanted).fetchall())

    def votes(self, slugs: Sequence[str], *, by_voter: bool = False) -> Votes:
        """Count the votes of some leaderboards, all as of one moment.

        Args:
            slugs: The leaderboards.
            by_voter: Whether to count by voter as well, where it may see who voted.
        """
        if self._relation is not None:
            with self._primary.reading() as connection:
                models = dict(connection.execute(query("models")).fetchall())
                known = {slug for (slug,) in connection.execute(query("leaderboards"))}
            return self._relation.votes(models, known, by_voter=by_voter)
        with self._reader.reading() as connection:
            models = dict(connection.execute(query("models")).fetchall())
            keys = tuple(models)
            if by_voter and not missing(connection, VOTERS):
                by_board = counts_by_voter(connection, list(slugs), keys)
                return Votes(
                    slug_by_model=models,
                    by_leaderboard=by_board,
                    newest=_newest_vote(connection),
                )
            # Streamed, so that no more than one leaderboard's rows are held at a time; a cursor in
            # the database would do that too, but rules out parallel plans. A stream that is left
            # open keeps the connection's lock: the transaction could not even be rolled back.
            stream = connection.cursor().stream(
                query("counts_by_pair"), {"slugs": list(slugs)}, size=_ROWS_AT_A_TIME
            )
            with closing(stream) as rows:  # type: ignore[type-var]  # it is a generator
                counts = {
                    slug: counted_pairs(keys, group)
                    for slug, group in groupby(rows, itemgetter(0))
                }
            newest = _newest_vote(connection)
        return Votes(slug_by_model=models, by_leaderboard=counts, newest=newest)

    def publish(self, snapshot: Snapshot, retention: Retention | None = None) -> Publication:
        """Write a snapshot and make it public, all in one transaction or nothing.

        A snapshot of the same time is left unchanged. One that is older than the newest public
        snapshot is stored private: the site would take it for the newest. Snapshots of the future
        are ignored.

        Args:
            snapshot: What to write.
            retention: How many public snapshots the leaderboard keeps. Default: - all.

        Raises:
            RowGoneError: A model of it, or the leaderboard, was deleted since it was read.
            DatabaseRefusedError: A trigger left out entries.
            VotesError: A model has more votes than its column holds.
        """
        for entry in snapshot.entries:
            if entry.votes > _MOST_VOTES:
                raise VotesError(
                    f"{entry.model!r} has {entry.votes} votes; api.leaderboard_entry.vote_count"
                    f" holds {_MOST_VOTES} at most"
                )
        with self._primary.writing() as connection:
            connection.execute(query("lock_board"), {"leaderboard_id": snapshot.board.id})
            so_far = _SnapshotsSoFar.read(connection, snapshot)
            if so_far.existing_id is not None:
                return so_far.publication_of(snapshot)
            is_late = so_far.newest_public > snapshot.identifier
            former = _public_ranks(connection, snapshot.board)
            _insert(connection, snapshot, visibility="private" if is_late else "public")
            retired = _retire(connection, snapshot, retention)
        return Publication(
            status=Status.STORED_PRIVATE if is_late else Status.PUBLISHED,
            newest_public=so_far.newest_public or None,
            former_ranks=former,
            retired=retired,
            shown_instead=so_far.shown_instead,
        )

    def set_visibility(
        self, identifier: str, slug: str | None, visibility: Visibility
    ) -> tuple[str, ...]:
        """Make the snapshots of one time public or private.

        Args:
            identifier: Their name.
            slug: The only leaderboard whose snapshot is meant; None for all.
            visibility: What they become.

        Returns:
            Slugs of the leaderboards whose snapshot was not that before.
        """
        wanted = {"identifier": identifier, "slug": slug, "visibility": visibility}
        with self._primary.writing() as connection:
            rows = connection.execute(query("set_visibility"), wanted).fetchall()
        return tuple(sorted(slug for (slug,) in rows))


@dataclass(frozen=True, kw_only=True)
class _SnapshotsSoFar:
    """The snapshots of a leaderboard, read while its lock is held.

    Attributes:
        existing_id: The existing snapshot of that time, if any.
        existing_visibility: Whether it is public.
        newest_public: Identifier of the newest public snapshot, or an empty text.
        shown_instead: Identifier of a public snapshot that is dated in the future.
    """

    existing_id: UUID | None
    existing_visibility: str | None
    newest_public: str
    shown_instead: str | None

    @classmethod
    def read(cls, connection: psycopg.Connection, snapshot: Snapshot) -> _SnapshotsSoFar:
        wanted = {
            "leaderboard_id": snapshot.board.id,
            "identifier": snapshot.identifier,
            "ahead": MOST_AHEAD,
        }
        with connection.cursor(row_factory=kwargs_row(cls)) as cursor:
            # An aggregate without GROUP BY returns one row, even without a snapshot.
            (so_far,) = cursor.execute(query("snapshots_so_far"), wanted).fetchall()
            return so_far

    def publication_of(self, snapshot: Snapshot) -> Publication:
        is_public = self.existing_visibility == "public"
        if self.existing_id != snapshot.id:
            return Publication(
                status=Status.ALREADY_PUBLISHED if is_public else Status.ALREADY_PRIVATE
            )
        # Our own first attempt: the connection was lost just as it was committed.
        return Publication(
            status=Status.PUBLISHED if is_public else Status.STORED_PRIVATE,
            shown_instead=self.shown_instead,
        )


def _newest_vote(connection: psycopg.Connection) -> datetime | None:
    if missing(connection, DATES):
        return None
    ((newest,),) = connection.execute(query("newest_vote"), {"ahead": MOST_AHEAD}).fetchall()
    return newest  # type: ignore[no-any-return]  # a timestamptz


def _public_ranks(connection: psycopg.Connection, board: Board) -> dict[str, int]:
    wanted = {"leaderboard_id": board.id, "ahead": MOST_AHEAD}
    rows = connection.execute(query("public_ranks"), wanted)
    return dict(rows.fetchall())


def _insert(connection: psycopg.Connection, snapshot: Snapshot, *, visibility: str) -> None:
    connection.execute(
        query("insert_snapshot"),
        {
            "id": snapshot.id,
            "leaderboard_id": snapshot.board.id,
            "identifier": snapshot.identifier,
            "description": snapshot.description,
            "visibility": visibility,
        },
    )
    entries = snapshot.entries
    written = connection.execute(
        query("insert_entries"),
        {
            "leaderboard_id": snapshot.board.id,
            "snapshot_id": snapshot.id,
            "model_ids": [entry.model for entry in entries],
            "scores": [entry.score for entry in entries],
            "lowers": [entry.lower for entry in entries],
            "uppers": [entry.upper for entry in entries],
            "votes": [entry.votes for entry in entries],
            "ranks": [entry.rank for entry in entries],
        },
    ).rowcount
    if written < len(entries):
        raise DatabaseRefusedError(
            f"{written} of {len(entries)} entries were stored; a trigger or rule of"
            " api.leaderboard_entry leaves out the others"
        )


def _retire(
    connection: psycopg.Connection, snapshot: Snapshot, retention: Retention | None
) -> int:
    if retention is None:
        return 0
    statement = query("retire_delete" if retention.delete else "retire_private")
    wanted = {
        "leaderboard_id": snapshot.board.id,
        "snapshot_id": snapshot.id,
        "keep": retention.keep,
        "ahead": MOST_AHEAD,
    }
    return connection.execute(statement, wanted).rowcount
