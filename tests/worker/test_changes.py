"""What changes in the database while a run is at work: a password, a model, a leaderboard."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from psycopg import sql

from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import (
    BoardsFailedError,
    LoginRefusedError,
    RowGoneError,
    VotesError,
)
from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.store_factory import store_for_run
from bixarena_demo.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.worker.conftest import MakeSettings

    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.postgres import ConnectionInfo, PostgresServer

_TEN = {"SCHEDULED_AT": "2026-03-06T10:00:00Z"}


@pytest.fixture
def rotated(
    postgres: PostgresServer, bixarena: BixArenaDatabase
) -> Iterator[tuple[ConnectionInfo, Callable[[], None]]]:
    """A role like the worker's, and what changes its password."""
    role = sql.Identifier("rotated")

    def set_password(password: str) -> None:
        with postgres.superuser.connect() as connection:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(statement.format(role, sql.Literal(password)))

    with postgres.superuser.connect() as connection:
        statement = sql.SQL("CREATE ROLE {} LOGIN IN ROLE bixarena_worker")
        connection.execute(statement.format(role))
    set_password("old")
    info = replace(bixarena.worker, user="rotated", password="old")
    yield info, lambda: set_password("new")
    with postgres.superuser.connect() as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize("moment", ["votes_counted", "board_published"])
def test_publishes_every_leaderboard_though_the_password_is_changed_meanwhile(
    rotated: tuple[ConnectionInfo, Callable[[], None]],
    settings_for: MakeSettings,
    journal: Any,
    moment: str,
) -> None:
    info, change_password = rotated
    journal.at(moment, change_password)
    report = run(settings_for(info, **_TEN), log=journal.log)
    assert len(report.published) > 4
    assert journal.named("retrying") == []


def test_ranks_nothing_more_once_the_server_lets_it_in_no_more(
    rotated: tuple[ConnectionInfo, Callable[[], None]],
    settings_for: MakeSettings,
    journal: Any,
) -> None:
    info, change_password = rotated
    with Relay.to(info.port) as relay:

        def change() -> None:
            change_password()
            relay.cut()

        journal.at("board_published", change)
        settings = settings_for(replace(info, port=relay.port), **_TEN)
        with pytest.raises(LoginRefusedError, match="password authentication failed"):
            run(settings, log=journal.log)
    assert len(journal.named("board_published")) == 1
    assert len(journal.named("board_ranked")) == 2
    last = journal.events[-1]
    assert (last["event"], last["exit_code"], last["snapshots_published"]) == ("run_failed", 4, 1)


@pytest.mark.parametrize("intervals", ["voter", "wald"])
def test_counts_again_when_a_model_is_deleted_while_it_ranks(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, intervals: str
) -> None:
    with bixarena.owner.connect() as connection:
        (slug,) = connection.execute("SELECT slug FROM api.model LIMIT 1").fetchone() or ("",)

        def delete_one() -> None:
            connection.execute("DELETE FROM api.model WHERE slug = %s", [slug])

        journal.at("board_published", delete_one)
        report = run(settings_for(bixarena.worker, INTERVALS=intervals, **_TEN), log=journal.log)
        boards = connection.execute("SELECT count(*) FROM api.leaderboard_snapshot").fetchone()
    assert report.failed == {}
    assert boards == (len(report.published),)
    assert len(report.published) == len(set(report.published)) > 4
    assert len(journal.named("votes_counted")) == 2
    first, *later = journal.named("board_published")
    assert first["leaderboard"] == "overall"
    retried = journal.named("retrying")
    assert {event["step"] for event in retried} == {"publish"}
    again = {event["leaderboard"] for event in retried}
    assert again >= {event["leaderboard"] for event in later}, "all of them list that model"


def test_leaves_out_a_leaderboard_that_is_deleted_while_it_is_ranked(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    def delete() -> None:
        with bixarena.owner.connect() as connection:
            connection.execute("DELETE FROM api.leaderboard WHERE slug = 'biochemistry'")

    journal.at("votes_counted", delete)
    report = run(settings_for(bixarena.worker, **_TEN), log=journal.log)
    assert report.failed == {}
    assert "biochemistry" in report.skipped
    (event,) = (each for each in journal.named("board_skipped") if "votes" not in each)
    assert (event["leaderboard"], event["reason"]) == ("biochemistry", "deleted during the run")
    assert journal.events[-1]["outcome"] == "published"


def test_fails_a_leaderboard_whose_rows_are_gone_each_time(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '23503'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER gone BEFORE INSERT ON api.leaderboard_entry"
            " FOR EACH STATEMENT EXECUTE FUNCTION gone()"
        )
    settings = settings_for(bixarena.worker, LEADERBOARD_SLUG="overall", **_TEN)
    with pytest.raises(BoardsFailedError, match=r"failed for overall; first: .*: gone") as caught:
        run(settings, log=journal.log)
    assert isinstance(caught.value.failures["overall"], RowGoneError)
    assert [event["attempt"] for event in journal.named("retrying")] == [1, 2]
    assert len(journal.named("votes_counted")) == 3


@pytest.mark.parametrize("by_voter", [True, False])
def test_counts_a_category_alone_as_with_all_others(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, *, by_voter: bool
) -> None:
    store = store_for_run(settings_for(bixarena.worker), Deadline(60))
    slugs = [board.slug for board in store.boards("")]
    together = store.votes(slugs, by_voter=by_voter).by_leaderboard
    assert len(together) > 10
    for slug, counts in together.items():
        assert not isinstance(counts, VotesError)
        alone = store.votes([slug], by_voter=by_voter).by_leaderboard
        assert alone.keys() == {slug}
        other = alone[slug]
        assert not isinstance(other, VotesError)
        for field in ("first", "second", "wins_first", "wins_second", "ties"):
            assert np.array_equal(getattr(counts, field), getattr(other, field))
        if by_voter:
            assert counts.voters is not None
            assert other.voters is not None
            assert counts.voters.num_voters == other.voters.num_voters
            assert np.array_equal(
                np.sort(np.bincount(counts.voters.voter, counts.voters.votes)),
                np.sort(np.bincount(other.voters.voter, other.voters.votes)),
            )
