"""Which server is asked for what: the primary, its replica, and either major version."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker.check import check
from bixarena_constructs.worker.database import Database
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import MissingGrantsError
from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.settings import Settings
from bixarena_demo.bixarena_database import BixArenaDatabase
from bixarena_demo.postgres import PostgresServer
from bixarena_demo.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_demo.postgres import ConnectionInfo
    from bixarena_demo.votes import Simulation

    MakeSettings = Callable[..., Settings]

_TEN = {"SCHEDULED_AT": "2026-03-06T10:00:00Z"}


def _entries(info: ConnectionInfo) -> list[tuple[Any, ...]]:
    with info.connect() as connection:
        return connection.execute(
            "SELECT leaderboard.slug, model.slug, rank, bt_score, bootstrap_q025, bootstrap_q975"
            " FROM api.leaderboard_entry AS entry"
            " JOIN api.leaderboard ON leaderboard.id = leaderboard_id"
            " JOIN api.model ON model.id = model_id ORDER BY 1, 2"
        ).fetchall()


@pytest.fixture(scope="module")
def newer(simulation: Simulation) -> Iterator[BixArenaDatabase]:
    """The same arena in PostgreSQL 18."""
    with PostgresServer.start(version=18) as server:
        yield BixArenaDatabase.create(server, "bixarena", simulation=simulation)


def test_publishes_the_same_boards_on_postgresql_16_and_18(
    bixarena: BixArenaDatabase, newer: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    run(settings_for(bixarena.worker, **_TEN), log=journal.log)
    with newer.owner.connect() as connection:
        assert connection.info.server_version // 10_000 == 18
    report = run(settings_for(newer.worker, **_TEN), log=journal.log)
    again = run(settings_for(newer.worker, **_TEN), log=journal.log)
    assert again.already_published == report.published
    assert _entries(newer.owner) == _entries(bixarena.owner)


def test_takes_as_long_as_the_run_has_whatever_limits_its_role_has(
    newer: BixArenaDatabase, settings_for: MakeSettings
) -> None:
    # PostgreSQL 17 added the last of them. A transaction that has begun under one keeps it, unless
    # it is set to 0.
    limits = ("statement_timeout", "lock_timeout", "transaction_timeout")
    with newer.owner.connect() as connection:
        for limit in limits:
            connection.execute(f"ALTER ROLE bixarena_worker SET {limit} = '1min'".encode())
    settings = settings_for(newer.worker)
    assert settings.database
    try:
        with Database(settings.database, Deadline(600)).writing() as connection:
            set_now = dict(
                connection.execute(
                    "SELECT name, setting::int FROM pg_settings WHERE name = ANY (%s)",
                    [list(limits)],
                ).fetchall()
            )
    finally:
        with newer.owner.connect() as connection:
            connection.execute("ALTER ROLE bixarena_worker RESET ALL")
    assert set_now.pop("transaction_timeout") == 0
    assert all(500_000 < milliseconds <= 601_000 for milliseconds in set_now.values())


@pytest.mark.parametrize(
    ("intervals", "counting"),
    [("voter", b"TO STDOUT (FORMAT BINARY)"), ("wald", b"What each leaderboard is ranked by")],
)
def test_counts_on_the_replica_and_writes_on_the_primary(
    bixarena: BixArenaDatabase,
    settings_for: MakeSettings,
    journal: Any,
    intervals: str,
    counting: bytes,
) -> None:
    # One server with two names; relays at the same port of two loopback addresses separate them.
    with (
        Relay.to(bixarena.worker.port, host="127.0.0.2") as primary,
        Relay.to(bixarena.worker.port, host="127.0.0.3", port=primary.port) as replica,
    ):
        info = replace(bixarena.worker, host="127.0.0.2", port=primary.port)
        settings = settings_for(info, POSTGRES_READ_HOST="127.0.0.3", INTERVALS=intervals, **_TEN)
        assert "overall" in run(settings, log=journal.log).published
    for relay, has_written, has_counted in ((primary, True, False), (replica, False, True)):
        assert (b"INSERT INTO" in relay.sent) == has_written
        assert (counting in relay.sent) == has_counted


def test_looks_for_each_grant_where_it_is_used(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    """One server with two names and a role for each: one writes and one counts."""
    with bixarena.owner.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS bixarena_counter")
        connection.execute("CREATE ROLE bixarena_counter LOGIN PASSWORD 'count'")
        for table in ("battle", "battle_evaluation", "battle_validation", "model"):
            connection.execute(f"REVOKE ALL ON api.{table} FROM bixarena_worker".encode())
        connection.execute("REVOKE SELECT (user_id) ON api.battle FROM bixarena_worker")
    settings = settings_for(
        bixarena.worker,
        POSTGRES_READ_HOST="127.0.0.1",
        POSTGRES_READ_USER="bixarena_counter",
        POSTGRES_READ_PASSWORD="count",
        **_TEN,
    )
    try:
        with pytest.raises(MissingGrantsError) as raised:
            check(settings, log=journal.log)
        assert str(raised.value).startswith("127.0.0.1: role 'bixarena_counter' lacks: SELECT on")
        assert {each.split(".")[1] for each in raised.value.missing} == {
            *("battle", "battle_categorization", "battle_categorization_category"),
            *("battle_evaluation", "battle_validation", "model"),
        }
        with bixarena.owner.connect() as connection:
            connection.execute("GRANT USAGE ON SCHEMA api TO bixarena_counter")
            connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA api TO bixarena_counter")
        check(settings, log=journal.log)
        assert "overall" in run(settings, log=journal.log).published
    finally:
        with bixarena.owner.connect() as connection:
            connection.execute("DROP OWNED BY bixarena_counter")
            connection.execute("DROP ROLE bixarena_counter")


def test_asks_a_dry_run_of_the_replica_alone(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    info = replace(bixarena.worker, host="127.0.0.9")  # where nobody answers
    settings = settings_for(info, POSTGRES_READ_HOST="127.0.0.1", DRY_RUN="true", **_TEN)
    assert "overall" in run(settings, log=journal.log).computed


def test_reads_one_state_of_the_database_and_cannot_write_while_it_does(
    bixarena: BixArenaDatabase,
) -> None:
    settings = Settings.from_environment(bixarena.worker.environment)
    assert settings.database is not None
    database = Database(settings.database, Deadline(60))
    with database.reading() as connection:
        modes = connection.execute(
            "SELECT current_setting('transaction_isolation'),"
            " current_setting('transaction_read_only')"
        ).fetchone()
    assert modes == ("repeatable read", "on")


def test_bounds_its_transactions_by_the_time_that_is_left(bixarena: BixArenaDatabase) -> None:
    settings = Settings.from_environment(bixarena.worker.environment)
    now = [0.0]
    deadline = Deadline(100, clock=lambda: now[0])
    now[0] = 70.0
    assert settings.database is not None
    with Database(settings.database, deadline).writing() as connection:
        bounds = connection.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('idle_in_transaction_session_timeout'),"
            " current_setting('transaction_isolation'), current_setting('application_name')"
        ).fetchone()
    assert bounds == ("30200ms", "30200ms", "1min", "read committed", "bixarena-worker")
    assert settings.database is not None
    with Database(settings.database, Deadline(900)).writing() as connection:
        row = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
    assert row == ("1min",), "a frozen worker must not hold its locks for as long as it may run"


def test_lets_no_limit_of_the_server_come_before_the_deadline(bixarena: BixArenaDatabase) -> None:
    settings = Settings.from_environment(bixarena.worker.environment)
    assert settings.database is not None
    now = [0.0]
    deadline = Deadline(10, clock=lambda: now[0])
    now[0] = 9.999
    with Database(settings.database, deadline).writing() as connection:
        time.sleep(0.1)  # far more than is left, while the server waits for the next statement
        connection.execute("SELECT pg_sleep(0.05)")


def test_a_shadow_run_logs_the_board_that_the_query_of_the_page_shows(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()
    query = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)[0]
    run(settings_for(bixarena.worker, **_TEN), log=journal.log)
    with bixarena.owner.connect() as connection:
        connection.execute("REVOKE INSERT ON ALL TABLES IN SCHEMA api FROM bixarena_worker")
        shown = connection.execute(query.encode()).fetchall()
    run(settings_for(bixarena.worker, DRY_RUN="true"), log=journal.log)
    computed = journal.named("board_computed")
    (entries,) = (each["entries"] for each in computed if each["leaderboard"] == "overall")
    fields = ("rank", "model", "score", "votes")
    assert [tuple(entry[name] for name in fields) for entry in entries] == [
        (rank, slug, float(score), votes) for rank, slug, score, votes in shown
    ]
