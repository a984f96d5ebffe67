"""Counted cells of a table or view, in the primary or in a server of their own."""

from __future__ import annotations

import socket
import socketserver
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

import pytest

from bixarena_constructs.worker.errors import (
    BoardsFailedError,
    DatabaseRefusedError,
    SettingsError,
)
from bixarena_constructs.worker.job import run
from bixarena_demo.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase

    MakeSettings = Callable[..., Settings]

_TEN = {"SCHEDULED_AT": "2026-03-06T10:00:00Z"}
# The battles that count, a row each: cells of one key add up. Text where a user would write text,
# the model's own type where he forgot to.
_CELLS = """
CREATE TABLE {name} AS
SELECT board.slug AS leaderboard, battle.model1_id::text AS model_a, battle.model2_id AS model_b,
       CASE outcome WHEN 'model1' THEN 'model_a' WHEN 'model2' THEN 'model_b' ELSE outcome END
           AS outcome,
       1::bigint AS votes, 'v' || battle.user_id AS voter
FROM api.battle
JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
JOIN api.battle_validation AS validation
    ON validation.id = battle.effective_validation_id AND validation.is_biomedical
JOIN api.leaderboard AS board ON board.slug = 'overall' OR EXISTS (
    SELECT FROM api.battle_categorization AS categorization
    JOIN api.battle_categorization_category AS tag ON tag.categorization_id = categorization.id
    WHERE categorization.id = battle.effective_categorization_id
        AND categorization.status = 'matched' AND tag.category = board.slug
)
"""
_ODD = '"My ""odd"" schema"."cells; DROP SCHEMA api"'


def _make_cells(database: BixArenaDatabase, name: str = "warehouse.cells") -> None:
    schema = name.rpartition(".")[0]
    with database.owner.connect() as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(_CELLS.format(name=name).encode())
        for statement in (
            "GRANT USAGE ON SCHEMA {schema} TO bixarena_worker",
            "GRANT SELECT ON {name} TO bixarena_worker",
        ):
            connection.execute(statement.format(schema=schema, name=name).encode())


def _entries(database: BixArenaDatabase) -> list[tuple[Any, ...]]:
    with database.owner.connect() as connection:
        return connection.execute(
            "SELECT leaderboard_id, model_id, rank, bt_score, bootstrap_q025, bootstrap_q975,"
            " vote_count FROM api.leaderboard_entry ORDER BY 1, 2"
        ).fetchall()


def _empty(database: BixArenaDatabase) -> None:
    with database.owner.connect() as connection:
        connection.execute("DELETE FROM api.leaderboard_snapshot")


@pytest.mark.parametrize("intervals", ["wald", "auto", "voter"])
@pytest.mark.parametrize("name", ["warehouse.cells", _ODD])
def test_publishes_what_the_battles_say(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, name: str, intervals: str
) -> None:
    variables = {**_TEN, "INTERVALS": intervals}
    expected = run(settings_for(bixarena.worker, **variables), log=journal.log).published
    entries = _entries(bixarena)
    _empty(bixarena)
    _make_cells(bixarena, name)
    settings = settings_for(bixarena.worker, VOTES_RELATION=name, **variables)
    assert run(settings, log=journal.log).published == expected
    assert _entries(bixarena) == entries
    first, second = journal.named("votes_counted")
    del first["seconds"], second["seconds"], first["time"], second["time"]
    assert first == second


def test_holds_as_many_votes_of_unknown_voters_as_a_count_can_say(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute("UPDATE warehouse.cells SET votes = 1000000000, voter = NULL")
        connection.execute("UPDATE warehouse.cells SET voter = 'v', votes = 7 WHERE random() < .1")
    settings = settings_for(
        bixarena.worker,
        VOTES_RELATION="warehouse.cells",
        LEADERBOARD_SLUG="overall",
        DRY_RUN="true",
    )
    assert run(settings, log=journal.log).computed == ["overall"]
    (ranked,) = journal.named("board_ranked")
    assert ranked["intervals"] == "voter"
    assert ranked["effective_voters"] > 1e11


def test_fails_a_leaderboard_of_more_votes_than_its_column_holds(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute(
            "UPDATE warehouse.cells SET votes = 2147483648 WHERE leaderboard = 'cancer-biology'"
        )
        slugs = [slug for (slug,) in connection.execute("SELECT slug FROM api.model")]
    settings = settings_for(bixarena.worker, VOTES_RELATION="warehouse.cells", **_TEN)
    with pytest.raises(BoardsFailedError) as raised:
        run(settings, log=journal.log)
    assert raised.value.exit_code == 3
    (failed,) = journal.named("board_failed")
    assert failed["leaderboard"] == "cancer-biology"
    assert "api.leaderboard_entry.vote_count holds 2147483647 at most" in failed["error"]
    assert any(f"'{slug}' has " in failed["error"] for slug in slugs)


@pytest.mark.parametrize(
    "types",
    [
        "leaderboard TYPE char(40), ALTER model_a TYPE char(40), ALTER outcome TYPE char(9)",
        "model_a TYPE uuid USING model_a::uuid, ALTER voter TYPE bytea USING voter::bytea",
        "votes TYPE numeric(30, 2), ALTER voter TYPE jsonb USING to_jsonb(voter)",
        "votes TYPE float8, ALTER voter TYPE timestamptz USING to_timestamp(length(voter))",
        "outcome TYPE verdict USING outcome::verdict, ADD day timestamptz DEFAULT 'infinity'",
    ],
)
def test_counts_columns_of_other_types(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, types: str
) -> None:
    _make_cells(bixarena)
    one = {"VOTES_RELATION": "warehouse.cells", "LEADERBOARD_SLUG": "overall"}
    settings = settings_for(bixarena.worker, INTERVALS="wald", **one, **_TEN)
    run(settings, log=journal.log)
    entries = _entries(bixarena)
    _empty(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute("CREATE TYPE verdict AS ENUM ('model_a', 'model_b', 'tie')")
        connection.execute(f"ALTER TABLE warehouse.cells ALTER {types}".encode())
    run(settings, log=journal.log)
    assert _entries(bixarena) == entries
    by_voter = settings_for(bixarena.worker, DRY_RUN="true", **one, **_TEN)
    assert run(by_voter, log=journal.log).computed == ["overall"]


def test_needs_no_privilege_on_the_battles(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute("DROP TABLE api.battle CASCADE")
    settings = settings_for(bixarena.worker, VOTES_RELATION="warehouse.cells", **_TEN)
    assert "overall" in run(settings, log=journal.log).published


def test_counts_in_another_server_with_another_role(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(_CELLS.format(name="api.exported").encode())
        rows = connection.execute("SELECT * FROM api.exported").fetchall()
    with PostgresServer.start(version=18) as server:
        warehouse = server.create_database("warehouse")
        with warehouse.connect() as connection:
            connection.execute(
                "CREATE TABLE cells (leaderboard text, model_a text, model_b text, outcome text,"
                " votes int, voter text)"
            )
            with connection.cursor().copy("COPY cells FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([str(value) for value in row])
        settings = settings_for(
            bixarena.worker,
            VOTES_RELATION="public.cells",
            POSTGRES_READ_HOST=warehouse.host,
            POSTGRES_READ_PORT=str(warehouse.port),
            POSTGRES_READ_DB=warehouse.dbname,
            POSTGRES_READ_USER=warehouse.user,
            POSTGRES_READ_PASSWORD=warehouse.password,
            **_TEN,
        )
        assert "overall" in run(settings, log=journal.log).published


def test_ends_the_query_when_it_is_stopped(
    bixarena: BixArenaDatabase,
    start_worker: Callable[..., Any],
    wait_for_worker: Callable[[BixArenaDatabase, str], None],
) -> None:
    with bixarena.owner.connect() as connection:
        connection.execute(
            "CREATE VIEW api.slow AS SELECT 'overall' AS leaderboard, '' AS model_a,"
            " '' AS model_b, 'tie' AS outcome, 1 AS votes FROM pg_sleep(60)"
        )
        connection.execute("GRANT SELECT ON api.slow TO bixarena_worker")
    worker = start_worker(database=bixarena.worker, VOTES_RELATION="api.slow")
    wait_for_worker(bixarena, "query LIKE '%sum(votes)%'")
    worker.process.terminate()
    exit_code, events, _ = worker.wait()
    assert (exit_code, events[-1]["event"]) == (143, "run_failed")
    wait_for_no = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sum(votes)%'"
    with bixarena.owner.connect() as connection:
        ((left,),) = connection.execute(
            wait_for_no.encode() + b" AND pid <> pg_backend_pid() AND state = 'active'"
        ).fetchall()
    assert left == 0


# What a row of the leaderboard `genetics` holds, and what the error says of it.
_BAD = {
    "outcome is 'model1' in the row of": "outcome = 'model1'",
    "outcome is None in the row of": "outcome = NULL",
    "votes is 0 in the row of": "votes = 0",
    "votes is -3 in the row of": "votes = -3",
    "votes is None in the row of": "votes = NULL",
    "model_a is None in the row of": "model_a = NULL",
    "model_b is None in the row of": "model_b = NULL",
    "model_a is 'gpt' in the row of": "model_a = 'gpt'",
}


@pytest.mark.parametrize(("text", "change"), _BAD.items())
def test_a_bad_cell_fails_its_leaderboard_and_no_other(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, text: str, change: str
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute(
            f"UPDATE warehouse.cells SET {change} WHERE ctid IN (SELECT ctid FROM"
            " warehouse.cells WHERE leaderboard = 'genetics' LIMIT 1)".encode()
        )
    settings = settings_for(bixarena.worker, VOTES_RELATION="warehouse.cells", **_TEN)
    with pytest.raises(BoardsFailedError) as raised:
        run(settings, log=journal.log)
    assert raised.value.exit_code == 3
    assert list(raised.value.failures) == ["genetics"]
    (failed,) = journal.named("board_failed")
    assert text in failed["error"]
    assert "overall" in {event["leaderboard"] for event in journal.named("board_published")}


@pytest.mark.parametrize("slug", ["history", None])
def test_a_leaderboard_that_does_not_exist_fails_and_no_other_does(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any, slug: str | None
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute(
            "UPDATE warehouse.cells SET leaderboard = %s WHERE leaderboard = 'genetics'", [slug]
        )
    settings = settings_for(bixarena.worker, VOTES_RELATION="warehouse.cells", **_TEN)
    with pytest.raises(BoardsFailedError, match="which does not exist") as raised:
        run(settings, log=journal.log)
    assert list(raised.value.failures) == [str(slug)]
    assert "overall" in {event["leaderboard"] for event in journal.named("board_published")}
    # It is not asked for then.
    only = settings_for(
        bixarena.worker, VOTES_RELATION="warehouse.cells", LEADERBOARD_SLUG="overall", **_TEN
    )
    assert run(only, log=journal.log).already_published == ["overall"]


def test_counts_one_leaderboard_alone_where_one_is_asked_for(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _make_cells(bixarena)
    only = settings_for(
        bixarena.worker,
        VOTES_RELATION="warehouse.cells",
        LEADERBOARD_SLUG="cancer-biology",
        **_TEN,
    )
    assert run(only, log=journal.log).published == ["cancer-biology"]
    (counted,) = journal.named("votes_counted")
    assert list(counted["votes"]) == ["cancer-biology"]


def test_names_the_columns_that_a_relation_lacks(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute("ALTER TABLE warehouse.cells DROP COLUMN voter, DROP COLUMN outcome")
    settings = settings_for(
        bixarena.worker, VOTES_RELATION="warehouse.cells", INTERVALS="voter", **_TEN
    )
    with pytest.raises(SettingsError) as raised:
        run(settings, log=journal.log)
    assert str(raised.value) == (
        "VOTES_RELATION is warehouse.cells, which lacks outcome, voter; its columns must be"
        " leaderboard, model_a, model_b, outcome, votes, voter"
    )
    assert [event["event"] for event in journal.events] == ["run_started", "run_failed"]


def test_counts_no_voters_where_the_relation_has_none(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    _make_cells(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute("UPDATE warehouse.cells SET voter = NULL")
    settings = settings_for(bixarena.worker, VOTES_RELATION="warehouse.cells", **_TEN)
    run(settings, log=journal.log)
    _empty(bixarena)
    with bixarena.owner.connect() as connection:
        connection.execute("ALTER TABLE warehouse.cells DROP COLUMN voter")
    run(settings, log=journal.log)
    assert [event["by_voter"] for event in journal.named("votes_counted")] == [False, False]


def test_repeats_why_a_server_refuses_to_read_a_relation(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    settings = settings_for(bixarena.worker, VOTES_RELATION="nowhere.cells", **_TEN)
    with pytest.raises(DatabaseRefusedError, match=r'relation "nowhere.cells" does not exist'):
        run(settings, log=journal.log)


class _Warehouse(socketserver.ThreadingTCPServer):
    """A server that refuses statements: PostgreSQL behind a proxy that answers in its place."""

    def __init__(self, port: int, refused: bytes, code: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _WarehouseSession)
        self.behind = port
        self.refused = refused
        self.code = code
        self.port = self.server_address[1]
        self.statements: list[bytes] = []

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=[0.02]).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        # Waits for the sessions too.
        self.server_close()


class _WarehouseSession(socketserver.StreamRequestHandler):
    server: _Warehouse

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.behind)) as server:
            back = Thread(target=self._pass_back, args=[server])
            back.start()
            with suppress(OSError):
                self._pass_on(server)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass_back(self, server: socket.socket) -> None:
        with suppress(OSError):
            while block := server.recv(65_536):
                self.connection.sendall(block)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, server: socket.socket) -> None:
        # The first message of a session has no kind.
        kind_bytes = 0
        while head := self.rfile.read(kind_bytes + 4):
            body = self.rfile.read(int.from_bytes(head[kind_bytes:], "big") - 4)
            if head[:kind_bytes] in (b"Q", b"P"):
                self.server.statements.append(body.strip(b"\0"))
            if head[:kind_bytes] == b"Q" and body.startswith(self.server.refused):
                in_transaction = b"BEGIN READ ONLY" in self.server.statements[:-1]
                status = b"E" if in_transaction else b"I"
                self.connection.sendall(_refusal(self.server.code, status))
            else:
                server.sendall(head + body)
            kind_bytes = 1


def _refusal(code: bytes, status: bytes) -> bytes:
    fields = b"SERROR\0C" + code + b"\0Mthis is not what a warehouse does\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields + b"Z\0\0\0\5" + status


# 0A000 and 42601 are PostgreSQL's for such a refusal; XX000 is what others send for every error.
@pytest.mark.parametrize("code", [b"42601", b"XX000"])
@pytest.mark.parametrize("refused", [b"SET LOCAL", b"BEGIN", b"nothing"])
def test_counts_in_a_server_that_knows_less_than_postgresql(
    bixarena: BixArenaDatabase,
    settings_for: MakeSettings,
    journal: Any,
    refused: bytes,
    code: bytes,
) -> None:
    _make_cells(bixarena)
    with _Warehouse(bixarena.worker.port, refused, code) as warehouse:
        settings = settings_for(
            bixarena.worker,
            VOTES_RELATION="warehouse.cells",
            POSTGRES_READ_PORT=str(warehouse.port),
            POSTGRES_READ_SSLMODE="disable",
            LEADERBOARD_SLUG="overall",
            **_TEN,
        )
        assert run(settings, log=journal.log).published == ["overall"]
    assert journal.named("retrying") == []
    # As docs/another_schema.md says.
    sent = b"\n".join(warehouse.statements)
    assert b"SET LOCAL statement_timeout" in sent or refused == b"BEGIN"
    for absent in (b"COPY", b"DECLARE", b"SAVEPOINT", b"ISOLATION", b"set_config", b"ANY("):
        assert absent not in sent
