"""The worker as ECS runs it: a process that gets an environment, signals and no second chance."""

from __future__ import annotations

import json
import signal
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker import command_line
from bixarena_constructs.worker.interrupts import Interrupts
from bixarena_constructs.worker.settings import Settings
from bixarena_constructs.worker.visibility import unpublish

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_demo.bixarena_database import BixArenaDatabase

_TEN = "2026-03-06T10:00:00Z"
_BLOCKED = "wait_event_type = 'Lock'"


def _count(database: BixArenaDatabase, table: str) -> int:
    with database.owner.connect() as connection:
        row = connection.execute(f"SELECT count(*) FROM api.{table}".encode()).fetchone()
    return -1 if row is None else int(row[0])


def _is_gone(database: BixArenaDatabase) -> bool:
    statement = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE application_name = 'bixarena-worker' AND datname = current_database()"
    )
    with database.owner.connect() as connection:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            if connection.execute(statement).fetchone() is None:
                return True
            time.sleep(0.02)
    return False


def test_publishes_and_exits_with_0(bixarena: BixArenaDatabase, start_worker: Any) -> None:
    code, events, stderr = start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN).wait()
    assert (code, stderr) == (0, "")
    assert events[0]["event"] == "run_started"
    assert (events[-1]["event"], events[-1]["outcome"]) == ("run_finished", "published")
    assert _count(bixarena, "leaderboard_snapshot") == events[-1]["snapshots_published"] > 0
    assert {event["correlation_id"] for event in events} == {events[0]["correlation_id"]}
    assert len(events[0]["correlation_id"]) == 32
    assert all(event["time"].endswith("Z") for event in events)


def test_is_dry_when_asked_so_on_the_command_line(
    bixarena: BixArenaDatabase, start_worker: Any
) -> None:
    code, events, _ = start_worker("--dry-run", database=bixarena.worker).wait()
    assert (code, events[-1]["outcome"]) == (0, "computed")
    assert _count(bixarena, "leaderboard_snapshot") == 0


def test_undoes_a_run(bixarena: BixArenaDatabase, start_worker: Any) -> None:
    start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN).wait()
    undo = ("unpublish", "snapshot_2026-03-06_10-00-00")
    code, (event,), _ = start_worker(
        *undo, database=bixarena.worker, LEADERBOARD_SLUG="overall"
    ).wait()
    assert (code, event["event"], event["leaderboards"]) == (0, "unpublished", ["overall"])
    start_worker(*undo, database=bixarena.worker).wait()
    code, (event,), _ = start_worker(*undo, database=bixarena.worker).wait()
    assert (code, event["event"], event["cause"]) == (2, "unpublish_failed", "settings")


def test_ends_the_undo_with_a_last_event_whatever_goes_wrong(journal: Any) -> None:
    store: Any = SimpleNamespace(session=nullcontext, check=lambda: 1 // 0, cancel=lambda: None)
    with pytest.raises(ZeroDivisionError):
        unpublish(Settings(), "snapshot_2026-03-06_10-00-00", log=journal.log, store=store)
    (event,) = journal.events
    assert (event["event"], event["cause"]) == ("unpublish_failed", "internal")
    assert "ZeroDivisionError" in event["error"]


def test_publishes_what_a_late_run_stored_private(
    bixarena: BixArenaDatabase, start_worker: Any
) -> None:
    start_worker(database=bixarena.worker, SCHEDULED_AT="2026-03-06T11:00:00Z").wait()
    _, events, _ = start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN).wait()
    assert events[-1]["outcome"] == "stored_private"
    late = sorted(
        event["leaderboard"] for event in events if event["event"] == "board_stored_private"
    )
    redo = ("publish", "snapshot_2026-03-06_10-00-00")
    code, (event,), _ = start_worker(*redo, database=bixarena.worker).wait()
    assert (code, event["event"], event["leaderboards"]) == (0, "published", late)
    with bixarena.owner.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT visibility FROM api.leaderboard_snapshot"
        ).fetchall()
    assert rows == [("public",)]
    code, (event,), _ = start_worker(*redo, database=bixarena.worker).wait()
    assert (code, event["event"], event["cause"]) == (2, "publish_failed", "settings")
    assert event["error"] == (
        "'snapshot_2026-03-06_10-00-00' is not private on any leaderboard; nothing was changed"
    )


def test_exits_with_2_and_all_faults_when_the_settings_are_wrong(
    bixarena: BixArenaDatabase, start_worker: Any
) -> None:
    code, (event,), stderr = start_worker(
        database=bixarena.worker, NUM_BOOTSTRAP="many", POSTGRES_PORT="0"
    ).wait()
    assert (code, stderr) == (2, "")
    assert (event["event"], event["cause"], event["exit_code"]) == ("run_failed", "settings", 2)
    assert event["snapshots_published"] == 0
    assert len(event["faults"]) == 2


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        (["--dry-run"], "run_failed"),
        (["--check"], "check_failed"),
        (["publish", "snapshot_2026-03-06_10-00-00"], "publish_failed"),
        (["unpublish", "snapshot_2026-03-06_10-00-00"], "unpublish_failed"),
    ],
)
def test_ends_with_the_last_event_of_what_it_was_to_do(
    arguments: list[str], event: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(arguments, {"SEED": "many"}, Interrupts()) == 2
    (last,) = map(json.loads, capfd.readouterr().out.splitlines())
    assert (last["event"], last["cause"]) == (event, "settings")


def test_exits_with_4_at_once_when_the_password_is_wrong(
    bixarena: BixArenaDatabase, start_worker: Any
) -> None:
    code, events, stderr = start_worker(
        database=bixarena.worker, POSTGRES_PASSWORD="wr0ng-w0rd"
    ).wait()
    last = events[-1]
    assert (code, last["cause"], stderr) == (4, "database", "")
    assert "password authentication failed" in last["error"]
    assert [event["event"] for event in events] == ["run_started", "run_failed"]
    assert "wr0ng-w0rd" not in json.dumps(events)


def test_writes_no_secret_anywhere(bixarena: BixArenaDatabase, start_worker: Any) -> None:
    password = bixarena.worker.password
    url = {"POSTGRES_URL": bixarena.worker.url}
    bad_url = {"POSTGRES_URL": f"postgresql://worker:{password}@[db/x"}
    for variables in ({}, url, bad_url, {"POSTGRES_DB": "nowhere"}, {"LOG_FORMAT": "plain"}):
        worker = start_worker("--dry-run", database=bixarena.worker, **variables)
        stdout, stderr = worker.process.communicate(timeout=60)
        assert stdout
        for secret in (password, bixarena.worker.url.split("@")[0].split(":")[-1], "hush"):
            assert secret not in stdout + stderr


def test_writes_plain_text_for_a_terminal(bixarena: BixArenaDatabase, start_worker: Any) -> None:
    worker = start_worker(database=bixarena.worker, LOG_FORMAT="plain", SCHEDULED_AT=_TEN)
    stdout, _ = worker.process.communicate(timeout=60)
    assert "board_published" in stdout
    assert not stdout.startswith("{")


def test_leaves_no_partial_snapshot_when_killed_between_its_statements(
    bixarena: BixArenaDatabase,
    start_worker: Any,
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
) -> None:
    with bixarena.owner.connect() as blocker, blocker.transaction():
        # The worker has its advisory lock and the row of the snapshot by now, and waits here.
        blocker.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
        worker = start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN)
        wait_for_worker(
            bixarena, f"{_BLOCKED} AND query LIKE '%INSERT INTO api.leaderboard_entry%'"
        )
        worker.process.kill()
        assert worker.process.wait(60) == -signal.SIGKILL
    assert _is_gone(bixarena)
    assert _count(bixarena, "leaderboard_snapshot") == 0
    assert _count(bixarena, "leaderboard_entry") == 0
    code, events, _ = start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN).wait()
    assert (code, events[-1]["outcome"]) == (0, "published")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly_while_it_waits_for_the_database_when_asked_to(
    bixarena: BixArenaDatabase,
    start_worker: Any,
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
    number: signal.Signals,
) -> None:
    with bixarena.owner.connect() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
        worker = start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN)
        wait_for_worker(
            bixarena, f"{_BLOCKED} AND query LIKE '%INSERT INTO api.leaderboard_entry%'"
        )
        worker.process.send_signal(number)
        code, events, stderr = worker.wait()
        # The lock is still held: the server has given up, and is not waiting.
        assert _is_gone(bixarena)
    assert (code, events[-1]["cause"]) == (128 + number, "interrupted")
    assert (events[-1]["event"], stderr) == ("run_failed", "")
    assert _count(bixarena, "leaderboard_snapshot") == 0


def test_gives_up_at_its_deadline_and_rolls_back(
    bixarena: BixArenaDatabase, start_worker: Any
) -> None:
    with bixarena.owner.connect() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
        started = time.monotonic()
        worker = start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN, MAX_RUNTIME_SECONDS="2")
        code, events, _ = worker.wait()
        assert time.monotonic() - started > 2
        assert _is_gone(bixarena)
    assert (code, events[-1]["cause"]) == (5, "deadline")
    assert _count(bixarena, "leaderboard_snapshot") == 0


def test_publishes_one_set_when_two_workers_start_at_once(
    bixarena: BixArenaDatabase,
    start_worker: Any,
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
) -> None:
    with bixarena.owner.connect() as blocker, blocker.transaction():
        # Holds both back until each has found the board without a snapshot.
        blocker.execute("LOCK TABLE api.leaderboard_snapshot IN EXCLUSIVE MODE")
        workers = [
            start_worker(database=bixarena.worker, SCHEDULED_AT=_TEN, LEADERBOARD_SLUG="overall")
            for _ in range(2)
        ]
        wait_for_worker(
            bixarena, f"{_BLOCKED} AND query LIKE '%INSERT INTO api.leaderboard_snap%'"
        )
        wait_for_worker(bixarena, f"{_BLOCKED} AND query LIKE '%pg_advisory_xact_lock%'")
    outcomes = []
    for worker in workers:
        code, events, _ = worker.wait()
        assert code == 0
        counts = (events[-1]["boards_already_published"], events[-1]["snapshots_published"])
        outcomes.append((events[-1]["outcome"], *counts))
    assert sorted(outcomes) == [("partial", 0, 1), ("partial", 1, 0)]
    assert _count(bixarena, "leaderboard_snapshot") == 1
