"""A database like BixArena's on a server of our own, with the least privileged worker in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg import sql

from bixarena_demo.votes import fill

if TYPE_CHECKING:
    import psycopg

    from bixarena_demo.postgres import ConnectionInfo, PostgresServer
    from bixarena_demo.votes import Simulation

__all__ = ["WORKER_ROLE", "BixArenaDatabase"]

WORKER_ROLE = "bixarena_worker"
"""As in the worker's ``sql/grants.sql``."""

_SCHEMA: Final = Path(__file__).parents[2] / "examples" / "complete" / "schema.sql"


@dataclass(frozen=True, kw_only=True)
class BixArenaDatabase:
    """A database and its two logins.

    Attributes:
        owner: May do everything.
        worker: May do what the worker needs and no more.
    """

    owner: ConnectionInfo
    worker: ConnectionInfo

    @classmethod
    def create(
        cls,
        server: PostgresServer,
        name: str,
        *,
        simulation: Simulation | None = None,
        worker_password: str | None = None,
    ) -> BixArenaDatabase:
        """Create the tables, the worker's role and the rows of a simulation.

        Args:
            server: The server that gets the database.
            name: Name of the new database.
            simulation: Its rows. Default: none.
            worker_password: Password of the worker's role, which the server's databases share.
                The first database sets it, each later one must pass the same.
                Default: a random one, for the first database.

        Raises:
            ValueError: The server has the role already, and no password was passed.
        """
        with server.superuser.connect() as connection:
            password = _set_up_role(connection, worker_password)
        owner = server.create_database(name)
        with owner.connect() as connection:
            connection.execute(_SCHEMA.read_bytes())
            grants = files("bixarena_constructs.worker").joinpath("sql", "grants.sql")
            connection.execute(grants.read_bytes())
            if simulation is not None:
                fill(connection, simulation)
        worker = server.info(name, user=WORKER_ROLE, password=password)
        return cls(owner=owner, worker=worker)

    def copy(self, server: PostgresServer, name: str) -> BixArenaDatabase:
        """Make another database of the same rows; nobody may be connected to this one."""
        owner = server.create_database(name, template=self.owner.dbname)
        worker = server.info(name, user=self.worker.user, password=self.worker.password)
        return BixArenaDatabase(owner=owner, worker=worker)


def _set_up_role(connection: psycopg.Connection, password: str | None) -> str:
    """Create the worker's role unless the server has it, and return its password."""
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [WORKER_ROLE])
    if found.fetchone() is None:
        chosen = password or secrets.token_urlsafe(24)
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(WORKER_ROLE), sql.Literal(chosen)))
        return chosen
    if password is None:
        # A new one would shut the worker out of every other database of the server.
        raise ValueError(
            f"worker_password is missing; the server has the role {WORKER_ROLE} already, pass "
            "the password that it was created with"
        )
    return password
