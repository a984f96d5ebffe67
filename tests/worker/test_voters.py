"""The worker reads which votes are of one voter where its role may, and says so."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import MissingGrantsError, VotesError
from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.ranking import VoteCounts
from bixarena_constructs.worker.store_factory import store_for_run
from bixarena_constructs.worker.voter_rows import tables

if TYPE_CHECKING:
    from tests.worker.conftest import MakeSettings

    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.store import Store
    from bixarena_demo.bixarena_database import BixArenaDatabase

_DRY: dict[str, str] = {"DRY_RUN": "true", "LEADERBOARD_SLUG": "overall"}


def _store(settings: Settings) -> Store:
    return store_for_run(settings, Deadline(60))


def _counts(store: Store, slugs: list[str], *, by_voter: bool) -> dict[str, VoteCounts]:
    found = store.votes(slugs, by_voter=by_voter).by_leaderboard
    counts = {slug: each for slug, each in found.items() if isinstance(each, VoteCounts)}
    assert counts.keys() == found.keys()
    return counts


def test_counts_the_same_votes_by_voter(
    bixarena: BixArenaDatabase, settings_for: MakeSettings
) -> None:
    store = _store(settings_for(bixarena.worker))
    slugs = [board.slug for board in store.boards("")]
    plain, by_voter = (_counts(store, slugs, by_voter=each) for each in (False, True))
    assert by_voter.keys() == plain.keys()
    assert len(plain) > 10
    for slug, counts in by_voter.items():
        assert counts.models == plain[slug].models
        for field in ("first", "second", "wins_first", "wins_second", "ties", "self_battles"):
            assert np.array_equal(getattr(counts, field), getattr(plain[slug], field)), field
        voters = counts.voters
        assert voters is not None
        assert np.array_equal(np.bincount(voters.pair, voters.votes), counts.battles)
        points = np.bincount(voters.pair, voters.half_points)
        assert np.array_equal(points, 2 * counts.wins_first + counts.ties)
    with bixarena.owner.connect() as connection:
        rows = connection.execute(
            "SELECT count(*) FROM api.battle JOIN api.battle_evaluation ON battle_id = battle.id"
            " JOIN api.battle_validation AS valid ON valid.id = effective_validation_id"
            " WHERE is_biomedical AND model1_id <> model2_id GROUP BY user_id"
        ).fetchall()
    overall = by_voter["overall"].voters
    assert overall is not None
    votes = np.bincount(overall.voter, overall.votes)
    assert sorted(votes.tolist()) == sorted(number for (number,) in rows)


def test_a_battle_without_a_voter_is_one_of_a_voter_of_its_own(
    bixarena: BixArenaDatabase, settings_for: MakeSettings
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("ALTER TABLE api.battle ALTER COLUMN user_id DROP NOT NULL")
        connection.execute("UPDATE api.battle SET user_id = NULL")
    counts = _counts(_store(settings_for(bixarena.worker)), ["overall"], by_voter=True)["overall"]
    assert counts.voters is not None
    assert counts.voters.num_voters == counts.total


def test_names_the_leaderboard_that_has_unknown_outcomes(
    bixarena: BixArenaDatabase, settings_for: MakeSettings
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "ALTER TABLE api.battle_evaluation DROP CONSTRAINT IF EXISTS"
            " battle_evaluation_outcome_check"
        )
        connection.execute("UPDATE api.battle_evaluation SET outcome = 'draw'")
    store = _store(settings_for(bixarena.worker))
    errors = [
        store.votes(["overall"], by_voter=each).by_leaderboard["overall"] for each in (True, False)
    ]
    assert all(isinstance(error, VotesError) for error in errors)
    assert str(errors[0]) == str(errors[1])


def test_allows_for_voters_by_default_and_logs_how_many_there_are(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    run(settings_for(bixarena.worker, **_DRY), log=journal.log)
    run(settings_for(bixarena.worker, **_DRY, INTERVALS="wald"), log=journal.log)
    by_voter, by_vote = journal.named("board_ranked")
    assert (by_voter["intervals"], by_vote["intervals"]) == ("voter", "wald")
    assert by_voter["effective_voters"] > 3
    assert by_vote["effective_voters"] is None
    assert [event["by_voter"] for event in journal.named("votes_counted")] == [True, False]
    wide, narrow = (event["entries"] for event in journal.named("board_computed"))
    for one, other in zip(wide, narrow, strict=True):
        assert one["score"] == other["score"]
        assert one["lower"] <= other["lower"]
        assert one["upper"] >= other["upper"]


def test_takes_votes_as_independent_where_it_may_not_see_the_voter(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("REVOKE SELECT (user_id) ON api.battle FROM bixarena_worker")
    run(settings_for(bixarena.worker, **_DRY), log=journal.log)
    (ranked,) = journal.named("board_ranked")
    (counted,) = journal.named("votes_counted")
    assert (ranked["intervals"], counted["by_voter"]) == ("wald", False)
    with pytest.raises(MissingGrantsError, match=r"SELECT on api.battle.user_id"):
        run(settings_for(bixarena.worker, **_DRY, INTERVALS="voter"), log=journal.log)


@pytest.mark.parametrize("at_a_time", [1, 51, 120, 2**22])
@pytest.mark.parametrize("block_size", [1, 7, 50, 1000])
def test_cuts_a_copy_into_tables_wherever_its_blocks_end(at_a_time: int, block_size: int) -> None:
    rows = [[number, 10 * number, 3, 4, number % 3 - 1, 7] for number in range(30)]
    copy = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    for row in rows:
        copy += struct.pack(">h", 6) + b"".join(struct.pack(">ii", 4, field) for field in row)
    copy += struct.pack(">h", -1)
    blocks = [copy[start : start + block_size] for start in range(0, len(copy), block_size)]
    found = np.concatenate(list(tables(blocks, at_a_time=at_a_time)), axis=1)
    assert found.T.tolist() == rows


def test_a_copy_without_rows_has_no_table() -> None:
    copy = b"PGCOPY\n\xff\r\n\0" + struct.pack(">iih", 0, 0, -1)
    assert list(tables([copy])) == []
