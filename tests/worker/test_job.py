from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import (
    BoardsFailedError,
    DatabaseRefusedError,
    MissingGrantsError,
    NoLeaderboardError,
    NotStorableError,
)
from bixarena_constructs.worker.job import run
from bixarena_demo.votes import fill, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.votes import Simulation

    MakeSettings = Callable[..., Settings]

_TEN = "2026-03-06T10:00:00Z"
_ELEVEN = "2026-03-06T11:00:00Z"
_Row = tuple[Any, ...]


def _rows(database: BixArenaDatabase, columns: str, *, order: str = "1, 2, 3") -> list[_Row]:
    statement = (
        f"SELECT {columns} FROM api.leaderboard_snapshot AS snapshot"
        " JOIN api.leaderboard AS board ON board.id = snapshot.leaderboard_id"
        " JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
        " JOIN api.model ON model.id = entry.model_id"
        f" ORDER BY {order}"
    )
    with database.owner.connect() as connection:
        return connection.execute(statement.encode()).fetchall()


def _snapshots(database: BixArenaDatabase) -> list[_Row]:
    with database.owner.connect() as connection:
        return connection.execute(
            "SELECT slug, snapshot_identifier, visibility FROM api.leaderboard_snapshot"
            " JOIN api.leaderboard ON leaderboard.id = leaderboard_id ORDER BY 1, 2"
        ).fetchall()


def test_publishes_boards_whose_intervals_hold_the_truth(
    bixarena: BixArenaDatabase, simulation: Simulation, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker, LEADERBOARD_SLUG="overall", NUM_BOOTSTRAP="1000")
    run(settings, log=journal.log)
    columns = "model.slug, bt_score, bootstrap_q025, bootstrap_q975, entry.rank, vote_count"
    rows = _rows(bixarena, columns, order="entry.rank")
    truth = {model.slug: model.strength for model in simulation.models}
    listed = sum(truth[row[0]] for row in rows) / len(rows)
    held = [row[2] <= truth[row[0]] + 1000 - listed <= row[3] for row in rows]
    # Nominally 95 % each; the votes of this seed are fixed, so this cannot flicker.
    assert (len(held), sum(held)) == (9, 9)
    assert [row[4] for row in rows] == list(range(1, 10))
    assert abs(sum(row[1] for row in rows) / 9 - 1000) < Decimal("0.000001")
    assert "model-j" in {row[0] for row in rows}, "a retired model keeps its place"
    assert "model-i" not in {row[0] for row in rows}, "a newcomer has too few votes"


def test_publishes_every_board_with_enough_votes_and_skips_the_rest(
    bixarena: BixArenaDatabase, simulation: Simulation, settings_for: MakeSettings, journal: Any
) -> None:
    report = run(settings_for(bixarena.worker, SCHEDULED_AT=_TEN), log=journal.log)
    assert {(row[1], row[2]) for row in _snapshots(bixarena)} == {
        ("snapshot_2026-03-06_10-00-00", "public")
    }
    assert [row[0] for row in _snapshots(bixarena)] == sorted(report.published)
    assert len(report.published) + len(report.skipped) == 1 + len(simulation.categories)
    assert (report.published[0], report.skipped[-1]) == ("overall", "synthetic-biology")
    (last,) = journal.named("run_finished")
    assert (last["outcome"], last["exit_code"]) == ("published", 0)
    assert last["snapshots_published"] == len(report.published)
    assert journal.events[-1] == last


def test_is_named_by_the_start_of_a_run_without_a_scheduled_time(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    moment = datetime(2026, 3, 6, 10, 11, 12, 999_999, tzinfo=UTC)
    settings = settings_for(bixarena.worker, LEADERBOARD_SLUG="overall")
    report = run(settings, log=journal.log, now=lambda: moment)
    assert report.identifier == "snapshot_2026-03-06_10-11-12"


def test_writes_the_same_rows_for_the_same_votes_and_seed(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    columns = "board.slug, model.slug, entry.rank, bt_score, bootstrap_q025, bootstrap_q975"
    for number, moment in enumerate((_TEN, _ELEVEN)):
        run(settings_for(bixarena.worker, SCHEDULED_AT=moment, SEED="5"), log=journal.log)
        if number == 0:
            first = _rows(bixarena, columns)
            with bixarena.owner.connect() as connection:
                connection.execute("DELETE FROM api.leaderboard_snapshot")
    assert _rows(bixarena, columns) == first


@pytest.mark.parametrize("intervals", ["wald", "percentile"])
def test_reads_the_rounds_that_it_is_given(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, intervals: str
) -> None:
    for rounds in ("50", "1000"):
        settings = settings_for(
            bixarena.worker, LEADERBOARD_SLUG="overall", DRY_RUN="true", INTERVALS=intervals
        )
        run(replace(settings, num_bootstrap=int(rounds)), log=journal.log)
    few, many = journal.named("board_ranked")
    assert few["first"] == many["first"]
    assert few["probability_best"] != many["probability_best"]
    few_rows, many_rows = (event["entries"] for event in journal.named("board_computed"))
    # Only what is resampled hangs on the rounds.
    assert (few_rows == many_rows) is (intervals == "wald")


def test_reports_a_second_run_of_the_same_time_as_already_published(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker, SCHEDULED_AT=_TEN, LEADERBOARD_SLUG="overall")
    run(settings, log=journal.log)
    before = _rows(bixarena, "snapshot.id, entry.id, bt_score")
    report = run(settings, log=journal.log)
    assert report.already_published == ["overall"]
    assert _rows(bixarena, "snapshot.id, entry.id, bt_score") == before
    assert len(journal.named("votes_counted")) == 1, "the second run must not count the votes"


def test_reports_that_all_boards_are_below_their_thresholds(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    run(settings_for(bixarena.worker, MIN_TOTAL_BATTLES="1000000"), log=journal.log)
    assert journal.events[-1]["outcome"] == "below_thresholds"
    assert _snapshots(bixarena) == []
    assert {event["reason"] for event in journal.named("board_skipped")} == {
        "fewer votes than MIN_TOTAL_BATTLES=1000000"
    }


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        # Ten models have votes, one of them too few to be listed.
        ({"MIN_TOTAL_MODELS": "10"}, "fewer listed models than MIN_TOTAL_MODELS=10"),
        ({"MIN_EVALS": "100000"}, "fewer listed models than MIN_TOTAL_MODELS=4"),
        (
            {"MIN_EVALS": "100000", "MIN_TOTAL_MODELS": "0"},
            "fewer than two models with MIN_EVALS=100000 votes",
        ),
    ],
)
def test_skips_a_board_with_too_few_models(
    bixarena: BixArenaDatabase,
    settings_for: MakeSettings,
    journal: Any,
    variables: dict[str, str],
    reason: str,
) -> None:
    settings = settings_for(bixarena.worker, LEADERBOARD_SLUG="overall", **variables)
    report = run(settings, log=journal.log)
    assert report.skipped == ["overall"]
    (event,) = journal.named("board_skipped")
    assert re.fullmatch(reason, event["reason"])


def test_publishes_a_board_with_as_many_listed_models_as_are_asked_for(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker, LEADERBOARD_SLUG="overall", MIN_TOTAL_MODELS="9")
    assert run(settings, log=journal.log).published == ["overall"]


def test_publishes_one_board_that_is_asked_for_with_few_votes_as_bixarena_does(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    few = {"MIN_TOTAL_BATTLES": "1000000"}
    report = run(settings_for(bixarena.worker, LEADERBOARD_SLUG="overall", **few), log=journal.log)
    assert report.published == ["overall"]
    with bixarena.owner.connect() as connection:
        connection.execute("DELETE FROM api.leaderboard_snapshot")
    assert "overall" in run(settings_for(bixarena.worker, **few), log=journal.log).skipped


def test_counts_a_model_that_met_itself_among_the_evaluations_and_for_no_model(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "UPDATE api.battle SET model2_id = model1_id WHERE id IN (SELECT battle_id"
            " FROM api.battle_evaluation ORDER BY 1 LIMIT 200)"
        )
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE model1_id = model2_id) FROM api.battle"
            " JOIN api.battle_evaluation ON battle_id = battle.id"
            " JOIN api.battle_validation AS validation ON validation.id = effective_validation_id"
            " WHERE is_biomedical"
        ).fetchone()
    assert row is not None
    cast, met_itself = row
    assert met_itself > 0
    settings = settings_for(bixarena.worker, SCHEDULED_AT=_TEN, MIN_TOTAL_BATTLES=str(cast))
    assert run(settings, log=journal.log).published == ["overall"]
    with bixarena.owner.connect() as connection:
        rows = connection.execute(
            "SELECT description, sum(vote_count) FROM api.leaderboard_snapshot AS snapshot"
            " JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
            " GROUP BY snapshot.id"
        ).fetchall()
    ((description, listed_votes),) = rows
    assert description == f"Leaderboard snapshot with {cast} evaluations and 9 ranked models"
    # Each battle of two models counts for both; the one that is not listed has a few at most.
    assert 0 <= 2 * (cast - met_itself) - listed_votes < 10


def test_logs_which_models_moved_and_which_are_new_or_gone(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    overall = {"LEADERBOARD_SLUG": "overall"}
    run(settings_for(bixarena.worker, SCHEDULED_AT=_TEN, **overall), log=journal.log)
    with bixarena.owner.connect() as connection:
        connection.execute(
            "DELETE FROM api.leaderboard_entry AS entry USING api.model"
            " WHERE model.id = model_id AND slug = 'model-a'"
        )
        connection.execute("UPDATE api.leaderboard_entry SET rank = rank + 10 WHERE rank = 1")
        connection.execute(
            "UPDATE api.leaderboard_entry SET model_id = (SELECT id FROM api.model"
            " WHERE slug = 'model-i') WHERE rank = 9"
        )
    run(settings_for(bixarena.worker, SCHEDULED_AT=_ELEVEN, **overall), log=journal.log)
    first, second = journal.named("board_published")
    assert (len(first["new"]), first["moved"], first["gone"]) == (9, [], [])
    ranks = {row[1]: row[0] for row in _rows(bixarena, "entry.rank, model.slug, snapshot.id")}
    assert [(move["from"], move["to"]) for move in second["moved"]] == [(11, 1)]
    last = next(slug for slug, rank in ranks.items() if rank == 9)
    assert sorted(second["new"]) == sorted({"model-a", last})
    assert second["gone"] == ["model-i"]


def test_publishes_the_other_boards_when_one_fails_and_fails_in_the_end(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
            " BEGIN IF (SELECT slug = 'overall' FROM api.leaderboard"
            " WHERE id = NEW.leaderboard_id) THEN"
            " RAISE EXCEPTION 'not today' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON api.leaderboard_entry"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    with pytest.raises(BoardsFailedError) as raised:
        run(settings_for(bixarena.worker, SCHEDULED_AT=_TEN), log=journal.log)
    assert list(raised.value.failures) == ["overall"]
    assert isinstance(raised.value.failures["overall"], DatabaseRefusedError)
    published = [row[0] for row in _snapshots(bixarena)]
    assert "overall" not in published
    assert len(published) >= 5
    last = journal.events[-1]
    assert (last["event"], last["cause"], last["exit_code"]) == ("run_failed", "database", 4)
    assert last["boards_failed"] == ["overall"]
    assert last["snapshots_published"] == len(published)


def test_never_stores_an_infinite_bound_and_names_the_model_by_slug(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        # One defeat against many wins: replicates that do not draw it have no finite estimate.
        connection.execute(
            "WITH fought AS ("
            " SELECT battle.id, one.slug = 'model-a' AS is_first,"
            " row_number() OVER (ORDER BY is_biomedical DESC, battle.id) = 1 AS is_lost"
            " FROM api.battle JOIN api.model AS one ON one.id = model1_id"
            " JOIN api.model AS two ON two.id = model2_id"
            " JOIN api.battle_validation AS validation ON validation.id = effective_validation_id"
            " JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id"
            " WHERE 'model-a' IN (one.slug, two.slug))"
            " UPDATE api.battle_evaluation SET outcome ="
            " CASE WHEN is_first <> is_lost THEN 'model1' ELSE 'model2' END"
            " FROM fought WHERE fought.id = battle_id"
        )
    settings = settings_for(
        bixarena.worker, LEADERBOARD_SLUG="overall", PRIOR_BATTLES="0", INTERVALS="percentile"
    )
    with pytest.raises(BoardsFailedError) as raised:
        run(settings, log=journal.log)
    assert raised.value.exit_code == 3
    assert isinstance(raised.value.failures["overall"], NotStorableError)
    (event,) = journal.named("board_failed")
    assert "'model-a': upper inf" in event["error"]
    assert _snapshots(bixarena) == []


def test_logs_the_boards_of_a_dry_run_and_writes_nothing(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA api FROM bixarena_worker"
        )
    settings = settings_for(bixarena.worker, DRY_RUN="true", LEADERBOARD_SLUG="overall")
    report = run(settings, log=journal.log)
    assert (report.computed, report.outcome) == (["overall"], "computed")
    (event,) = journal.named("board_computed")
    assert [entry["rank"] for entry in event["entries"]] == list(range(1, 10))
    assert event["entries"][0].keys() == {"rank", "model", "score", "lower", "upper", "votes"}
    assert _snapshots(bixarena) == []
    with pytest.raises(MissingGrantsError, match=r"INSERT on api.leaderboard_entry.bt_score"):
        run(settings_for(bixarena.worker), log=journal.log)


def test_writes_no_line_over_16_kb_for_521_models(
    empty_bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with empty_bixarena.owner.connect() as connection:
        fill(connection, simulate(seed=5, models=521, battles=2000))
    settings = settings_for(empty_bixarena.worker, MIN_EVALS="0", LEADERBOARD_SLUG="overall")
    run(replace(settings, dry_run=True), log=journal.log)
    assert max(map(len, journal.getvalue().splitlines())) < 16_384
    overall = journal.named("board_computed")
    assert [event["part"] for event in overall] == list(range(1, overall[0]["parts"] + 1))
    assert len({entry["model"] for event in overall for entry in event["entries"]}) > 500


def test_lists_the_leaderboards_when_the_requested_slug_does_not_exist(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with pytest.raises(NoLeaderboardError, match="is 'astrology'; it must be one of overall, "):
        run(settings_for(bixarena.worker, LEADERBOARD_SLUG="astrology"), log=journal.log)
    assert journal.events[-1]["exit_code"] == 2


def test_refuses_an_empty_leaderboard_table(
    empty_bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with pytest.raises(NoLeaderboardError, match="no leaderboard exists; create one"):
        run(settings_for(empty_bixarena.worker), log=journal.log)


def test_retires_old_snapshots_if_a_number_to_keep_is_set(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    for moment in (_TEN, _ELEVEN):
        settings = settings_for(
            bixarena.worker, SCHEDULED_AT=moment, KEEP_SNAPSHOTS="1", LEADERBOARD_SLUG="overall"
        )
        run(settings, log=journal.log)
    assert [row[2] for row in _snapshots(bixarena)] == ["private", "public"]
    assert [event["snapshots_retired"] for event in journal.named("board_published")] == [0, 1]


def test_checks_the_delete_privilege_before_it_starts_if_it_is_to_delete(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker, KEEP_SNAPSHOTS="1", OLD_SNAPSHOTS="delete")
    with pytest.raises(MissingGrantsError, match=r"DELETE on api\.leaderboard_snapshot"):
        run(settings, log=journal.log)
    assert _snapshots(bixarena) == []


def test_reports_a_bug_as_internal(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    class Broken(Deadline):
        @property
        def seconds_left(self) -> float:
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        run(settings_for(bixarena.worker), log=journal.log, deadline=Broken(60))
    last = journal.events[-1]
    assert (last["event"], last["cause"], last["exit_code"]) == ("run_failed", "internal", 1)
    assert last["error"] == "ZeroDivisionError: a bug"
