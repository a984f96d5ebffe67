"""A date in the future, in the tables, in a setting or on a clock, stops no later snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import FutureRunError, SettingsError
from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.records import Entry, Retention, Snapshot, Status
from bixarena_constructs.worker.settings import Settings
from bixarena_constructs.worker.store_factory import store_for_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.worker.store import Store
    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.votes import Simulation

    MakeSettings = Callable[..., Settings]

_NINE = "snapshot_2026-03-06_09-00-00"
_TEN = "snapshot_2026-03-06_10-00-00"
_ELEVEN = "snapshot_2026-03-06_11-00-00"

# Two rows of BixArena's migration for development, V1005__insert_mock_leaderboards.sql.
_MOCK = ("snapshot_overall_mock", "2099-12-31 00:00:00+00")
_MOCK_PRIOR = ("snapshot_overall_mock_prior", "2099-12-23 00:00:00+00")
_OF_OUR_FORM = ("snapshot_2099-12-31_10-00-00", "2099-12-31 10:00:00+00")
_WRONG_SCHEDULED_AT = ("snapshot_2099-12-31_10-00-00", "now")
_FUTURES = {
    "the rows of BixArena's dev database": [_MOCK, _MOCK_PRIOR],
    "a row in the form of ours": [_OF_OUR_FORM],
    "what a wrong SCHEDULED_AT left": [_WRONG_SCHEDULED_AT],
    "a year of five digits": [("sentinel", "10000-01-01 00:00:00+00")],
    "no end": [("sentinel", "infinity")],
    "six minutes ahead": [("sentinel", "6 minutes")],
}


def _insert(database: BixArenaDatabase, *rows: tuple[str, str]) -> None:
    """Insert public snapshots of overall, each with a line that no worker would write."""
    with database.owner.connect() as connection:
        for identifier, date in rows:
            ahead = date.endswith("minutes")
            connection.execute(
                "WITH made AS (INSERT INTO api.leaderboard_snapshot"
                " (leaderboard_id, snapshot_identifier, description, visibility, created_at)"
                " SELECT id, %s, 'Mock seed', 'public', %s::timestamptz + %s::interval"
                " FROM api.leaderboard WHERE slug = 'overall' RETURNING id, leaderboard_id)"
                " INSERT INTO api.leaderboard_entry (leaderboard_id, model_id, snapshot_id,"
                " bt_score, vote_count, rank, bootstrap_q025, bootstrap_q975)"
                " SELECT leaderboard_id, (SELECT id FROM api.model ORDER BY id LIMIT 1),"
                " made.id, 1182, 1430, 77, 1085, 1295 FROM made",
                [identifier, *(("now", date) if ahead else (date, "0"))],
            )


def _visible(database: BixArenaDatabase) -> dict[str, str]:
    with database.owner.connect() as connection:
        return dict(
            connection.execute(
                "SELECT snapshot_identifier, visibility FROM api.leaderboard_snapshot"
                " JOIN api.leaderboard ON leaderboard.id = leaderboard_id WHERE slug = 'overall'"
            ).fetchall()
        )


def _store(database: BixArenaDatabase) -> Store:
    return store_for_run(Settings.from_environment(database.worker.environment), Deadline(60))


def _snapshot(store: Store, simulation: Simulation, identifier: str) -> Snapshot:
    board = next(board for board in store.boards(identifier) if board.slug == "overall")
    entries = tuple(
        Entry(
            model=str(model.id),
            score=Decimal(1000),
            lower=Decimal(900),
            upper=Decimal(1100),
            votes=12,
            rank=rank,
        )
        for rank, model in enumerate(simulation.models, 1)
    )
    return Snapshot(
        id=uuid4(), board=board, identifier=identifier, evaluations=60, entries=entries
    )


@pytest.mark.parametrize("rows", _FUTURES.values(), ids=_FUTURES)
def test_is_not_late_after_snapshots_of_the_future(
    bixarena: BixArenaDatabase, simulation: Simulation, rows: list[tuple[str, str]]
) -> None:
    _insert(bixarena, *rows)
    store = _store(bixarena)
    first = store.publish(_snapshot(store, simulation, _TEN))
    assert (first.status, first.newest_public) == (Status.PUBLISHED, None)
    late = store.publish(_snapshot(store, simulation, _NINE))
    assert (late.status, late.newest_public) == (Status.STORED_PRIVATE, _TEN)
    later = store.publish(_snapshot(store, simulation, _ELEVEN))
    assert (later.status, later.newest_public) == (Status.PUBLISHED, _TEN)


def test_is_late_after_a_snapshot_that_a_clock_may_have_dated_a_little_ahead(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    _insert(bixarena, ("spring release", "4 minutes"))
    store = _store(bixarena)
    assert store.publish(_snapshot(store, simulation, _TEN)).status == Status.STORED_PRIVATE


@pytest.mark.parametrize(
    "rows", [[_MOCK, _MOCK_PRIOR], [_OF_OUR_FORM]], ids=["dev database", "form of ours"]
)
def test_compares_with_the_last_board_that_was_made_and_not_with_one_of_the_future(
    bixarena: BixArenaDatabase, simulation: Simulation, rows: list[tuple[str, str]]
) -> None:
    _insert(bixarena, *rows)
    store = _store(bixarena)
    assert store.publish(_snapshot(store, simulation, _TEN)).former_ranks == {}
    later = store.publish(_snapshot(store, simulation, _ELEVEN))
    ranks = {str(model.id): rank for rank, model in enumerate(simulation.models, 1)}
    assert later.former_ranks == ranks


def test_compares_with_the_board_that_a_wrong_scheduled_time_put_on_the_site(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    _insert(bixarena, _WRONG_SCHEDULED_AT)
    store = _store(bixarena)
    done = store.publish(_snapshot(store, simulation, _TEN))
    assert list((done.former_ranks or {}).values()) == [77]


@pytest.mark.parametrize("delete", [False, True])
def test_neither_counts_nor_retires_snapshots_of_the_future(
    bixarena: BixArenaDatabase, simulation: Simulation, *, delete: bool
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("GRANT DELETE ON api.leaderboard_snapshot TO bixarena_worker")
    _insert(bixarena, _MOCK, _MOCK_PRIOR)
    store = _store(bixarena)
    keep = Retention(keep=2, delete=delete)
    retired = [
        store.publish(_snapshot(store, simulation, identifier), keep).retired
        for identifier in (_NINE, _TEN, _ELEVEN)
    ]
    assert retired == [0, 0, 1]
    left = {} if delete else {_NINE: "private"}
    mocks = {_MOCK[0]: "public", _MOCK_PRIOR[0]: "public"}
    assert _visible(bixarena) == {**mocks, **left, _TEN: "public", _ELEVEN: "public"}


@pytest.mark.parametrize("delete", [False, True])
def test_never_retires_what_it_has_just_published(
    bixarena: BixArenaDatabase, simulation: Simulation, *, delete: bool
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("GRANT DELETE ON api.leaderboard_snapshot TO bixarena_worker")
    # Another server's clock was ahead, as after a failover: dated later, but not the newer one.
    _insert(bixarena, (_TEN, "4 minutes"))
    store = _store(bixarena)
    done = store.publish(_snapshot(store, simulation, _ELEVEN), Retention(keep=1, delete=delete))
    assert (done.status, done.retired) == (Status.PUBLISHED, 1)
    left = {} if delete else {_TEN: "private"}
    assert _visible(bixarena) == {**left, _ELEVEN: "public"}


def test_retires_what_a_wrong_scheduled_time_left(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    _insert(bixarena, _WRONG_SCHEDULED_AT)
    store = _store(bixarena)
    done = store.publish(_snapshot(store, simulation, _TEN), Retention(keep=1, delete=False))
    assert done.retired == 1
    assert _visible(bixarena) == {_WRONG_SCHEDULED_AT[0]: "private", _TEN: "public"}


def test_publishes_day_after_day_next_to_rows_of_2099_and_warns_that_the_site_shows_them(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _insert(bixarena, _MOCK, _MOCK_PRIOR)
    for day in (6, 7, 8):
        moment = f"2026-03-0{day}T10:00:00Z"
        settings = settings_for(bixarena.worker, SCHEDULED_AT=moment, KEEP_SNAPSHOTS="1")
        report = run(settings, log=journal.log)
        assert report.stored_private == []
    assert {event["outcome"] for event in journal.named("run_finished")} == {"published"}
    before = [
        event["newest_before"]
        for event in journal.named("board_published")
        if event["leaderboard"] == "overall"
    ]
    assert before == [None, "snapshot_2026-03-06_10-00-00", "snapshot_2026-03-07_10-00-00"]
    warnings = journal.named("board_not_shown")
    assert [(each["leaderboard"], each["shown_instead"]) for each in warnings] == (
        [("overall", "snapshot_overall_mock")] * 3
    )
    assert {each["level"] for each in warnings} == {"warning"}
    run(settings_for(bixarena.worker, SCHEDULED_AT="2026-03-01T10:00:00Z"), log=journal.log)
    assert len(journal.named("board_not_shown")) == 3, "nobody expects to see what is private"
    public = [name for name, visibility in _visible(bixarena).items() if visibility == "public"]
    assert sorted(public) == ["snapshot_2026-03-08_10-00-00", _MOCK[0], _MOCK_PRIOR[0]]


def _from_now(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


@pytest.mark.parametrize(
    "moment", [{"minutes": 7}, {"days": 1}, "2099-12-31T00:00:00Z", "9999-01-01T00Z"]
)
def test_exits_with_2_and_writes_nothing_for_a_scheduled_time_of_the_future(
    bixarena: BixArenaDatabase, start_worker: Any, moment: str | dict[str, float]
) -> None:
    if isinstance(moment, dict):
        moment = _from_now(**moment)
    code, (event,), _ = start_worker(database=bixarena.worker, SCHEDULED_AT=moment).wait()
    assert (code, event["event"], event["cause"]) == (2, "run_failed", "settings")
    assert f"SCHEDULED_AT is {moment!r}; it must be a time from the year 1000 to" in event["error"]
    assert _visible(bixarena) == {}


def test_takes_a_scheduled_time_that_is_a_little_ahead(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(
        bixarena.worker, SCHEDULED_AT=_from_now(minutes=4), LEADERBOARD_SLUG="overall"
    )
    assert run(settings, log=journal.log).published == ["overall"]


@pytest.mark.parametrize("dry_run", ["false", "true"])
def test_refuses_a_time_taken_from_a_clock_that_is_ahead_of_the_database(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, dry_run: str
) -> None:
    moment = datetime.now(UTC) + timedelta(days=400)
    settings = settings_for(bixarena.worker, DRY_RUN=dry_run)
    with pytest.raises(FutureRunError) as raised:
        run(settings, log=journal.log, now=lambda: moment)
    last = journal.events[-1]
    assert (last["event"], last["cause"], last["exit_code"]) == ("run_failed", "settings", 2)
    assert f"the run's time is {moment:%Y-%m-%dT%H:%M:%SZ}" in last["error"]
    assert "the clock of the worker's host" in last["error"]
    assert abs(raised.value.latest - datetime.now(UTC)) < timedelta(minutes=6)
    assert _visible(bixarena) == {}


def test_takes_a_clock_that_is_a_little_ahead_of_the_database(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=4)
    settings = settings_for(bixarena.worker, LEADERBOARD_SLUG="overall")
    assert run(settings, log=journal.log, now=lambda: moment).published == ["overall"]


def test_judges_a_scheduled_time_by_the_clock_that_it_is_given(
    bixarena: BixArenaDatabase,
) -> None:
    variables = {**bixarena.worker.environment, "SCHEDULED_AT": "2026-03-06T10:05:00Z"}
    at_ten = datetime(2026, 3, 6, 10, 0, tzinfo=UTC)
    assert Settings.from_environment(variables, now=at_ten).scheduled_at is not None
    with pytest.raises(SettingsError, match="from the year 1000 to 2026-03-06T10:04:59Z"):
        Settings.from_environment(variables, now=at_ten - timedelta(seconds=1))
