"""Faults made for real: connections cut, servers that refuse, locks held, sessions ended.

All of them over plain TCP and over TLS. The embedded server is built without OpenSSL, so the relay
ends the TLS for it; where it cuts a connection it says no goodbye (close_notify), as a server that
was killed says none.
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    DeadlineError,
)
from bixarena_constructs.worker.job import run
from bixarena_demo.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase

    MakeSettings = Callable[..., Settings]

_TEN = {"SCHEDULED_AT": "2026-03-06T10:00:00Z", "LEADERBOARD_SLUG": "overall"}


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    """What the relay speaks TLS with, if it does."""
    if request.param == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def relay(bixarena: BixArenaDatabase, tls: ssl.SSLContext | None) -> Iterator[Relay]:
    """A relay to the test's PostgreSQL."""
    with Relay.to(bixarena.worker.port, tls=tls) as relay:
        yield relay


@pytest.fixture
def relayed(bixarena: BixArenaDatabase, relay: Relay, settings_for: MakeSettings) -> Settings:
    """Settings that go through the relay."""
    sslmode = "disable" if relay.tls is None else "require"
    info = replace(bixarena.worker, port=relay.port)
    return settings_for(info, POSTGRES_SSLMODE=sslmode, **_TEN)


def _snapshots(database: BixArenaDatabase) -> list[tuple[str, int]]:
    """Visibility and number of entries of each snapshot."""
    with database.owner.connect() as connection:
        return connection.execute(
            "SELECT visibility, count(entry.id) FROM api.leaderboard_snapshot AS snapshot"
            " LEFT JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
            " GROUP BY snapshot.id"
        ).fetchall()


def _left_behind(database: BixArenaDatabase) -> tuple[int, int]:
    """Sessions and advisory locks of the worker that are still there after a while.

    A server process whose client is gone ends in its own time, at the latest when it next writes.
    """
    give_up = time.monotonic() + 60
    left = _sessions_and_locks(database)
    while left != (0, 0) and time.monotonic() < give_up:
        time.sleep(0.05)
        left = _sessions_and_locks(database)
    return left


def _sessions_and_locks(database: BixArenaDatabase) -> tuple[int, int]:
    with database.owner.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'bixarena-worker' AND datname = current_database()),"
            " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database()))"
        ).fetchone()
    return (-1, -1) if row is None else (row[0], row[1])


@pytest.mark.parametrize(
    "cut",
    [
        ("cut_before", b"set_config", "check_grants"),
        ("cut_after", b"FROM api.leaderboard AS board", "list_boards"),
        ("cut_after", b"TO STDOUT (FORMAT BINARY)", "count_votes"),
        ("cut_before", b"TO STDOUT (FORMAT BINARY)", "count_votes"),
        ("cut_after", b"What each leaderboard is ranked by", "count_votes"),
        ("cut_before", b"What each leaderboard is ranked by", "count_votes"),
        ("cut_after", b"pg_advisory_xact_lock", "publish"),
        ("cut_before", b"INSERT INTO api.leaderboard_entry", "publish"),
        ("cut_after", b"INSERT INTO api.leaderboard_entry", "publish"),
    ],
)
def test_tries_again_when_the_connection_is_cut(
    bixarena: BixArenaDatabase,
    relay: Relay,
    relayed: Settings,
    journal: Any,
    cut: tuple[str, bytes, str],
) -> None:
    moment, pattern, step = cut
    setattr(relay, moment, pattern)
    # By pair of models, votes are counted by another statement than by voter.
    by_pair = pattern.startswith(b"What each")
    settings = replace(relayed, intervals="wald") if by_pair else relayed
    report = run(settings, log=journal.log)
    assert report.published == ["overall"]
    assert [event["step"] for event in journal.named("retrying")] == [step]
    assert _snapshots(bixarena) == [("public", 9)]
    assert _left_behind(bixarena) == (0, 0)


@pytest.mark.parametrize("moment", ["cut_before", "cut_after"])
def test_publishes_once_when_the_connection_is_cut_around_the_commit(
    bixarena: BixArenaDatabase, relay: Relay, relayed: Settings, journal: Any, moment: str
) -> None:
    # Reading transactions commit too: only the one after the ranking is meant.
    journal.at("board_ranked", lambda: setattr(relay, moment, b"COMMIT"))
    report = run(relayed, log=journal.log)
    assert report.published == ["overall"], "its own snapshot, whichever attempt committed it"
    assert [event["step"] for event in journal.named("retrying")] == ["publish"]
    assert _snapshots(bixarena) == [("public", 9)]


def test_waits_for_a_server_that_is_not_there_yet(
    bixarena: BixArenaDatabase, relay: Relay, relayed: Settings, journal: Any
) -> None:
    relay.refusing = True
    journal.at("retrying", lambda: setattr(relay, "refusing", False))
    assert run(relayed, log=journal.log).published == ["overall"]
    assert journal.named("retrying")
    assert _snapshots(bixarena) == [("public", 9)]


def test_gives_up_on_a_server_that_never_comes_within_its_time(
    relay: Relay, relayed: Settings, journal: Any
) -> None:
    relay.refusing = True
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1: connection failed"):
        run(replace(relayed, max_runtime_seconds=2), log=journal.log)
    assert sum(event["wait_seconds"] for event in journal.named("retrying")) < 2
    assert (journal.events[-1]["cause"], journal.events[-1]["exit_code"]) == ("database", 4)


def test_waits_for_a_full_server(
    bixarena: BixArenaDatabase, relayed: Settings, journal: Any
) -> None:
    name = bixarena.owner.dbname

    def limit(connections: int) -> None:
        with bixarena.owner.connect() as connection:
            connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {connections}".encode())

    limit(0)
    journal.at("retrying", lambda: limit(-1))
    assert run(relayed, log=journal.log).published == ["overall"]
    assert all("too many connections" in event["error"] for event in journal.named("retrying"))
    assert journal.named("retrying")


@pytest.mark.parametrize("event", ["run_started", "votes_counted"])
def test_waits_for_a_server_that_takes_no_writes_for_now(
    bixarena: BixArenaDatabase, relayed: Settings, journal: Any, event: str
) -> None:
    name = bixarena.owner.dbname

    def switch(state: str) -> None:
        with bixarena.owner.connect() as connection:
            statement = f"ALTER DATABASE {name} SET default_transaction_read_only = {state}"
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement.encode())
            # As in a failover, the sessions end.
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE"
                " application_name = 'bixarena-worker' AND datname = current_database()"
            )

    def switch_back() -> None:
        if "takes no writes" in journal.events[-1]["error"]:
            switch("off")

    journal.at(event, lambda: switch("on"))
    journal.at("retrying", switch_back)
    assert run(relayed, log=journal.log).published == ["overall"]
    retried = journal.named("retrying")
    # Before anything is counted or ranked, where it is so from the beginning.
    assert {each["step"] for each in retried} == {
        "check_grants" if event == "run_started" else "publish"
    }
    assert "takes no writes for now" in retried[-1]["error"]
    assert _snapshots(bixarena) == [("public", 9)]


def test_needs_no_writes_for_a_dry_run(
    bixarena: BixArenaDatabase, relayed: Settings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        statement = (
            f"ALTER DATABASE {bixarena.owner.dbname} SET default_transaction_read_only = on"
        )
        connection.execute(statement.encode())
    assert run(replace(relayed, dry_run=True), log=journal.log).computed == ["overall"]
    assert journal.named("retrying") == []


@pytest.mark.parametrize("code", ["40001", "40P01", "57P03", "25006", "53200", "58030", "XX000"])
def test_tries_again_what_may_pass(
    bixarena: BixArenaDatabase, relayed: Settings, journal: Any, code: str
) -> None:
    _refuse_first_entries(bixarena, code)
    assert run(relayed, log=journal.log).published == ["overall"]
    assert len(journal.named("retrying")) == 1
    assert _snapshots(bixarena) == [("public", 9)]


@pytest.mark.parametrize("code", ["23505", "23514", "42501", "53100", "22003", "P0001"])
def test_does_not_try_again_what_would_fail_again(
    bixarena: BixArenaDatabase, relayed: Settings, journal: Any, code: str
) -> None:
    _refuse_first_entries(bixarena, code)
    with pytest.raises(Exception, match=r"failed for overall; first: .*: refused"):
        run(relayed, log=journal.log)
    assert journal.named("retrying") == []
    assert _snapshots(bixarena) == []


def _refuse_first_entries(database: BixArenaDatabase, code: str) -> None:
    """Make the first INSERT of an entry fail; sequences count on through a rollback."""
    with database.owner.connect() as connection:
        connection.execute("CREATE SEQUENCE attempts")
        function = (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
            " BEGIN IF nextval('attempts') = 1 THEN RAISE EXCEPTION 'refused'"
            f" USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$"
        )
        connection.execute(function.encode())
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON api.leaderboard_entry"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )


def test_tries_again_when_an_administrator_ends_its_session(
    bixarena: BixArenaDatabase,
    relayed: Settings,
    journal: Any,
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
) -> None:
    def end_session() -> None:
        with bixarena.owner.connect() as blocker, blocker.transaction():
            blocker.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
            is_locked.set()
            wait_for_worker(bixarena, "wait_event_type = 'Lock'")
            blocker.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                " application_name = 'bixarena-worker' AND datname = current_database()"
            )

    is_locked = threading.Event()
    administrator = threading.Thread(target=end_session)
    administrator.start()
    assert is_locked.wait(60)
    assert run(relayed, log=journal.log).published == ["overall"]
    administrator.join()
    (event,) = journal.named("retrying")
    assert "terminating connection due to administrator command" in event["error"]
    assert _snapshots(bixarena) == [("public", 9)]


def test_lets_the_server_end_a_wait_that_outlasts_the_run(
    bixarena: BixArenaDatabase, relayed: Settings, journal: Any
) -> None:
    skipped = [0.0]
    deadline = Deadline(600, clock=lambda: time.monotonic() + skipped[0])

    def leave_half_a_second() -> None:
        skipped[0] += deadline.seconds_left - 0.5

    journal.at("board_ranked", leave_half_a_second)
    with bixarena.owner.connect() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
        # In this process nobody sends SIGALRM: what ends the wait is the server's own timeout.
        with pytest.raises(DeadlineError, match=r"out of time in the database: .* timeout"):
            run(relayed, log=journal.log, deadline=deadline)
    assert _snapshots(bixarena) == []
    assert _left_behind(bixarena) == (0, 0)


def test_does_not_wait_for_a_database_that_does_not_exist(relayed: Settings, journal: Any) -> None:
    assert relayed.database is not None
    nowhere = replace(relayed.database, dbname="nowhere")
    with pytest.raises(DatabaseRefusedError, match='database "nowhere" does not exist'):
        run(replace(relayed, database=nowhere), log=journal.log)
    assert journal.named("retrying") == []
