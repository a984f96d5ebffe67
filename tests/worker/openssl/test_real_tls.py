"""Faults behind real TLS: of PostgreSQL with OpenSSL, at once and through PgBouncer."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import trustme

from bixarena_constructs.worker.errors import LoginRefusedError
from bixarena_constructs.worker.job import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.worker.conftest import MakeSettings
    from tests.worker.openssl.conftest import Machine, Pooler

    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.postgres import ConnectionInfo

    Wait = Callable[[BixArenaDatabase, str], None]

_OF_WORKER = "application_name = 'bixarena-worker' AND datname = 'arena'"


@pytest.fixture
def settings(way: ConnectionInfo, root_certificate: str, settings_for: MakeSettings) -> Settings:
    return settings_for(
        way,
        POSTGRES_SSLMODE="verify-full",
        POSTGRES_SSLROOTCERT=root_certificate,
        SCHEDULED_AT="2026-03-06T10:00:00Z",
    )


def _published(database: BixArenaDatabase) -> list[str]:
    with database.owner.connect() as connection:
        rows = connection.execute(
            "SELECT slug FROM api.leaderboard_snapshot AS snapshot"
            " JOIN api.leaderboard ON leaderboard.id = leaderboard_id"
            " JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
            " WHERE visibility = 'public' GROUP BY slug, snapshot.id"
            " HAVING count(*) = max(rank) ORDER BY 1"
        ).fetchall()
    return [slug for (slug,) in rows]


@contextmanager
def _once_blocked(
    database: BixArenaDatabase, wait_for_worker: Wait, action: Callable[[], object]
) -> Iterator[None]:
    """Do something while the worker waits for a lock, and give that free."""
    is_locked, failures = threading.Event(), []

    def hold() -> None:
        try:
            with database.owner.connect() as blocker, blocker.transaction():
                blocker.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
                is_locked.set()
                wait_for_worker(database, "wait_event_type = 'Lock'")
                action()
        except psycopg.OperationalError:
            pass  # its own session ended with all others
        except Exception as error:
            failures.append(error)
            raise

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_locked.wait(60)
    yield
    holder.join(60)
    assert failures == []


def test_sends_all_over_tls_and_publishes(
    bixarena: BixArenaDatabase, settings: Settings, journal: Any
) -> None:
    encrypted: list[tuple[bool, int]] = []

    def look() -> None:
        with bixarena.owner.connect() as connection:
            encrypted.extend(
                connection.execute(
                    "SELECT bool_and(ssl), count(*)::int FROM pg_stat_ssl"
                    f" JOIN pg_stat_activity USING (pid) WHERE {_OF_WORKER}"
                ).fetchall()
            )

    journal.at("votes_counted", look)
    report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)
    assert len(report.published) > 5
    assert journal.named("retrying") == []
    assert encrypted == [(True, 1)], "one session does for the whole run"


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_tries_again_when_its_session_ends(
    bixarena: BixArenaDatabase, settings: Settings, journal: Any, wait_for_worker: Wait, how: str
) -> None:
    def end() -> None:
        with bixarena.owner.connect() as connection:
            rows = connection.execute(
                f"SELECT pid FROM pg_stat_activity WHERE {_OF_WORKER}"
            ).fetchall()
            for (pid,) in rows:
                if how == "terminate":
                    connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                else:
                    # All other sessions end too, and the server recovers.
                    os.kill(pid, signal.SIGKILL)

    with _once_blocked(bixarena, wait_for_worker, end):
        report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)
    assert {event["step"] for event in journal.named("retrying")} == {"publish"}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_waits_for_a_server_that_restarts(
    bixarena: BixArenaDatabase,
    machine: Machine,
    settings: Settings,
    journal: Any,
    wait_for_worker: Wait,
    *,
    mode: str,
) -> None:
    def restart() -> None:
        machine.stop(mode)
        machine.start()

    with _once_blocked(bixarena, wait_for_worker, restart):
        report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)
    assert journal.named("retrying")


@pytest.mark.parametrize("event", ["run_started", "votes_counted", "board_ranked"])
def test_waits_for_a_server_that_is_stopped_between_its_steps(
    bixarena: BixArenaDatabase, machine: Machine, settings: Settings, journal: Any, event: str
) -> None:
    def stop() -> None:
        if len(journal.named(event)) == 1:
            machine.stop("immediate")

    def start() -> None:
        if len(journal.named("retrying")) == 1:
            machine.start()

    journal.at(event, stop)
    journal.at("retrying", start)
    report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)
    assert journal.named("retrying")


def test_waits_for_a_pooler_that_restarts(
    bixarena: BixArenaDatabase,
    pooler: Pooler,
    settings: Settings,
    journal: Any,
    wait_for_worker: Wait,
) -> None:
    def restart() -> None:
        pooler.kill()
        pooler.start()

    with _once_blocked(bixarena, wait_for_worker, restart):
        report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_client_conn": "1"}, "no more connections allowed"),
        ({"max_db_connections": "1", "query_wait_timeout": "1"}, "query_wait_timeout"),
    ],
)
@pytest.mark.parametrize("way", ["pooled"], indirect=True)
def test_waits_for_a_full_pooler(
    bixarena: BixArenaDatabase,
    pooler: Pooler,
    settings: Settings,
    journal: Any,
    *,
    limits: dict[str, str],
    message: str,
) -> None:
    pooler.kill()
    pooler.start(**limits)
    other = replace(bixarena.worker, port=pooler.port).connect()
    other.autocommit = False
    other.execute("SELECT 1")
    journal.at("retrying", other.close)
    report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)
    assert message in journal.named("retrying")[0]["error"]


@pytest.mark.parametrize("way", ["pooled"], indirect=True)
def test_waits_for_a_server_that_its_pooler_does_not_find(
    bixarena: BixArenaDatabase, machine: Machine, settings: Settings, journal: Any
) -> None:
    machine.stop("immediate")
    journal.at(
        "retrying", lambda: machine.start() if len(journal.named("retrying")) == 1 else None
    )
    report = run(settings, log=journal.log)
    assert sorted(report.published) == _published(bixarena)


def test_names_what_is_wrong_with_a_password_or_a_certificate(
    settings: Settings, journal: Any, tmp_path: Path
) -> None:
    assert settings.database is not None
    path = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    stranger = replace(settings.database, sslrootcert=str(path))
    with pytest.raises(LoginRefusedError, match="certificate verify failed"):
        run(replace(settings, database=stranger), log=journal.log)
    assert journal.named("retrying") == []
    wrong = replace(settings, database=replace(settings.database, password="wrong"))
    # PgBouncer has one code, 08P01, for all that it refuses; there the text decides.
    with pytest.raises(LoginRefusedError, match="authentication failed"):
        run(wrong, log=journal.log)
    assert journal.named("retrying") == []
