"""The SQL against a real PostgreSQL, and the counts against the simplest code that counts."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from bixarena_constructs.worker.database import Database
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import (
    DatabaseRefusedError,
    MissingGrantsError,
    VotesError,
)
from bixarena_constructs.worker.preflight import BATTLES, BOARDS, DELETING, HIDING, PUBLISHING
from bixarena_constructs.worker.queries import query
from bixarena_constructs.worker.ranking import VoteCounts
from bixarena_constructs.worker.records import Entry, Retention, Snapshot, Status
from bixarena_constructs.worker.settings import Settings
from bixarena_constructs.worker.store import Store
from bixarena_constructs.worker.store_factory import store_for_run
from bixarena_demo.votes import fill, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

    from bixarena_constructs.worker.preflight import Need
    from bixarena_constructs.worker.records import Board, Visibility, Votes
    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.postgres import ConnectionInfo, PostgresServer
    from bixarena_demo.votes import Simulation

_TEN = "snapshot_2026-03-06_10-00-00"
_ELEVEN = "snapshot_2026-03-06_11-00-00"

_SCHEMA = Path(__file__).parents[2] / "examples" / "complete" / "schema.sql"


def _store(info: ConnectionInfo) -> Store:
    return store_for_run(Settings.from_environment(info.environment), Deadline(60))


def _check(info: ConnectionInfo, needs: tuple[Need, ...]) -> None:
    settings = Settings.from_environment(info.environment).database
    assert settings is not None
    database = Database(settings, Deadline(60))
    Store(database, database, needs=needs).check()


def _cells(counts: VoteCounts) -> Counter[tuple[str, str, str]]:
    cells: Counter[tuple[str, str, str]] = Counter()
    for pair, (first, second) in enumerate(zip(counts.first, counts.second, strict=True)):
        models = (counts.models[first], counts.models[second])
        cells[*models, "first"] = int(counts.wins_first[pair])
        cells[*models, "second"] = int(counts.wins_second[pair])
        cells[*models, "tie"] = int(counts.ties[pair])
    return +cells


def _all_cells(votes: Votes) -> dict[str, Counter[tuple[str, str, str]]]:
    return {
        slug: _cells(counts)
        for slug, counts in votes.by_leaderboard.items()
        if isinstance(counts, VoteCounts)
    }


def _counted_one_by_one(simulation: Simulation) -> dict[str, Counter[tuple[str, str, str]]]:
    """Count as the rules read: one battle after the other."""
    rows = simulation.rows
    pair_of = {battle: (str(one), str(two)) for battle, _, one, two in rows["battle"]}
    outcome_of = {row[0]: row[1] for row in rows["battle_evaluation"]}
    biomedical = {row[0] for row in rows["battle_validation"] if row[4]}
    matched = {row[0] for row in rows["battle_categorization"] if row[3] == "matched"}
    boards: dict[str, Counter[tuple[str, str, str]]] = {}
    for battle, validation, categorization in simulation.links:
        if battle not in outcome_of or validation not in biomedical:
            continue
        winner = {"model1": 0, "model2": 1, "tie": None}[str(outcome_of[battle])]
        pair = pair_of[battle]
        first, second = sorted(pair)
        verdict = "tie" if winner is None else ("first", "second")[pair[winner] == second]
        tags = {
            row[1] for row in rows["battle_categorization_category"] if row[0] == categorization
        }
        for slug in {"overall"} | (tags if categorization in matched else set()):
            boards.setdefault(str(slug), Counter())[first, second, verdict] += 1
    return boards


def _entry(model: object, rank: int = 1) -> Entry:
    return Entry(
        model=str(model),
        score=Decimal("1000.123456"),
        lower=Decimal("-9999.999999"),
        upper=Decimal("9999.999999"),
        votes=12,
        rank=rank,
    )


def _snapshot(board: Board, simulation: Simulation, identifier: str = _TEN) -> Snapshot:
    entries = tuple(_entry(model.id, rank) for rank, model in enumerate(simulation.models, 1))
    return Snapshot(
        id=uuid4(), board=board, identifier=identifier, evaluations=60, entries=entries
    )


def _overall(store: Store) -> Board:
    return next(board for board in store.boards(_TEN) if board.slug == "overall")


def _stored(database: BixArenaDatabase) -> list[tuple[str, str, int]]:
    """Identifier, visibility and number of entries of each snapshot, by identifier."""
    with database.owner.connect() as connection:
        return connection.execute(
            "SELECT snapshot_identifier, visibility, count(entry.id)"
            " FROM api.leaderboard_snapshot AS snapshot"
            " LEFT JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
            " GROUP BY snapshot.id ORDER BY snapshot_identifier"
        ).fetchall()


def test_counts_what_the_rules_say_battle_by_battle(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    expected = _counted_one_by_one(simulation)
    votes = _store(bixarena.worker).votes(["overall", *simulation.categories])
    assert _all_cells(votes) == expected
    kinds = {len(tags) for tags in (expected, votes.by_leaderboard)}
    assert kinds == {1 + len(simulation.categories)}


def test_counts_the_requested_leaderboards_only(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    votes = _store(bixarena.worker).votes(["biochemistry"])
    expected = _counted_one_by_one(simulation)["biochemistry"]
    assert _all_cells(votes) == {"biochemistry": expected}


@pytest.mark.slow
def test_splits_its_joins_no_further_for_battles_without_a_category(
    postgres: PostgresServer, request: pytest.FixtureRequest
) -> None:
    many = postgres.create_database(f"many_{abs(hash(request.node.nodeid))}")
    with many.connect() as connection:
        connection.execute(_SCHEMA.read_bytes())
        fill(connection, simulate(seed=1, battles=10_000))
        # 6 of 10 have none; and less memory than they take, as with many battles on any server.
        connection.execute(
            "UPDATE api.battle_categorization SET status = 'abstained' WHERE id::text < 'a'"
        )
        connection.execute("ANALYZE")
        for setting in (
            "work_mem = '64kB'",
            "hash_mem_multiplier = 1",
            "max_parallel_workers_per_gather = 0",
            "enable_mergejoin = off",
            "enable_nestloop = off",
        ):
            connection.execute(f"SET {setting}".encode())
        slugs = [slug for (slug,) in connection.execute("SELECT slug FROM api.leaderboard")]
        for name in ("counts_by_pair", "counts_by_voter"):
            text = query(name)
            text = text.partition(b"COPY (")[2].rpartition(b") TO STDOUT")[0] or text
            ((plan,),) = connection.execute(
                b"EXPLAIN (ANALYZE, FORMAT JSON) " + text, {"slugs": slugs}
            ).fetchall()
            hashes = [node for node in _nodes(plan[0]["Plan"]) if node["Node Type"] == "Hash"]
            assert len(hashes) > 3
            for node in hashes:
                assert node["Hash Batches"] <= 2 * node["Original Hash Batches"]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def test_counts_nothing_in_empty_tables(empty_bixarena: BixArenaDatabase) -> None:
    votes = _store(empty_bixarena.worker).votes(["overall"])
    assert (votes.by_leaderboard, votes.slug_by_model) == ({}, {})


def test_names_models_by_slug_retired_ones_included(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    votes = _store(bixarena.worker).votes([])
    assert votes.slug_by_model == {str(model.id): model.slug for model in simulation.models}
    assert not all(model.active for model in simulation.models)


def test_lets_no_category_called_overall_in(bixarena: BixArenaDatabase) -> None:
    store = _store(bixarena.worker)
    before = store.votes(["overall"]).totals
    with bixarena.owner.connect() as connection:
        connection.execute(
            "UPDATE api.battle_categorization_category SET category = 'overall'"
            " WHERE category = 'biochemistry'"
        )
    assert store.votes(["overall"]).totals == before


def test_refuses_an_unknown_outcome_on_the_boards_that_have_it(bixarena: BixArenaDatabase) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "ALTER TABLE api.battle_evaluation DROP CONSTRAINT battle_evaluation_outcome_check"
        )
        connection.execute(
            "UPDATE api.battle_evaluation SET outcome = 'both-bad' WHERE battle_id IN"
            " (SELECT battle.id FROM api.battle_categorization_category AS tag"
            " JOIN api.battle ON effective_categorization_id = tag.categorization_id"
            " WHERE category = 'genetics')"
        )
    store = _store(bixarena.worker)
    votes = store.votes([board.slug for board in store.boards(_TEN)])
    spoilt = {board.slug: board for board in store.boards(_TEN) if board.slug not in votes.totals}
    assert {"overall", "genetics"} <= spoilt.keys()
    assert len(spoilt) < 21, "a board without such a battle is none the worse for it"
    with pytest.raises(VotesError, match="that is none of model1, model2, tie"):
        votes.of(spoilt["genetics"])


class _StrangeNumbers(Database):
    """A database whose counts are no numbers, which nobody foresaw."""

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection]:
        with super().reading() as connection:
            connection.row_factory = _without_numbers
            yield connection


def _without_numbers(_cursor: object) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    def make_row(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple("many" if isinstance(value, int) else value for value in values)

    return make_row


def test_ends_its_transaction_when_the_counts_cannot_be_folded(bixarena: BixArenaDatabase) -> None:
    settings = Settings.from_environment(bixarena.worker.environment).database
    assert settings is not None
    database = _StrangeNumbers(settings, Deadline(60))
    # Most of the rows are still to come then.
    with pytest.raises(ValueError, match="many"):
        Store(database, database).votes(["biochemistry", "overall"])


def test_hands_a_model_that_met_itself_on_to_the_ranking(bixarena: BixArenaDatabase) -> None:
    store = _store(bixarena.worker)
    board = _overall(store)
    before = store.votes(["overall"]).of(board)
    with bixarena.owner.connect() as connection:
        connection.execute(
            "UPDATE api.battle SET model2_id = model1_id WHERE id IN (SELECT battle_id"
            " FROM api.battle_evaluation WHERE outcome <> 'tie' ORDER BY 1 LIMIT 40)"
        )
    after = store.votes(["overall"]).of(board)
    assert 0 < after.self_battles <= 40
    assert after.total == before.total - after.self_battles


def test_lists_overall_first_and_marks_the_boards_that_are_done(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    store.publish(_snapshot(_overall(store), simulation))
    boards = store.boards(_TEN)
    assert [board.slug for board in boards] == ["overall", *sorted(simulation.categories)]
    assert [board.existing for board in boards] == ["public"] + [None] * 20
    assert {board.existing for board in store.boards(_ELEVEN)} == {None}


def test_publishes_every_column(bixarena: BixArenaDatabase, simulation: Simulation) -> None:
    store = _store(bixarena.worker)
    snapshot = replace(
        _snapshot(_overall(store), simulation), entries=(_entry(simulation.models[3].id, rank=5),)
    )
    done = store.publish(snapshot)
    assert (done.status, done.newest_public, done.former_ranks) == (Status.PUBLISHED, None, {})
    with bixarena.owner.connect() as connection:
        rows = connection.execute(
            "SELECT snapshot.id, snapshot.leaderboard_id, snapshot_identifier, description,"
            " visibility,"
            " entry.leaderboard_id, model_id, bt_score, bootstrap_q025, bootstrap_q975,"
            " vote_count, rank"
            " FROM api.leaderboard_snapshot AS snapshot"
            " JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id"
        ).fetchall()
    board = snapshot.board.id
    assert rows == [
        (
            *(snapshot.id, board, _TEN),
            "Leaderboard snapshot with 60 evaluations and 1 ranked models",
            *("public", board, simulation.models[3].id),
            *(Decimal("1000.123456"), Decimal("-9999.999999"), Decimal("9999.999999"), 12, 5),
        )
    ]


def test_leaves_the_snapshot_of_another_worker_as_it_is(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    first = _snapshot(_overall(store), simulation)
    store.publish(first)
    again = replace(_snapshot(_overall(store), simulation), entries=())
    assert store.publish(again).status == Status.ALREADY_PUBLISHED
    assert _stored(bixarena) == [(_TEN, "public", 10)]


def test_recognises_its_own_snapshot_after_the_answer_to_its_commit_was_lost(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    snapshot = _snapshot(_overall(store), simulation)
    store.publish(snapshot)
    again = store.publish(snapshot)
    assert (again.status, again.former_ranks) == (Status.PUBLISHED, None)
    assert _stored(bixarena) == [(_TEN, "public", 10)]


def test_does_not_publish_again_what_somebody_made_private(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    store.publish(_snapshot(_overall(store), simulation))
    assert store.set_visibility(_TEN, None, "private") == ("overall",)
    again = store.publish(_snapshot(_overall(store), simulation))
    assert again.status == Status.ALREADY_PRIVATE
    assert _stored(bixarena) == [(_TEN, "private", 10)]


def test_stores_a_late_snapshot_private(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    store.publish(_snapshot(_overall(store), simulation, _ELEVEN))
    late = store.publish(_snapshot(_overall(store), simulation, _TEN))
    assert (late.status, late.newest_public) == (Status.STORED_PRIVATE, _ELEVEN)
    assert _stored(bixarena) == [(_TEN, "private", 10), (_ELEVEN, "public", 10)]


def test_is_not_late_after_a_snapshot_that_was_made_private(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    store.publish(_snapshot(_overall(store), simulation, _ELEVEN))
    store.set_visibility(_ELEVEN, None, "private")
    done = store.publish(_snapshot(_overall(store), simulation, _TEN))
    assert (done.status, done.newest_public) == (Status.PUBLISHED, None)


def test_is_newer_than_the_snapshot_that_it_waited_for(
    bixarena: BixArenaDatabase,
    simulation: Simulation,
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
) -> None:
    store = _store(bixarena.worker)
    board = _overall(store)
    with ThreadPoolExecutor(1) as pool:
        with bixarena.owner.connect() as first, first.transaction():
            first.execute(query("lock_board"), {"leaderboard_id": board.id})
            waiting = pool.submit(store.publish, _snapshot(board, simulation, _ELEVEN))
            wait_for_worker(bixarena, "wait_event_type = 'Lock'")
            # Made after the waiting transaction began, as far as its own now() can tell.
            first.execute(
                "INSERT INTO api.leaderboard_snapshot"
                " (leaderboard_id, snapshot_identifier, visibility, created_at)"
                " VALUES (%s, %s, 'public', clock_timestamp())",
                [board.id, _TEN],
            )
        assert waiting.result(30).newest_public == _TEN, "it looks again once it has the lock"
    with bixarena.owner.connect() as connection:
        rows = connection.execute(
            "SELECT snapshot_identifier FROM api.leaderboard_snapshot ORDER BY created_at"
        ).fetchall()
    assert rows == [(_TEN,), (_ELEVEN,)]


@pytest.mark.parametrize(
    ("made_at", "status"),
    [
        ("2026-03-06 10:59:59+01", Status.PUBLISHED),
        ("2026-03-06 11:00:01+01", Status.STORED_PRIVATE),
    ],
)
def test_places_a_snapshot_of_another_form_by_when_it_was_made(
    bixarena: BixArenaDatabase, simulation: Simulation, made_at: str, status: Status
) -> None:
    store = _store(bixarena.worker)
    board = _overall(store)
    with bixarena.owner.connect() as connection:
        connection.execute(
            "INSERT INTO api.leaderboard_snapshot"
            " (leaderboard_id, snapshot_identifier, visibility, created_at)"
            " VALUES (%s, 'spring release', 'public', %s)",
            [board.id, made_at],
        )
    assert store.publish(_snapshot(board, simulation, _TEN)).status == status


def test_returns_the_ranks_of_the_board_that_was_public(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    board = _overall(store)
    store.publish(_snapshot(board, simulation, _TEN))
    later = store.publish(_snapshot(board, simulation, _ELEVEN))
    ranks = {str(model.id): rank for rank, model in enumerate(simulation.models, 1)}
    assert (later.former_ranks, later.newest_public) == (ranks, _TEN)


def test_writes_nothing_of_a_snapshot_with_a_bad_entry(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    store = _store(bixarena.worker)
    board = _overall(store)
    nobody = UUID(int=0)
    bad = replace(_snapshot(board, simulation), entries=(_entry(nobody),))
    with pytest.raises(Exception, match="leaderboard_entry_model_id_fkey"):
        store.publish(bad)
    assert _stored(bixarena) == []


def test_writes_nothing_of_a_snapshot_whose_entries_a_trigger_leaves_out(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN CASE WHEN NEW.rank < 3 THEN NEW END; END'"
        )
        connection.execute(
            "CREATE TRIGGER leave_out BEFORE INSERT ON api.leaderboard_entry"
            " FOR EACH ROW EXECUTE FUNCTION leave_out()"
        )
    store = _store(bixarena.worker)
    with pytest.raises(DatabaseRefusedError, match=r"^2 of \d+ entries were stored; a trigger"):
        store.publish(_snapshot(_overall(store), simulation))
    assert _stored(bixarena) == []


@pytest.mark.parametrize(
    ("delete", "left"),
    [
        (False, ["private", "private", "private", "public", "public"]),
        (True, ["private", "public", "public"]),
    ],
)
def test_keeps_the_newest_public_snapshots_of_the_leaderboard(
    bixarena: BixArenaDatabase, simulation: Simulation, *, delete: bool, left: list[str]
) -> None:
    store = _store(bixarena.worker)
    if delete:
        with bixarena.owner.connect() as connection:
            connection.execute("GRANT DELETE ON api.leaderboard_snapshot TO bixarena_worker")
    overall, other, *_ = store.boards(_TEN)
    store.publish(_snapshot(other, simulation, "snapshot_2026-01-01_10-00-00"))
    for hour in ("09", "10", "11", "12"):
        identifier = f"snapshot_2026-03-06_{hour}-00-00"
        store.publish(_snapshot(overall, simulation, identifier))
        if hour == "09":  # private for a reason, and not for us to delete
            store.set_visibility(identifier, None, "private")
    last = _snapshot(overall, simulation, "snapshot_2026-03-06_13-00-00")
    assert store.publish(last, Retention(keep=2, delete=delete)).retired == 2
    of_other, *of_overall = _stored(bixarena)
    assert of_other == ("snapshot_2026-01-01_10-00-00", "public", 10)
    assert of_overall[-1][0] == last.identifier
    assert [visibility for _, visibility, _ in of_overall] == left


@pytest.mark.parametrize(("wanted", "back"), [("private", "public"), ("public", "private")])
def test_makes_one_time_private_or_public_on_one_leaderboard_or_all(
    bixarena: BixArenaDatabase, simulation: Simulation, wanted: Visibility, back: Visibility
) -> None:
    store = _store(bixarena.worker)
    one, two, *_ = store.boards(_TEN)
    for board, identifier in ((one, _TEN), (two, _TEN), (one, _ELEVEN)):
        store.publish(_snapshot(board, simulation, identifier))
    for identifier in (_TEN, _ELEVEN):
        store.set_visibility(identifier, None, back)
    assert store.set_visibility(_TEN, two.slug, wanted) == (two.slug,)
    assert store.set_visibility(_TEN, None, wanted) == (one.slug,)
    assert store.set_visibility(_TEN, None, wanted) == ()
    assert _stored(bixarena) == [(_TEN, wanted, 10), (_TEN, wanted, 10), (_ELEVEN, back, 10)]


def test_needs_no_more_than_the_documented_grants(bixarena: BixArenaDatabase) -> None:
    _check(bixarena.worker, BOARDS + BATTLES + PUBLISHING + HIDING)


def test_lists_all_that_is_missing_at_once(bixarena: BixArenaDatabase) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("DROP TABLE api.battle_categorization_category")
        connection.execute("ALTER TABLE api.leaderboard_entry DROP COLUMN bootstrap_q025")
        connection.execute("REVOKE SELECT (outcome) ON api.battle_evaluation FROM bixarena_worker")
    with pytest.raises(MissingGrantsError) as raised:
        _check(bixarena.worker, BOARDS + BATTLES + PUBLISHING + DELETING)
    assert raised.value.missing == (
        "SELECT on api.battle_categorization_category.categorization_id (no table)",
        "SELECT on api.battle_categorization_category.category (no table)",
        "SELECT on api.battle_evaluation.outcome (no privilege)",
        "INSERT on api.leaderboard_entry.bootstrap_q025 (no column)",
        "DELETE on api.leaderboard_snapshot (no privilege)",
    )


def test_reports_a_missing_schema(bixarena: BixArenaDatabase) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("DROP SCHEMA api CASCADE")
    with pytest.raises(MissingGrantsError, match=r"SELECT on api.battle.id \(no schema\)"):
        _check(bixarena.worker, BOARDS + BATTLES)


def test_reports_a_schema_that_is_closed_to_its_role(bixarena: BixArenaDatabase) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute("REVOKE USAGE ON SCHEMA api FROM bixarena_worker")
    with pytest.raises(MissingGrantsError, match=r"SELECT on api\.battle\.id \(no privilege\)"):
        _check(bixarena.worker, BOARDS + BATTLES)
