"""What a run calls itself in the end: only what people see passes for published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker.errors import BoardsFailedError, BoardsRegressedError
from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.visibility import unpublish

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.worker.report import RunReport
    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase

    MakeSettings = Callable[..., Settings]
    RunAt = Callable[..., RunReport]

_NINE = "2026-03-06T09:00:00Z"
_TEN = "2026-03-06T10:00:00Z"
_ELEVEN = "2026-03-06T11:00:00Z"
_OF_TEN = "snapshot_2026-03-06_10-00-00"
_NOBODY_VOTES = {"MIN_TOTAL_BATTLES": "1000000"}


def _execute(database: BixArenaDatabase, *statements: str) -> None:
    with database.owner.connect() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _break_validations(database: BixArenaDatabase, category: str) -> None:
    """Let no battle of a category count any more."""
    _execute(
        database,
        "UPDATE api.battle_validation SET is_biomedical = false WHERE id IN"
        " (SELECT effective_validation_id FROM api.battle"
        " JOIN api.battle_categorization_category"
        f" ON categorization_id = effective_categorization_id WHERE category = '{category}')",
    )


@pytest.fixture
def run_at(bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any) -> RunAt:
    """Run for a time; the last line of the log has the outcome."""

    def at(moment: str, **variables: str) -> RunReport:
        settings = settings_for(bixarena.worker, SCHEDULED_AT=moment, **variables)
        report = run(settings, log=journal.log)
        assert journal.events[-1]["outcome"] == report.outcome
        assert journal.events[-1]["exit_code"] == 0
        return report

    return at


def test_is_published_when_every_ranked_board_is_public(run_at: RunAt) -> None:
    report = run_at(_TEN)
    assert report.outcome == "published"
    assert report.published
    assert report.skipped


def test_is_already_published_when_another_run_of_its_time_published_all(run_at: RunAt) -> None:
    run_at(_TEN)
    report = run_at(_TEN)
    assert report.outcome == "already_published"
    assert (report.published, report.stored_private) == ([], [])


def test_is_published_when_it_publishes_what_another_run_of_its_time_left(
    bixarena: BixArenaDatabase, run_at: RunAt
) -> None:
    run_at(_TEN)
    _execute(
        bixarena,
        "DELETE FROM api.leaderboard_snapshot USING api.leaderboard"
        " WHERE leaderboard.id = leaderboard_id AND slug = 'overall'",
    )
    report = run_at(_TEN)
    assert (report.outcome, report.published) == ("published", ["overall"])


def test_is_stored_private_when_it_is_late(run_at: RunAt) -> None:
    run_at(_TEN)
    report = run_at(_NINE)
    assert report.outcome == "stored_private"
    assert report.published == []


def test_is_stored_private_when_it_is_late_on_one_board_only(
    bixarena: BixArenaDatabase, run_at: RunAt
) -> None:
    run_at(_TEN)
    _execute(
        bixarena,
        "DELETE FROM api.leaderboard_snapshot USING api.leaderboard"
        " WHERE leaderboard.id = leaderboard_id AND slug <> 'overall'",
    )
    report = run_at(_NINE)
    assert (report.outcome, report.stored_private) == ("stored_private", ["overall"])
    assert report.published


def test_is_stored_private_when_its_snapshot_was_made_private(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, run_at: RunAt, journal: Any
) -> None:
    run_at(_TEN)
    unpublish(settings_for(bixarena.worker, LEADERBOARD_SLUG="overall"), _OF_TEN, log=journal.log)
    report = run_at(_TEN)
    assert (report.outcome, report.stored_private) == ("stored_private", ["overall"])
    assert [each["leaderboard"] for each in journal.named("board_already_private")] == ["overall"]
    assert len(report.already_published) == len(journal.named("board_already_published")) > 0


@pytest.mark.parametrize("variables", [{}, _NOBODY_VOTES])
def test_is_computed_in_a_dry_run_whatever_it_finds(
    run_at: RunAt, variables: dict[str, str]
) -> None:
    assert run_at(_TEN, DRY_RUN="true", **variables).outcome == "computed"


def test_is_below_thresholds_when_no_board_has_enough_votes_or_is_public(run_at: RunAt) -> None:
    report = run_at(_TEN, **_NOBODY_VOTES)
    assert report.outcome == "below_thresholds"
    assert len(report.skipped) == 21


def test_is_partial_for_one_leaderboard_and_names_it(run_at: RunAt, journal: Any) -> None:
    one = {"LEADERBOARD_SLUG": "overall"}
    outcomes = [
        run_at(_TEN, **one).outcome,
        run_at(_TEN, **one).outcome,
        run_at(_TEN, LEADERBOARD_SLUG="synthetic-biology").outcome,
    ]
    assert outcomes == ["partial"] * 3
    named = [event["leaderboard_slug"] for event in journal.named("run_finished")]
    assert named == ["overall", "overall", "synthetic-biology"]
    run_at(_ELEVEN)
    assert journal.events[-1]["leaderboard_slug"] is None


def test_is_not_partial_for_one_leaderboard_that_nobody_sees(run_at: RunAt) -> None:
    one = {"LEADERBOARD_SLUG": "overall"}
    assert run_at(_TEN, DRY_RUN="true", **one).outcome == "computed"
    run_at(_TEN, **one)
    assert run_at(_NINE, **one).outcome == "stored_private"


def test_publishes_the_others_and_ends_as_regressed_when_a_public_board_lost_its_votes(
    bixarena: BixArenaDatabase, run_at: RunAt, start_worker: Any
) -> None:
    before = run_at(_TEN)
    lost = before.published[-1]
    _break_validations(bixarena, lost)
    code, events, stderr = start_worker(database=bixarena.worker, SCHEDULED_AT=_ELEVEN).wait()
    last = events[-1]
    assert (code, stderr) == (3, "")
    assert (last["event"], last["cause"], last["exit_code"]) == ("run_failed", "data", 3)
    assert (last["outcome"], last["boards_failed"]) == ("regressed", [])
    assert lost in last["boards_regressed"]
    assert last["snapshots_published"] == (len(before.published) - len(last["boards_regressed"]))
    assert last["snapshots_published"] > 0
    seen = {each["leaderboard"]: each for each in events if each["event"] == "board_regressed"}
    assert sorted(seen) == sorted(last["boards_regressed"])
    assert (seen[lost]["level"], seen[lost]["votes"]) == ("error", 0)
    assert seen[lost]["shown"] == _OF_TEN
    assert f"{lost}: fewer votes than MIN_TOTAL_BATTLES=30" in last["error"]


def test_ends_as_regressed_when_row_level_security_hides_every_vote(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, run_at: RunAt, journal: Any
) -> None:
    before = run_at(_TEN)
    _execute(bixarena, "ALTER TABLE api.battle_evaluation ENABLE ROW LEVEL SECURITY")
    with pytest.raises(BoardsRegressedError) as raised:
        run(settings_for(bixarena.worker, SCHEDULED_AT=_ELEVEN), log=journal.log)
    assert sorted(raised.value.reasons) == sorted(before.published)
    assert journal.events[-1]["snapshots_published"] == 0


@pytest.mark.parametrize("variables", [{"LEADERBOARD_SLUG": "overall"}, {"DRY_RUN": "true"}])
def test_ends_as_regressed_for_one_leaderboard_and_in_a_dry_run_too(
    bixarena: BixArenaDatabase,
    settings_for: MakeSettings,
    run_at: RunAt,
    journal: Any,
    variables: dict[str, str],
) -> None:
    run_at(_TEN)
    settings = settings_for(
        bixarena.worker, SCHEDULED_AT=_ELEVEN, MIN_TOTAL_MODELS="1000", **variables
    )
    with pytest.raises(BoardsRegressedError):
        run(settings, log=journal.log)
    assert journal.events[-1]["outcome"] == "regressed"


@pytest.mark.parametrize(
    ("statement", "is_regressed"),
    [
        ("SET visibility = 'private'", False),
        # The rows of BixArena's development database: nobody ever counted votes for them.
        ("SET snapshot_identifier = 'snapshot_overall_mock', created_at = '2099-12-31'", False),
        # A wrong SCHEDULED_AT: named after 2099, but people see it since it was made.
        ("SET snapshot_identifier = 'snapshot_2099-12-31_10-00-00'", True),
        ("SET snapshot_identifier = 'spring release', created_at = '2020-01-01'", True),
    ],
)
def test_regresses_only_from_a_board_that_people_were_shown(
    bixarena: BixArenaDatabase,
    settings_for: MakeSettings,
    run_at: RunAt,
    journal: Any,
    statement: str,
    *,
    is_regressed: bool,
) -> None:
    run_at(_TEN, LEADERBOARD_SLUG="overall")
    _execute(bixarena, f"UPDATE api.leaderboard_snapshot {statement}")
    settings = settings_for(bixarena.worker, SCHEDULED_AT=_ELEVEN, **_NOBODY_VOTES)
    if is_regressed:
        with pytest.raises(BoardsRegressedError):
            run(settings, log=journal.log)
    else:
        assert run(settings, log=journal.log).outcome == "below_thresholds"


def test_ends_with_the_code_of_what_failed_and_names_what_regressed(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, run_at: RunAt, journal: Any
) -> None:
    lost = run_at(_TEN).published[-1]
    _break_validations(bixarena, lost)
    _execute(bixarena, "ALTER TABLE api.leaderboard_entry ADD CHECK (vote_count < 0) NOT VALID")
    with pytest.raises(BoardsFailedError):
        run(settings_for(bixarena.worker, SCHEDULED_AT=_ELEVEN), log=journal.log)
    last = journal.events[-1]
    assert (last["cause"], last["exit_code"]) == ("database", 4)
    assert lost in last["boards_regressed"]
    assert "overall" in last["boards_failed"]
    assert "outcome" not in last
