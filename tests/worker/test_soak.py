"""Many runs in a row with random faults; `make soak` does 200 of them.

A failure names its seed; ``--soak-seed`` replays the same faults, and the log of every run is in
``soak.jsonl`` of the test's folder.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.logs import open_log
from bixarena_demo.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TextIO

    import pytest

    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase

    MakeSettings = Callable[..., Settings]

_BOARDS = ("biochemistry", "bioinformatics", "overall")
_STATEMENTS = (
    b"set_config",
    b"FROM api.leaderboard AS board",
    b"TO STDOUT (FORMAT BINARY)",
    b"What each leaderboard is ranked by",
    b"pg_advisory_xact_lock",
    b"INSERT INTO api.leaderboard_snapshot",
    b"INSERT INTO api.leaderboard_entry",
    b"COMMIT",
)


@dataclass
class _Soak:
    """One database under a sequence of runs, and what has to be in it after each."""

    rng: random.Random
    database: BixArenaDatabase
    settings_for: MakeSettings
    start_worker: Any
    stream: TextIO
    expected: set[str] = field(default_factory=set)
    fault: str = ""

    def deliver(self, moment: datetime, **changes: Any) -> Settings:
        """Settings of a run for a time, which must have been published when all is over."""
        self.expected.add(moment.strftime("snapshot_%Y-%m-%d_%H-%M-%S"))
        info = replace(self.database.worker, **changes)
        return self.settings_for(info, NUM_BOOTSTRAP="10", SCHEDULED_AT=moment.isoformat())

    def run(self, settings: Settings) -> None:
        run(settings, log=open_log(self.stream, fault=self.fault))

    def step(self, moment: datetime) -> None:
        faults = (self.kill, self.cut, self.lock, self.skew, self.duplicate, self.redeliver)
        chosen = self.rng.choice(faults)
        self.fault = chosen.__name__
        chosen(moment)
        self.check()

    def kill(self, moment: datetime) -> None:
        """SIGKILL at any moment, then the second delivery."""
        settings = self.deliver(moment)
        worker = self.start_worker(
            database=self.database.worker,
            NUM_BOOTSTRAP="10",
            SCHEDULED_AT=moment.isoformat(),
        )
        time.sleep(self.rng.uniform(0.3, 1.2))
        worker.process.kill()
        worker.process.communicate()
        self.run(settings)

    def cut(self, moment: datetime) -> None:
        with Relay.to(self.database.worker.port) as relay:
            when = self.rng.choice(("cut_before", "cut_after"))
            setattr(relay, when, self.rng.choice(_STATEMENTS))
            settings = self.deliver(moment, port=relay.port)
            # Votes are counted by voter or by pair of models, with a statement each.
            self.run(replace(settings, intervals=self.rng.choice(("voter", "wald"))))

    def lock(self, moment: datetime) -> None:
        is_locked = threading.Event()

        def hold(seconds: float) -> None:
            with self.database.owner.connect() as connection, connection.transaction():
                connection.execute("LOCK TABLE api.leaderboard_entry IN EXCLUSIVE MODE")
                is_locked.set()
                time.sleep(seconds)

        holder = threading.Thread(target=hold, args=[self.rng.uniform(0, 0.4)])
        holder.start()
        assert is_locked.wait(60)
        self.run(self.deliver(moment))
        holder.join()

    def skew(self, moment: datetime) -> None:
        """A run by hand on a machine whose clock is wrong."""
        wrong = moment + timedelta(seconds=self.rng.randint(-20_000, 20_000))
        settings = replace(self.deliver(wrong), scheduled_at=None)
        run(settings, log=open_log(self.stream, fault="skew"), now=lambda: wrong)

    def duplicate(self, moment: datetime) -> None:
        settings = self.deliver(moment)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.run, [settings, settings]))

    def redeliver(self, moment: datetime) -> None:
        for _ in range(2):
            self.run(self.deliver(moment))

    def check(self) -> None:
        """No partial, duplicate or missing snapshot; nothing left behind at the server."""
        with self.database.owner.connect() as connection:
            rows = connection.execute(
                "SELECT slug, snapshot_identifier, count(entry.id), count(DISTINCT model_id),"
                " min(rank), max(rank)"
                " FROM api.leaderboard_snapshot AS snapshot"
                " JOIN api.leaderboard AS board ON board.id = snapshot.leaderboard_id"
                " LEFT JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
                " GROUP BY slug, snapshot.id ORDER BY slug, snapshot_identifier"
            ).fetchall()
            wanted = sorted((board, name) for board in _BOARDS for name in self.expected)
            assert [row[:2] for row in rows] == wanted
            assert {row[2:] for row in rows} == {(9, 9, 1, 9)}
            shown = connection.execute(
                "SELECT DISTINCT ON (leaderboard_id) snapshot_identifier, visibility,"
                " max(snapshot_identifier) OVER (PARTITION BY leaderboard_id)"
                " FROM api.leaderboard_snapshot WHERE visibility = 'public'"
                " ORDER BY leaderboard_id, created_at DESC"
            ).fetchall()
            assert len(shown) == len(_BOARDS)
            assert all(name == newest for name, _, newest in shown), "an old board is shown"
            assert {name for name, *_ in shown} == {max(self.expected)}
            give_up = time.monotonic() + 60
            while time.monotonic() < give_up:
                left = connection.execute(
                    "SELECT (SELECT count(*) FROM pg_stat_activity"
                    " WHERE application_name = 'bixarena-worker'"
                    " AND datname = current_database()),"
                    " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database()))"
                ).fetchone()
                if left == (0, 0):
                    return
                # A killed worker's session ends when the server next looks.
                time.sleep(0.05)
        raise AssertionError(f"sessions and advisory locks left behind: {left}")


def test_publishes_each_time_once_and_whole_whatever_happens(
    bixarena: BixArenaDatabase,
    settings_for: MakeSettings,
    start_worker: Any,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    seed = request.config.getoption("--soak-seed")
    runs = request.config.getoption("--soak-runs")
    with bixarena.owner.connect() as connection:
        connection.execute("DELETE FROM api.leaderboard WHERE slug <> ALL (%s)", [list(_BOARDS)])
    rng = random.Random(seed)  # noqa: S311 - faults, no secrets
    start = datetime(2026, 3, 6, 10, tzinfo=UTC)
    with (tmp_path / "soak.jsonl").open("w") as stream:
        soak = _Soak(rng, bixarena, settings_for, start_worker, stream)
        for number in range(runs):
            try:
                soak.step(start + timedelta(hours=number))
            except Exception as error:
                error.add_note(f"in run {number} of --soak-seed {seed}; log in {stream.name}")
                raise
