"""Breaks of the database, and of the worker's way into it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from psycopg import connect, sql

from bixarena_constructs.worker.contract import Variable
from bixarena_demo.bixarena_database import WORKER_ROLE
from bixarena_demo.breaks.changes import change_secret, set_variable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from bixarena_demo.stage import Stage

__all__ = [
    "column_renamed",
    "database_gone",
    "grants_revoked",
    "login_forbidden",
    "rows_hidden",
    "table_locked",
    "votes_invalid",
    "wrong_password",
]


def wrong_password(stage: Stage) -> Iterator[None]:
    """Put a wrong password into the database's secret."""
    return change_secret(stage, lambda fields: json.dumps({**fields, "password": "wrong"}))


def database_gone(stage: Stage) -> Iterator[None]:
    """Rename the database, so that nobody can log in to it."""
    name = sql.Identifier(stage.owner.dbname)
    elsewhere = sql.Identifier(f"{stage.owner.dbname}_elsewhere")
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    url = stage.owner.url.rpartition("/")[0]
    with connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(rename.format(name, elsewhere))
        yield
        connection.execute(rename.format(elsewhere, name))


def login_forbidden(stage: Stage) -> Iterator[None]:
    """Forbid the worker's role to log in."""
    return _changed(
        stage, f"ALTER ROLE {WORKER_ROLE} NOLOGIN", undo=f"ALTER ROLE {WORKER_ROLE} LOGIN"
    )


def grants_revoked(stage: Stage) -> Iterator[None]:
    """Take from the worker's role the right to read the votes."""
    return _changed(
        stage,
        f"REVOKE USAGE ON SCHEMA api FROM {WORKER_ROLE}",
        undo=f"GRANT USAGE ON SCHEMA api TO {WORKER_ROLE}",
    )


def column_renamed(stage: Stage) -> Iterator[None]:
    """Rename a column that the worker writes, as a migration may."""
    rename: LiteralString = "ALTER TABLE api.leaderboard_entry RENAME COLUMN {} TO {}"
    return _changed(stage, rename.format("rank", "place"), undo=rename.format("place", "rank"))


def rows_hidden(stage: Stage) -> Iterator[None]:
    """Hide the votes from the worker's role, by row level security."""
    table: LiteralString = "ALTER TABLE api.battle"
    return _changed(
        stage,
        f"{table} ENABLE ROW LEVEL SECURITY",
        undo=f"{table} DISABLE ROW LEVEL SECURITY",
    )


def votes_invalid(stage: Stage) -> Iterator[None]:
    """Turn every validation of a battle around, so that few votes count."""
    turn = "UPDATE api.battle_validation SET is_biomedical = NOT is_biomedical"
    return _changed(stage, turn, undo=turn)


def table_locked(stage: Stage) -> Iterator[None]:
    """Lock the votes for as long as it lasts, and let a run take three seconds only."""
    with stage.owner.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE api.battle")
        yield from set_variable(stage, Variable.MAX_RUNTIME_SECONDS, "3")


def _changed(stage: Stage, statement: LiteralString, *, undo: LiteralString) -> Iterator[None]:
    with stage.owner.connect() as connection:
        connection.execute(statement)
    yield
    with stage.owner.connect() as connection:
        connection.execute(undo)
