"""Debian's PostgreSQL, which has OpenSSL, and its PgBouncer; for `make test-tls`."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from bixarena_demo.bixarena_database import BixArenaDatabase
from bixarena_demo.postgres import ConnectionInfo, PostgresServer
from bixarena_demo.system_account import Account, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.votes import Simulation

_PASSWORD = 'hush: "p@ss" wörd'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.openssl)
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A PostgreSQL that can be stopped and started.

    Attributes:
        server: How to reach it.
        data: Its folder.
        account: What it runs as.
    """

    server: PostgresServer
    data: Path
    account: Account

    def control(self, *arguments: str) -> None:
        """Run ``pg_ctl``, which waits until it is done."""
        command = [str(self.server.bin_folder / "pg_ctl"), "-D", str(self.data), "-w"]
        with (self.data.parent / "control.log").open("ab") as stream:
            process = self.account.popen([*command, *arguments], output=stream.fileno())
            assert process.wait(60) == 0, (self.data.parent / "control.log").read_text()

    def start(self) -> None:
        self.control("start", "-l", str(self.data.parent / "server.log"))

    def stop(self, mode: str) -> None:
        self.control("stop", "-m", mode)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """What signs the certificates of both servers."""
    return trustme.CA()


@pytest.fixture(scope="session")
def root_certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "root.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def _certify(authority: trustme.CA, folder: Path) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    (folder / "server.key").chmod(0o600)


@pytest.fixture(scope="session")
def machine(authority: trustme.CA) -> Iterator[Machine]:
    """The newest PostgreSQL that Debian has installed, with TLS alone and a password."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name)
    )
    assert installed, "needs Debian's packages: apt-get install postgresql pgbouncer"
    account = Account.choose()
    with temporary_folder(account) as folder:
        data, password, port = folder / "data", secrets.token_urlsafe(24), _free_port()
        (folder / "password").write_text(password)
        _certify(authority, folder)
        account.own(folder)
        initdb = [str(installed[-1] / "initdb"), "-D", str(data), "-U", "postgres", "--no-sync"]
        initdb += [
            f"--pwfile={folder / 'password'}",
            "-A",
            "scram-sha-256",
            "--locale=C",
            "-E",
            "UTF8",
        ]
        assert account.popen(initdb, output=subprocess.DEVNULL).wait(60) == 0
        (data / "postgresql.auto.conf").write_text(
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n"
            f"ssl = on\nssl_cert_file = '{folder / 'server.crt'}'\n"
            f"ssl_key_file = '{folder / 'server.key'}'\nfsync = off\n"
        )
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        superuser = ConnectionInfo(
            host="127.0.0.1", port=port, dbname="postgres", user="postgres", password=password
        )
        version = int(installed[-1].parent.name)
        server = PostgresServer(version=version, bin_folder=installed[-1], superuser=superuser)
        machine = Machine(server=server, data=data, account=account)
        machine.start()
        yield machine
        machine.stop("immediate")


@dataclass
class Pooler:
    """A PgBouncer in transaction mode that can be killed and started.

    Attributes:
        folder: Of its files.
        account: What it runs as.
        server_port: Where PostgreSQL listens.
        port: Where it does.
    """

    folder: Path
    account: Account
    server_port: int
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Start it, with settings of its own in place of the usual."""
        usual = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "pool_mode": "transaction",
            "auth_type": "scram-sha-256",
            "auth_file": self.folder / "users.txt",
            "client_tls_sslmode": "require",
            "client_tls_cert_file": self.folder / "server.crt",
            "client_tls_key_file": self.folder / "server.key",
            "server_tls_sslmode": "require",
            "server_login_retry": 1,
            # In place of two minutes, for which it would wait for a server that is stopped.
            "query_wait_timeout": 2,
            "logfile": self.folder / "pooler.log",
        }
        lines = [f"{name} = {value}" for name, value in {**usual, **settings}.items()]
        databases = f"[databases]\n* = host=127.0.0.1 port={self.server_port}\n[pgbouncer]\n"
        (self.folder / "pooler.ini").write_text(databases + "\n".join(lines) + "\n")
        self.account.own(self.folder)
        command = ["/usr/sbin/pgbouncer", "-q", str(self.folder / "pooler.ini")]
        self.process = self.account.popen(command, output=subprocess.DEVNULL)
        _wait_for(self.port)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def pooler(machine: Machine, authority: trustme.CA) -> Iterator[Pooler]:
    with temporary_folder(machine.account) as folder:
        _certify(authority, folder)
        quoted = _PASSWORD.replace('"', '""')
        (folder / "users.txt").write_text(f'"bixarena_worker" "{quoted}"\n')
        pooler = Pooler(folder, machine.account, machine.server.superuser.port, _free_port())
        pooler.start()
        yield pooler
        pooler.kill()


@pytest.fixture(scope="session")
def _template(machine: Machine, simulation: Simulation) -> BixArenaDatabase:
    return BixArenaDatabase.create(
        machine.server, "filled", simulation=simulation, worker_password=_PASSWORD
    )


@pytest.fixture
def bixarena(machine: Machine, _template: BixArenaDatabase) -> Iterator[BixArenaDatabase]:
    """In place of the embedded one: a database of the test's own at Debian's PostgreSQL."""
    yield _template.copy(machine.server, "arena")
    machine.server.drop_database("arena")


@pytest.fixture(params=["direct", "pooled"])
def way(
    request: pytest.FixtureRequest, bixarena: BixArenaDatabase, pooler: Pooler
) -> ConnectionInfo:
    """How the worker comes to its database: at once, or through PgBouncer."""
    if request.param == "direct":
        return bixarena.worker
    return replace(bixarena.worker, port=pooler.port)
