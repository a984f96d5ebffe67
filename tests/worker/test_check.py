"""`--check`: what a run would meet, without a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker.check import check
from bixarena_constructs.worker.contract import VERSION
from bixarena_constructs.worker.errors import (
    BoardsFailedError,
    BoardsRegressedError,
    LoginRefusedError,
    MissingGrantsError,
    NoLeaderboardError,
)
from bixarena_constructs.worker.job import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worker.conftest import MakeSettings

    from bixarena_demo.bixarena_database import BixArenaDatabase


def _snapshots(database: BixArenaDatabase) -> int:
    with database.owner.connect() as connection:
        row = connection.execute("SELECT count(*) FROM api.leaderboard_snapshot").fetchone()
    return int(row[0]) if row else -1


def test_names_the_leaderboards_that_a_run_would_publish_and_writes_nothing(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker)
    check(settings, log=journal.log)
    assert _snapshots(bixarena) == 0
    last = journal.events[-1]
    assert (last["event"], last["exit_code"]) == ("check_finished", 0)
    report = run(settings, log=journal.log)
    assert (last["boards_ready"], last["boards_skipped"]) == (report.published, report.skipped)
    assert last["total_votes"] == report.total_votes
    ready = journal.named("board_ready")
    ranked = journal.named("board_ranked")
    for name in ("leaderboard", "models"):
        assert [event[name] for event in ready] == [event[name] for event in ranked]


def test_ends_as_a_run_would_where_a_public_leaderboard_has_lost_its_votes(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    run(settings_for(bixarena.worker), log=journal.log)
    before = _snapshots(bixarena)
    with pytest.raises(BoardsRegressedError):
        check(settings_for(bixarena.worker, MIN_TOTAL_BATTLES="1500"), log=journal.log)
    assert _snapshots(bixarena) == before
    last = journal.events[-1]
    assert (last["event"], last["cause"], last["exit_code"]) == ("check_failed", "data", 3)


def test_names_what_is_missing(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with pytest.raises(NoLeaderboardError):
        check(settings_for(bixarena.worker, LEADERBOARD_SLUG="astrology"), log=journal.log)
    with pytest.raises(LoginRefusedError):
        check(settings_for(bixarena.worker, POSTGRES_PASSWORD="wrong"), log=journal.log)
    with bixarena.owner.connect() as connection:
        connection.execute("REVOKE INSERT ON api.leaderboard_entry FROM bixarena_worker")
    with pytest.raises(MissingGrantsError, match=r"INSERT on api\.leaderboard_entry"):
        check(settings_for(bixarena.worker), log=journal.log)
    assert [event["exit_code"] for event in journal.named("check_failed")] == [2, 4, 4]


def test_names_a_leaderboard_whose_votes_cannot_be_counted(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "ALTER TABLE api.battle_evaluation DROP CONSTRAINT IF EXISTS"
            " battle_evaluation_outcome_check"
        )
        connection.execute("UPDATE api.battle_evaluation SET outcome = 'draw'")
    with pytest.raises(BoardsFailedError, match="none of model1, model2, tie") as raised:
        check(settings_for(bixarena.worker), log=journal.log)
    failed = journal.named("board_failed")
    assert [event["leaderboard"] for event in failed] == list(raised.value.failures)
    assert all("none of model1, model2, tie" in event["error"] for event in failed)
    assert (journal.events[-1]["exit_code"], journal.events[-1]["contract"]) == (3, VERSION)


def test_is_an_option_of_the_command_line_of_a_run_alone(
    bixarena: BixArenaDatabase, start_worker: Callable[..., Any]
) -> None:
    code, events, stderr = start_worker("--check", database=bixarena.worker).wait()
    assert (code, stderr) == (0, "")
    assert events[-1]["event"] == "check_finished"
    for option in ("--check", "--dry-run"):
        snapshot = "snapshot_2026-03-06_10-00-00"
        worker = start_worker(option, "unpublish", snapshot, database=bixarena.worker)
        code, events, stderr = worker.wait()
        assert (code, events) == (2, [])
        assert "--dry-run and --check are for a run, not for unpublish" in stderr


def test_a_run_says_how_many_votes_it_counted_and_how_old_the_newest_is(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker)
    with bixarena.owner.connect() as connection:
        # The newest vote is one that does not count.
        rows = connection.execute(
            "UPDATE api.battle_evaluation SET created_at = CASE WHEN battle_id IN"
            " (SELECT battle.id FROM api.battle JOIN api.battle_validation AS valid"
            " ON valid.id = effective_validation_id WHERE is_biomedical)"
            " THEN now() - interval '3 hours' ELSE now() END RETURNING created_at"
        ).fetchall()
    report = run(settings, log=journal.log)
    last = journal.events[-1]
    assert last["total_votes"] == journal.named("votes_counted")[0]["votes"]["overall"]
    assert last["boards_skipped"] == report.skipped != []
    oldest = min(moment for (moment,) in rows)
    assert datetime.fromisoformat(last["newest_vote"]) == oldest
    age = (datetime.now(UTC) - oldest).total_seconds()
    assert last["newest_vote_age_seconds"] == pytest.approx(age, abs=60)


@pytest.mark.parametrize("date", ["2099-12-31", "infinity", "-infinity", "0044-03-15 BC"])
def test_no_date_of_a_vote_hides_that_the_newest_is_old(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, date: str
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "UPDATE api.battle_evaluation SET created_at = CASE WHEN id ="
            " (SELECT id FROM api.battle_evaluation WHERE outcome = 'tie' LIMIT 1)"
            " THEN %s::timestamptz ELSE '2026-01-01Z' END",
            [date],
        )
    run(settings_for(bixarena.worker), log=journal.log)
    assert journal.events[-1]["newest_vote"] == "2026-01-01T00:00:00+00:00"
    with bixarena.owner.connect() as connection:
        connection.execute("UPDATE api.battle_evaluation SET created_at = %s", [date])
    run(settings_for(bixarena.worker), log=journal.log)
    assert journal.events[-1]["newest_vote"] is None


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE api.battle_evaluation ALTER created_at TYPE timestamp",
        "ALTER TABLE api.battle_evaluation ALTER created_at TYPE date",
        "ALTER ROLE bixarena_worker SET datestyle = 'German'",
        "ALTER ROLE bixarena_worker SET timezone = 'Asia/Kathmandu'",
    ],
)
def test_reads_the_newest_vote_whatever_the_type_of_its_date_and_the_settings_of_its_role(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, change: str
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("UPDATE api.battle_evaluation SET created_at = '2026-01-01Z'")
        connection.execute(change.encode())
        try:
            check(settings_for(bixarena.worker), log=journal.log)
        finally:
            connection.execute("ALTER ROLE bixarena_worker RESET ALL")
    newest = datetime.fromisoformat(journal.events[-1]["newest_vote"])
    assert newest == datetime(2026, 1, 1, tzinfo=UTC)


def test_skips_as_the_run_does_a_leaderboard_of_one_model(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    few = {"MIN_EVALS": "100000", "MIN_TOTAL_MODELS": "0", "LEADERBOARD_SLUG": "overall"}
    for step in (check, run):
        step(settings_for(bixarena.worker, **few), log=journal.log)
    first, second = journal.named("board_skipped")
    assert (
        first["reason"] == second["reason"] == "fewer than two models with MIN_EVALS=100000 votes"
    )


def test_a_run_does_without_the_age_of_votes_where_it_may_not_see_it(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "REVOKE SELECT (created_at) ON api.battle_evaluation FROM bixarena_worker"
        )
    run(settings_for(bixarena.worker), log=journal.log)
    last = journal.events[-1]
    assert last["event"] == "run_finished"
    assert (last["newest_vote"], last["newest_vote_age_seconds"]) == (None, None)
    assert last["total_votes"] > 0
