"""Signals and deadlines at random moments of a run; `make test-signals` tries 500 of each start.

Whenever the run is ended, its exit code is the right one, its last line is its last event, and
nothing is left in the database; `make test-signals` also wants it to take less than two seconds. A
failure names its seed; ``--moments-seed`` replays it, and how each run ended is in
``moments.jsonl`` of the test's folder.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_demo.bixarena_database import BixArenaDatabase
from bixarena_demo.votes import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.postgres import PostgresServer

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_WORKER = [sys.executable, "-m", "bixarena_constructs.worker"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    ways = ["any-process", "like-the-first-process"]
    if metafunc.config.getoption("--first-process"):
        ways.append("the-first-process")
    metafunc.parametrize("way", ways)


@contextmanager
def _starting(way: str) -> Iterator[list[str]]:
    """Prepare what a process inherits, and return the command to start."""
    if way == "the-first-process":
        dockerfile = files("bixarena_constructs.worker").joinpath("Dockerfile").read_text()
        (words,) = re.findall(r"^ENTRYPOINT (\[.*?\])$", dockerfile, re.MULTILINE | re.DOTALL)
        entry_point = json.loads(words.replace("\\\n", ""))
        entry_point[entry_point.index("python")] = sys.executable
        yield ["unshare", "--pid", "--fork", "--kill-child", *entry_point]
        return
    # As `env --block-signal` in the image. A signal without a handler does not reach a
    # container's first process, as if it were ignored from the start.
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    if way == "like-the-first-process":
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    try:
        yield _WORKER
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One run, and how it is stopped.

    Attributes:
        kind: ``small``, ``large``, ``blocked`` by a lock, or ``undo``.
        number: The signal to send. Default: none, the run has a deadline.
        seconds: After how long the signal is sent, or when the deadline is.
        minute: Since 2020 began, of the time that the run is for.
    """

    kind: str
    number: signal.Signals | None
    seconds: float
    minute: int

    @classmethod
    def draw(cls, rng: random.Random, usual: dict[str, float]) -> _Attempt:
        number = rng.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGINT, None, None])
        kinds = ["large", "blocked"] if number is None else ["small", "large", "blocked", "undo"]
        kind = rng.choice(kinds)
        # No deadline is sooner than after a second.
        first = 1 if number is None else 0
        seconds = rng.uniform(first, max(first + 0.5, usual[kind]))
        return cls(kind=kind, number=number, seconds=seconds, minute=rng.randrange(3_000_000))

    @property
    def arguments(self) -> list[str]:
        return ["unpublish", "snapshot_2020-01-01_00-00-00"] if self.kind == "undo" else []

    @property
    def environment(self) -> dict[str, str]:
        moment = datetime(2020, 1, 2, tzinfo=UTC) + timedelta(minutes=self.minute)
        limit = {} if self.number is not None else {"MAX_RUNTIME_SECONDS": str(self.seconds)}
        return {"NUM_BOOTSTRAP": "200", "SCHEDULED_AT": moment.isoformat(), **limit}


@dataclass(frozen=True, kw_only=True)
class _Ending:
    """How a run ended: when it was asked to, by the wall clock, and its output."""

    asked: datetime
    ended: datetime
    code: int
    lines: list[str]
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def _first_process(process: subprocess.Popen[str]) -> int:
    """Wait until the child of `unshare` is Python, no longer `env`, and return its number."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while True:
        for child in children.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().startswith("python"):
                return int(child)
        time.sleep(0.0005)


def _stop(way: str, attempt: _Attempt, database: BixArenaDatabase) -> _Ending:
    with _starting(way) as command:
        process = subprocess.Popen(
            [*command, *attempt.arguments],
            env={
                "PATH": os.environ["PATH"],
                **database.worker.environment,
                **attempt.environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    worker = _first_process(process) if way == "the-first-process" else process.pid
    asked = datetime.now(UTC)
    if attempt.number is not None:
        time.sleep(attempt.seconds)
        asked = datetime.now(UTC)
        if process.poll() is None:
            os.kill(worker, attempt.number)
    stdout, stderr = process.communicate(timeout=60)
    return _Ending(
        asked=asked,
        ended=datetime.now(UTC),
        code=process.returncode,
        lines=stdout.splitlines(),
        stderr=stderr,
    )


def _check(attempt: _Attempt, ending: _Ending, limit: float) -> tuple[str, float]:
    """Check the end of a run, and return its cause and how late it came."""
    last = ending.events[-1]
    names = [event["event"] for event in ending.events]
    assert sum(name.endswith(("_failed", "_finished")) for name in names) == 1
    assert ending.stderr == ""
    assert ending.code == last["exit_code"]
    asked = ending.asked
    if attempt.number is None:
        # The deadline counts from when the worker has read its settings.
        asked = datetime.fromisoformat(ending.events[0]["time"])
        asked += timedelta(seconds=attempt.seconds)
    if last.get("cause") not in ("interrupted", "deadline"):
        # It was done when it was asked to stop, or about to be.
        expected = ("unpublish_failed", 2) if attempt.kind == "undo" else ("run_finished", 0)
        assert (last["event"], ending.code) == expected
        late = (datetime.fromisoformat(last["time"]) - asked).total_seconds()
        assert late < limit / 4
        return "done", late
    assert last["event"] in ("run_failed", "unpublish_failed")
    if attempt.number is None:
        assert ending.code == 5
        assert last["error"].startswith(("took longer than MAX_RUNTIME", "out of time in the"))
    else:
        assert ending.code == 128 + attempt.number
    late = (ending.ended - asked).total_seconds()
    assert late < limit
    return str(last["cause"]), late


@pytest.fixture(scope="module")
def large(
    postgres: PostgresServer, _filled_template: BixArenaDatabase
) -> Iterator[BixArenaDatabase]:
    """Enough battles and models for counting and ranking to take a while."""
    yield BixArenaDatabase.create(
        postgres,
        "large",
        simulation=simulate(seed=7, models=40, battles=6000),
        worker_password=_filled_template.worker.password,
    )
    postgres.drop_database("large")


@contextmanager
def _locked(database: BixArenaDatabase) -> Iterator[None]:
    with database.owner.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
        yield


def _left_behind(database: BixArenaDatabase) -> Any:
    """Sessions and locks of the worker, and snapshots without all of their entries."""
    with database.owner.connect() as connection:
        for _ in range(200):
            left = connection.execute(
                "SELECT (SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'bixarena-worker' AND datname = current_database()),"
                " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),"
                " (SELECT count(*) FROM api.leaderboard_snapshot AS snapshot WHERE NOT EXISTS ("
                " SELECT FROM api.leaderboard_entry WHERE snapshot_id = snapshot.id))"
            ).fetchone()
            if left == (0, 0, 0):
                break
            time.sleep(0.05)
    return left


def test_ends_in_time_with_the_right_code_and_a_last_event(
    bixarena: BixArenaDatabase,
    large: BixArenaDatabase,
    way: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    seed = request.config.getoption("--moments-seed")
    limit = request.config.getoption("--moments-limit")
    databases = {"small": bixarena, "large": large, "blocked": bixarena, "undo": bixarena}
    usual = {"blocked": 3.0}
    for kind in ("small", "large", "undo"):
        attempt = _Attempt(kind=kind, number=signal.SIGTERM, seconds=0, minute=0)
        started = time.monotonic()
        environment = {
            **os.environ,
            **databases[kind].worker.environment,
            **attempt.environment,
        }
        subprocess.run(
            [*_WORKER, *attempt.arguments], env=environment, stdout=subprocess.DEVNULL, check=False
        )
        usual[kind] = 1.1 * (time.monotonic() - started)
    rng = random.Random(f"{seed} {way}")  # noqa: S311 - moments, no secrets
    stopped = 0
    with (tmp_path / "moments.jsonl").open("w") as stream:
        for number in range(request.config.getoption("--moments")):
            attempt = _Attempt.draw(rng, usual)
            database = databases[attempt.kind]
            with _locked(database) if attempt.kind == "blocked" else nullcontext():
                ending = _stop(way, attempt, database)
            try:
                how, late = _check(attempt, ending, limit)
                assert _left_behind(database) == (0, 0, 0)
            except Exception as error:
                error.add_note(f"moment {number} of --moments-seed {seed}: {attempt}, {ending}")
                raise
            stopped += how != "done"
            line = {**asdict(attempt), "how": how, "late_seconds": late}
            stream.write(json.dumps(line) + "\n")
    assert stopped
