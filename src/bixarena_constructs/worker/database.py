"""Connections to PostgreSQL that cannot outlive the run, and its errors in the worker's words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import IsolationLevel

from bixarena_constructs.worker.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    DeadlineError,
)
from bixarena_constructs.worker.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.worker.deadline import Deadline
    from bixarena_constructs.worker.settings import DatabaseSettings

__all__ = ["Database", "passes_by_itself"]

_CONNECT_SECONDS = 10
# A worker that froze or lost its network must not hold its locks until the next morning.
_IDLE_SECONDS = 60
_TCP_USER_TIMEOUT_MS = 30_000

# SQLSTATE classes and codes that pass by themselves, see PostgreSQL's appendix A: connection
# exceptions; serialization failure, deadlock; too many connections; the server is shutting down,
# crashed or starting; a lock or a statement that took too long or was cancelled.
_PASSING = ("08", "40001", "40P01", "53300", "57P01", "57P02", "57P03", "55P03", "57014", "25P03")
_TIMEOUTS = ("55P03", "57014", "25P03")
# A refused connection has no SQLSTATE, only libpq's text. What the server itself says starts with
# FATAL and lasts (wrong password, no such database), but for these.
_PASSING_FATAL = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "not accepting connections",
    "too many clients",
    "too many connections",
    "connection slots are reserved",
    "terminating connection",
)
# What our side of the connection says when the server is not whom it should be.
_LASTING_LOCAL = (
    "certificate",
    "server does not support SSL",
    "SSL error",
    "invalid sslmode",
    "weak sslmode",
)


class Database:
    """One host of the database; each transaction has a connection of its own."""

    def __init__(
        self, settings: DatabaseSettings, deadline: Deadline, *, host: str | None = None
    ) -> None:
        self._settings = settings
        self._deadline = deadline
        self.host = host or settings.host

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection]:
        """Open a read-only transaction that sees one state of the database throughout.

        Raises:
            DatabaseError: See ``_translated``.
        """
        with self._transaction(IsolationLevel.REPEATABLE_READ, read_only=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[psycopg.Connection]:
        """Open a transaction whose statements each see what was committed before them.

        So, what another worker committed while this one waited for its lock.

        Raises:
            DatabaseError: See ``_translated``.
        """
        with self._transaction(IsolationLevel.READ_COMMITTED, read_only=False) as connection:
            yield connection

    @contextmanager
    def _transaction(
        self, isolation: IsolationLevel, *, read_only: bool
    ) -> Iterator[psycopg.Connection]:
        with self._translated(), self._connect() as connection:
            connection.isolation_level = isolation
            connection.read_only = read_only
            with connection.transaction():
                left = max(1, int(self._deadline.seconds_left * 1000))
                idle = min(left, _IDLE_SECONDS * 1000)
                connection.execute(query("timeouts"), {"left": str(left), "idle": str(idle)})
                yield connection

    def _connect(self) -> psycopg.Connection:
        settings = self._settings
        # libpq reads less than 2 seconds as 2.
        patience = max(2, min(_CONNECT_SECONDS, int(self._deadline.seconds_left)))
        return psycopg.connect(
            host=self.host,
            port=settings.port,
            dbname=settings.dbname,
            user=settings.user,
            password=settings.password,
            sslmode=settings.sslmode,
            sslrootcert=settings.sslrootcert,
            connect_timeout=patience,
            application_name="bixarena-worker",
            # A peer that vanished without a word is noticed within half a minute: when idle, by
            # three probes unanswered; when data is on its way, by the missing acknowledgement.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=_TCP_USER_TIMEOUT_MS,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into the worker's.

        Raises:
            DeadlineError: The server gave up on our behalf, for the run is over its time.
            DatabaseUnavailableError: It may succeed a little later.
            DatabaseRefusedError: It would fail again.
        """
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate in _TIMEOUTS and self._deadline.has_passed:
                raise DeadlineError(f"out of time in the database: {_text(error)}") from error
            kind = DatabaseUnavailableError if passes_by_itself(error) else DatabaseRefusedError
            raise self._described(error, kind) from error

    def _described(self, error: psycopg.Error, kind: type[DatabaseError]) -> DatabaseError:
        return kind(f"{self.host}: {_text(error)}", sqlstate=error.sqlstate)


def passes_by_itself(error: psycopg.Error) -> bool:
    """Tell whether the same attempt may succeed a little later."""
    if error.sqlstate is not None:
        return error.sqlstate.startswith(_PASSING)
    if not isinstance(error, psycopg.OperationalError):
        return False
    text = str(error)
    if "FATAL:" in text:
        return any(phrase in text for phrase in _PASSING_FATAL)
    return not any(phrase in text for phrase in _LASTING_LOCAL)


def _text(error: psycopg.Error) -> str:
    # One line: PostgreSQL adds details and hints below.
    return " ".join(str(error).split())
