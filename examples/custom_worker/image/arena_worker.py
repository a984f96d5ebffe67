"""The worker of an arena with tables of its own; see arena.sql."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import psycopg

from bixarena_constructs.worker import (
    Board,
    CountedCell,
    Database,
    Deadline,
    FutureRunError,
    Publication,
    Retention,
    Settings,
    SettingsError,
    Snapshot,
    SnapshotStore,
    Status,
    Votes,
    main,
)

_CELLS = """
SELECT topic, left_bot, right_bot,
       CASE verdict WHEN 'left' THEN 'model_a' WHEN 'right' THEN 'model_b' ELSE 'tie' END,
       count(*), judge
FROM arena.duel WHERE topic = ANY(%s) GROUP BY 1, 2, 3, 4, 6
"""
_BOARDS = """
SELECT topic.name, mine.is_public,
       (SELECT max(label) FROM arena.standing WHERE topic = topic.name AND is_public)
FROM arena.topic LEFT JOIN arena.standing AS mine ON mine.topic = topic.name AND label = %s
ORDER BY topic.name
"""
_RETIRED = """
SELECT id FROM arena.standing WHERE topic = %s AND is_public ORDER BY label DESC OFFSET %s
"""


class ArenaStore:
    """The arena's tables; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        """Take where the tables are; nothing is opened yet."""
        self._database = database

    def session(self) -> AbstractContextManager[object]:
        """Log in once for the whole run."""
        return self._database.kept()

    def check(self, moment: datetime | None = None) -> None:
        """Log in, and compare the time with the database's clock."""
        with self._database.writing() as connection:
            connection.execute("SELECT FROM arena.duel, arena.place LIMIT 0")
            ((now,),) = connection.execute("SELECT now()").fetchall()
        latest = now + timedelta(minutes=5)
        if moment is not None and moment > latest:
            raise FutureRunError(moment, latest)

    def boards(self, identifier: str) -> Sequence[Board]:
        """Make a leaderboard of each topic."""
        with self._database.reading() as connection:
            rows = connection.execute(_BOARDS, [identifier]).fetchall()
        visibility = {None: None, True: "public", False: "private"}
        return [
            Board(id=topic, slug=topic, existing=visibility[is_public], shown=newest)
            for topic, is_public, newest in rows
        ]

    def votes(self, slugs: Sequence[str], *, by_voter: bool) -> Votes:
        """Count the duels; their judges are the voters."""
        with self._database.reading() as connection:
            bots = [bot for (bot,) in connection.execute("SELECT name FROM arena.bot")]
            rows = connection.execute(_CELLS, [list(slugs)])
            cells = (
                CountedCell(topic, left, right, outcome, votes, judge if by_voter else None)
                for topic, left, right, outcome, votes, judge in rows
            )
            return Votes.from_cells(
                cells, slug_by_model={bot: bot for bot in bots}, leaderboards=set(slugs)
            )

    def publish(self, snapshot: Snapshot, retention: Retention | None) -> Publication:
        """Write a standing, while no other worker writes one of its topic."""
        topic = snapshot.board.id
        with self._database.writing() as connection:
            connection.execute("SELECT FROM arena.topic WHERE name = %s FOR UPDATE", [topic])
            existing = connection.execute(
                "SELECT id, is_public FROM arena.standing WHERE topic = %s AND label = %s",
                [topic, snapshot.identifier],
            ).fetchone()
            if existing is not None:
                return _found(snapshot, *existing)
            before = connection.execute(
                "SELECT label, id FROM arena.standing WHERE topic = %s AND is_public"
                " ORDER BY label DESC LIMIT 1",
                [topic],
            ).fetchone()
            newest, newest_id = before or (None, None)
            is_late = newest is not None and newest > snapshot.identifier
            former = connection.execute(
                "SELECT bot, place FROM arena.place WHERE standing = %s", [newest_id]
            ).fetchall()
            _insert(connection, snapshot, is_public=not is_late)
            retired = _retire(connection, snapshot, retention)
        return Publication(
            status=Status.STORED_PRIVATE if is_late else Status.PUBLISHED,
            newest_public=newest,
            former_ranks=dict(former),
            retired=retired,
        )

    def set_visibility(self, identifier: str, slug: str | None, visibility: str) -> Sequence[str]:
        """Show or hide the standings of one time."""
        with self._database.writing() as connection:
            rows = connection.execute(
                "UPDATE arena.standing SET is_public = %(show)s WHERE label = %(label)s"
                " AND is_public <> %(show)s AND topic = coalesce(%(topic)s, topic)"
                " RETURNING topic",
                {"show": visibility == "public", "label": identifier, "topic": slug},
            ).fetchall()
        return sorted(topic for (topic,) in rows)

    def cancel(self) -> None:
        """End what the database does for the worker, so that it keeps no lock."""
        self._database.cancel()


def _found(snapshot: Snapshot, standing: object, is_public: object) -> Publication:
    if standing == snapshot.id:
        # The first attempt of this very run, whose answer was lost.
        return Publication(status=Status.PUBLISHED if is_public else Status.STORED_PRIVATE)
    return Publication(status=Status.ALREADY_PUBLISHED if is_public else Status.ALREADY_PRIVATE)


def _insert(connection: psycopg.Connection, snapshot: Snapshot, *, is_public: bool) -> None:
    connection.execute(
        "INSERT INTO arena.standing (id, topic, label, is_public) VALUES (%s, %s, %s, %s)",
        [snapshot.id, snapshot.board.id, snapshot.identifier, is_public],
    )
    rows = [
        (snapshot.id, one.model, one.rank, one.score, one.lower, one.upper, one.votes)
        for one in snapshot.entries
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO arena.place VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)


def _retire(
    connection: psycopg.Connection, snapshot: Snapshot, retention: Retention | None
) -> int:
    if retention is None:
        return 0
    rows = connection.execute(_RETIRED, [snapshot.board.id, retention.keep]).fetchall()
    old = [standing for (standing,) in rows]
    if retention.delete:
        connection.execute("DELETE FROM arena.standing WHERE id = ANY(%s)", [old])
    else:
        connection.execute("UPDATE arena.standing SET is_public = false WHERE id = ANY(%s)", [old])
    return len(old)


def open_store(settings: Settings) -> SnapshotStore:
    """Make the store of a run from its settings."""
    if settings.database is None:
        raise SettingsError(["POSTGRES_HOST is unset; the arena's tables are in a PostgreSQL"])
    return ArenaStore(Database(settings.database, Deadline(settings.max_runtime_seconds)))


if __name__ == "__main__":
    main(open_store)
