"""Votes counted on a streaming replica, whose recovery cancels what conflicts with it."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker.job import run
from bixarena_demo.postgres import PostgresServer
from bixarena_demo.system_account import Account, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.worker.conftest import MakeSettings

    from bixarena_demo.bixarena_database import BixArenaDatabase


@pytest.fixture
def replica(postgres: PostgresServer, bixarena: BixArenaDatabase) -> Iterator[BixArenaDatabase]:
    """The test's database on a standby that waits for no query: feedback and delay are off."""
    account = Account.choose()
    superuser = postgres.superuser
    with temporary_folder(account) as folder:
        backup = [str(postgres.bin_folder / "pg_basebackup"), "--pgdata", str(folder / "data")]
        backup += ["--dbname", superuser.url, "--write-recovery-conf", "--no-sync"]
        process = account.popen([*backup, "--checkpoint=fast"], output=subprocess.DEVNULL)
        assert process.wait(60) == 0
        (folder / "superuser-password").write_text(superuser.password)
        account.own(folder)
        settings = {"hot_standby_feedback": "off", "max_standby_streaming_delay": "0"}
        settings["fsync"] = "off"
        with PostgresServer.start(folder=folder, settings=settings) as standby:
            port = standby.superuser.port
            yield replace(
                bixarena,
                owner=replace(bixarena.owner, port=port),
                worker=replace(bixarena.worker, port=port),
            )


def _execute(database: BixArenaDatabase, *statements: str) -> None:
    with database.owner.connect() as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["UPDATE api.model SET active = active", "VACUUM api.model"], "row versions"),
        (["ALTER TABLE api.battle_validation ADD note text"], "relation lock"),
    ],
)
def test_counts_again_when_recovery_cancels_its_query(
    bixarena: BixArenaDatabase,
    replica: BixArenaDatabase,
    settings_for: MakeSettings,
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
    *,
    journal: Any,
    statements: list[str],
    reason: str,
) -> None:
    # A policy makes the count take a minute and more.
    _execute(
        bixarena,
        "CREATE POLICY slow ON api.battle_validation USING (pg_sleep(.1) IS NOT NULL)",
        "ALTER TABLE api.battle_validation ENABLE ROW LEVEL SECURITY",
    )

    def conflict() -> None:
        wait_for_worker(replica, "wait_event = 'PgSleep'")
        _execute(bixarena, *statements)

    def hurry() -> None:
        _execute(bixarena, "ALTER TABLE api.battle_validation DISABLE ROW LEVEL SECURITY")

    journal.at("retrying", hurry)
    other = threading.Thread(target=conflict)
    other.start()
    settings = settings_for(
        bixarena.worker,
        POSTGRES_READ_PORT=str(replica.worker.port),
        SCHEDULED_AT="2026-03-06T10:00:00Z",
    )
    published = run(settings, log=journal.log).published
    other.join()
    assert "overall" in published
    retried = journal.named("retrying")
    assert {event["step"] for event in retried} == {"count_votes"}
    assert "conflict with recovery" in retried[0]["error"]
    assert reason in retried[0]["error"]


def test_waits_until_a_standby_is_promoted(
    replica: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    def promote() -> None:
        if len(journal.named("retrying")) == 1:
            _execute(replica, "SELECT pg_promote()")

    journal.at("retrying", promote)
    settings = settings_for(replica.worker, SCHEDULED_AT="2026-03-06T10:00:00Z")
    assert "overall" in run(settings, log=journal.log).published
    retried = journal.named("retrying")
    assert {event["step"] for event in retried} == {"check_grants"}
    assert "it takes no writes for now" in retried[0]["error"]
