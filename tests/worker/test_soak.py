"""Many runs in a row with random faults; `make soak` does 200 of them.

A failure names its seed; ``--soak-seed`` replays the same faults, and the log of every run is in
``soak.jsonl`` of the test's folder.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import trustme
from psycopg import sql

from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.logs import open_log
from bixarena_demo.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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


_EXTRA_MODEL = """
WITH model AS (
    INSERT INTO api.model (slug, name, license)
    VALUES ('extra', 'Extra', 'commercial') RETURNING id
), other AS (
    SELECT model1_id AS id, min(user_id::text)::uuid AS voter
    FROM api.battle GROUP BY 1 ORDER BY count(*) DESC LIMIT 1
), battle AS (
    INSERT INTO api.battle (user_id, model1_id, model2_id, ended_at)
    SELECT other.voter, model.id, other.id, now() FROM model, other, generate_series(1, 30)
    RETURNING id
), validation AS (
    INSERT INTO api.battle_validation (battle_id, method, confidence, is_biomedical)
    SELECT id, 'soak', 1, true FROM battle RETURNING id, battle_id
)
INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT id, 'tie' FROM battle
"""
_EXTRA_COUNTS = """
UPDATE api.battle SET effective_validation_id = validation.id
FROM api.battle_validation AS validation
WHERE validation.battle_id = battle.id AND validation.method = 'soak'
"""
_FUTURE = """
INSERT INTO api.leaderboard_snapshot
    (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT id, 'snapshot_2099-12-31_00-00-00', 'public', %s::timestamptz FROM api.leaderboard
"""


class _Stream:
    """A log's stream that does something once an event is written to it."""

    def __init__(self, stream: TextIO, event: str, action: Callable[[], object]) -> None:
        self._stream = stream
        self._event = f'"event": "{event}"'
        self._action: Callable[[], object] | None = action

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        if self._action is not None and self._event in text:
            action, self._action = self._action, None
            action()
        return written

    def flush(self) -> None:
        self._stream.flush()


@dataclass
class _Soak:
    """One database under a sequence of runs, and what has to be in it after each."""

    rng: random.Random
    database: BixArenaDatabase
    settings_for: MakeSettings
    start_worker: Any
    stream: TextIO
    tls: ssl.SSLContext
    relay: Relay
    expected: set[str] = field(default_factory=set)
    fault: str = ""

    def deliver(self, moment: datetime, **changes: str) -> Settings:
        """Settings of a run for a time, which must have been published when all is over."""
        self.expected.add(moment.strftime("snapshot_%Y-%m-%d_%H-%M-%S"))
        return self.settings_for(
            self.database.worker, **self.variables(moment), **(changes or self.way())
        )

    def variables(self, moment: datetime) -> dict[str, str]:
        return {"NUM_BOOTSTRAP": "10", "SCHEDULED_AT": moment.isoformat()}

    def way(self) -> dict[str, str]:
        """Over plain TCP or over TLS."""
        over_tls = {"POSTGRES_PORT": str(self.relay.port), "POSTGRES_SSLMODE": "require"}
        return self.rng.choice(({}, over_tls))

    def run(self, settings: Settings) -> None:
        run(settings, log=open_log(self.stream, fault=self.fault))

    def run_with(self, settings: Settings, event: str, action: Callable[[], object]) -> None:
        """Run, and do something at an event of its log."""
        stream: Any = _Stream(self.stream, event, action)
        run(settings, log=open_log(stream, fault=self.fault))

    def execute(self, statement: str, values: Sequence[object] | None = None) -> None:
        with self.database.owner.connect() as connection:
            # The owner is to write while the database takes no writes of others.
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement.encode(), values)

    def step(self, moment: datetime) -> None:
        faults = (
            *(self.kill, self.cut, self.lock, self.skew, self.duplicate, self.redeliver),
            *(self.failover, self.rotate, self.delete_model, self.future),
        )
        chosen = self.rng.choice(faults)
        self.fault = chosen.__name__
        chosen(moment)
        self.check()

    def kill(self, moment: datetime) -> None:
        """SIGKILL at any moment, then the second delivery."""
        settings = self.deliver(moment)
        worker = self.start_worker(
            database=self.database.worker,
            **self.variables(moment),
            **self.way(),
        )
        time.sleep(self.rng.uniform(0.3, 1.2))
        worker.process.kill()
        worker.process.communicate()
        self.run(settings)

    def cut(self, moment: datetime) -> None:
        tls = self.rng.choice((None, self.tls))
        with Relay.to(self.database.worker.port, tls=tls) as relay:
            when = self.rng.choice(("cut_before", "cut_after"))
            setattr(relay, when, self.rng.choice(_STATEMENTS))
            mode = "disable" if tls is None else "require"
            settings = self.deliver(moment, POSTGRES_PORT=str(relay.port), POSTGRES_SSLMODE=mode)
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

    def failover(self, moment: datetime) -> None:
        """The sessions end, and for a while the database takes no writes."""
        name = self.database.owner.dbname
        switch = f"ALTER DATABASE {name} SET default_transaction_read_only = "

        def fail() -> None:
            self.execute(f"{switch} on")
            self.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                " application_name = 'bixarena-worker' AND datname = current_database()"
            )
            threading.Timer(seconds, self.execute, [f"{switch} off"]).start()

        seconds = self.rng.uniform(0, 1)
        event = self.rng.choice(("run_started", "votes_counted", "board_ranked"))
        self.run_with(self.deliver(moment), event, fail)

    def rotate(self, moment: datetime) -> None:
        """The password is another one from some moment on; the role is every test's."""
        event = self.rng.choice(("votes_counted", "board_ranked", "board_published"))
        change = "ALTER ROLE bixarena_worker PASSWORD "
        try:
            self.run_with(self.deliver(moment), event, lambda: self.execute(f"{change} 'new'"))
        finally:
            old = sql.Literal(self.database.worker.password).as_string()
            self.execute(change + old)

    def delete_model(self, moment: datetime) -> None:
        """A model is deleted after its votes were counted."""
        self.execute(_EXTRA_MODEL)
        self.execute(_EXTRA_COUNTS)
        delete = "DELETE FROM api.model WHERE slug = 'extra'"
        self.run_with(self.deliver(moment), "votes_counted", lambda: self.execute(delete))

    def future(self, moment: datetime) -> None:
        """A snapshot of 2099 is there, dated then or now."""
        dated = self.rng.choice(("2099-12-31", "2026-01-01"))
        self.execute(_FUTURE, [dated])
        try:
            self.run(self.deliver(moment))
        finally:
            self.execute(
                "DELETE FROM api.leaderboard_snapshot WHERE snapshot_identifier LIKE %s",
                ["snapshot_2099%"],
            )

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
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with (
        (tmp_path / "soak.jsonl").open("w") as stream,
        Relay.to(bixarena.worker.port, tls=tls) as relay,
    ):
        soak = _Soak(rng, bixarena, settings_for, start_worker, stream, tls, relay)
        for number in range(runs):
            try:
                soak.step(start + timedelta(hours=number))
            except Exception as error:
                error.add_note(f"in run {number} of --soak-seed {seed}; log in {stream.name}")
                raise
