"""Connections to PostgreSQL that cannot outlive the run, and its errors in the worker's words."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.errors import ForeignKeyViolation, ReadOnlySqlTransaction

from bixarena_constructs.worker.connection import Connection
from bixarena_constructs.worker.errors import (
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    DeadlineError,
    LoginRefusedError,
    RowGoneError,
)
from bixarena_constructs.worker.faults import passes_by_itself
from bixarena_constructs.worker.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.worker.deadline import Deadline
    from bixarena_constructs.worker.settings import DatabaseSettings

__all__ = ["Database"]

_CONNECT_SECONDS = 10
_CANCEL_SECONDS = 1
# A worker that froze or lost its network must not hold its locks until the next morning.
_IDLE_MS = 60_000
# The server's limits come after the run's own, so that it is the deadline that ends a run.
_GRACE_MS = 200
_TCP_USER_TIMEOUT_MS = 30_000

# The server's own limits on how long a statement, a lock or an idle transaction may take.
_TIMEOUTS = ("55P03", "57014", "25P03", "25P04")


class Database:
    """A PostgreSQL server, for transactions that end by the run's deadline.

    Each transaction has its own connection, unless that is kept. The driver's errors become a
    `DatabaseUnavailableError`, after which the same attempt may succeed a little later, or a
    `DatabaseRefusedError`.

    Args:
        settings: Where it is, and who logs in.
        deadline: No wait and no statement goes beyond it.
    """

    def __init__(self, settings: DatabaseSettings, deadline: Deadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._connection: psycopg.Connection | None = None
        self._is_kept = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the connection between transactions, until one fails.

        A password that is changed during the run is then not needed.
        """
        self._is_kept = True
        try:
            yield
        finally:
            self._is_kept = False
            self._disconnect()

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection]:
        """Open a read-only transaction that sees one state of the database throughout.

        Raises:
            DatabaseError: The server was out of reach, or refused it.
        """
        with self._transaction(IsolationLevel.REPEATABLE_READ, read_only=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[psycopg.Connection]:
        """Open a transaction whose statements each see what was committed before them.

        This includes what another worker committed while this one waited for its lock.

        Raises:
            DatabaseUnavailableError: The server takes no writes for now.
            DatabaseError: The server was out of reach, or refused it.
        """
        # Not explicitly read-write, which would override an administrator who wants no writes.
        with self._transaction(IsolationLevel.READ_COMMITTED, read_only=None) as connection:
            if connection.execute(query("read_only")).fetchone() == ("on",):
                raise ReadOnlySqlTransaction("it takes no writes for now")
            yield connection

    @contextmanager
    def asking(self) -> Iterator[psycopg.Connection]:
        """Open a session for a query, on a server that may know less than PostgreSQL.

        The query is in a read-only transaction with a time limit, if the server knows both.
        The server is sent nothing else: no isolation level, which one statement does not need, no
        other limit, no savepoint, no named cursor, no COPY.

        Raises:
            DatabaseError: The server was out of reach, or refused it.
        """
        with self._translated():
            connection = self._connected()
            try:
                connection.read_only = True
                limit = sql.SQL("SET LOCAL statement_timeout = {}")
                try:
                    connection.execute(limit.format(self._milliseconds_left))
                except psycopg.Error:
                    if connection.closed:
                        raise
                    connection.rollback()
                    connection.read_only = None
                    connection.autocommit = True
                yield connection
            finally:
                self._disconnect()

    @property
    def _milliseconds_left(self) -> int:
        return int(self._deadline.seconds_left * 1000) + _GRACE_MS

    def cancel(self) -> None:
        """Cancel the statement that another thread waits for, if any.

        Without this, the server continues the statement, and holds its locks, after the worker
        has ended.
        """
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=_CANCEL_SECONDS)

    @contextmanager
    def _transaction(
        self, isolation: IsolationLevel, *, read_only: bool | None
    ) -> Iterator[psycopg.Connection]:
        with self._translated():
            connection = self._connected()
            connection.isolation_level = isolation
            connection.read_only = read_only
            is_done = False
            try:
                with connection.transaction():
                    left = self._milliseconds_left
                    wanted = {"left": str(left), "idle": str(_IDLE_MS)}
                    connection.execute(query("transaction_settings"), wanted)
                    yield connection
                is_done = True
            finally:
                # After a failover, the server of an old connection may take no writes any more.
                if not (is_done and self._is_kept):
                    self._disconnect()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = None
            try:
                self._connection = self._connect()
            except psycopg.Error as error:
                if passes_by_itself(error):
                    raise
                raise self._described(error, LoginRefusedError) from error
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> psycopg.Connection:
        settings = self._settings
        # libpq reads less than 2 seconds as 2.
        patience = max(2, min(_CONNECT_SECONDS, int(self._deadline.seconds_left)))
        return Connection.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.dbname,
            user=settings.user,
            password=settings.password,
            sslmode=settings.sslmode,
            sslrootcert=settings.sslrootcert,
            # Redshift's own name for it is none that the driver knows.
            client_encoding="UTF8",
            connect_timeout=patience,
            application_name="bixarena-worker",
            # A pooler may give the next transaction another session, without the statement.
            prepare_threshold=None,
            # A peer that vanished is noticed within half a minute: when idle, by three unanswered
            # probes; when data is on its way, by the missing acknowledgement.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=_TCP_USER_TIMEOUT_MS,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate the driver's errors to the worker's.

        Raises:
            DeadlineError: The server ended the statement because the run is out of time.
            DatabaseUnavailableError: It may succeed a little later.
            RowGoneError: It needs a row that is gone.
            DatabaseRefusedError: It would fail again.
        """
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate in _TIMEOUTS and self._deadline.has_passed:
                raise DeadlineError(f"out of time in the database: {_text(error)}") from error
            raise self._described(error, _kind(error)) from error

    def _described(self, error: psycopg.Error, kind: type[DatabaseError]) -> DatabaseError:
        return kind(f"{self._settings.host}: {_text(error)}", sqlstate=error.sqlstate)


def _kind(error: psycopg.Error) -> type[DatabaseError]:
    if isinstance(error, ForeignKeyViolation):
        return RowGoneError
    return DatabaseUnavailableError if passes_by_itself(error) else DatabaseRefusedError


def _text(error: psycopg.Error) -> str:
    # One line: PostgreSQL adds details and hints below.
    return " ".join(str(error).split())
