"""A database like BixArena's on a server of our own, with the least privileged worker in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg import sql

from bixarena_constructs.demo.votes import fill

if TYPE_CHECKING:
    import psycopg

    from bixarena_constructs.demo.postgres import ConnectionInfo, PostgresServer
    from bixarena_constructs.demo.votes import Simulation

__all__ = ["WORKER_ROLE", "BixArenaDatabase"]

WORKER_ROLE = "bixarena_worker"
"""As in the worker's ``sql/grants.sql``."""


@dataclass(frozen=True, kw_only=True)
class BixArenaDatabase:
    """One database, as two see it.

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
            server: Where.
            name: Of the new database.
            simulation: Its rows. Default: none.
            worker_password: Of the worker's role, in all databases of the server. Default: a new
                random one.
        """
        owner = server.create_database(name)
        password = worker_password or secrets.token_urlsafe(24)
        with owner.connect() as connection:
            connection.execute(files(__package__).joinpath("schema.sql").read_bytes())
            _set_up_worker(connection, password)
            if simulation is not None:
                fill(connection, simulation)
        worker = server.info(name, user=WORKER_ROLE, password=password)
        return cls(owner=owner, worker=worker)

    def copy(self, server: PostgresServer, name: str) -> BixArenaDatabase:
        """Make another database of the same rows; nobody may be connected to this one."""
        owner = server.create_database(name, template=self.owner.dbname)
        worker = server.info(name, user=self.worker.user, password=self.worker.password)
        return BixArenaDatabase(owner=owner, worker=worker)


def _set_up_worker(connection: psycopg.Connection, password: str) -> None:
    role = sql.Identifier(WORKER_ROLE)
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [WORKER_ROLE])
    if found.fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
    grants = files("bixarena_constructs.worker").joinpath("sql", "grants.sql")
    connection.execute(grants.read_bytes())
