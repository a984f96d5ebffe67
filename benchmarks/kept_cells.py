"""Measure what counted cells that are kept would save, on the database of worker_load.

    python -m benchmarks.worker_load --battles 10000000 --folder load
    python -m benchmarks.kept_cells --battles 10000000 --folder load

See worker_load.md for what came out. A day is one of 256, by the battle's id: the rows have no
other date. The worker reads the cells by VOTES_RELATION.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.worker_load import PASSWORD, SERVER, run_worker

from bixarena_demo.bixarena_database import WORKER_ROLE, BixArenaDatabase
from bixarena_demo.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_DAY = "get_byte(uuid_send(battle.id), 0)"
# What a battle counts for: a row a leaderboard, its models in one order, which halves the cells.
_VOTES = f"""
SELECT {_DAY} AS day, board.slug AS leaderboard,
       least(model1_id, model2_id)::text AS model_a,
       greatest(model1_id, model2_id)::text AS model_b,
       CASE
           WHEN outcome = 'tie' THEN 'tie'
           WHEN (outcome = 'model1') = (model1_id <= model2_id) THEN 'model_a'
           ELSE 'model_b'
       END AS outcome
FROM api.battle
JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
JOIN api.battle_validation AS validation
    ON validation.id = battle.effective_validation_id AND validation.is_biomedical
LEFT JOIN api.battle_categorization AS categorization
    ON categorization.id = battle.effective_categorization_id AND status = 'matched'
CROSS JOIN LATERAL (
    SELECT 'overall' AS slug
    UNION ALL
    SELECT category FROM api.battle_categorization_category AS tag
    WHERE tag.categorization_id = categorization.id
) AS board
"""
_KEY = "leaderboard, model_a, model_b, outcome"
_SET_UP = f"""
DROP SCHEMA IF EXISTS kept CASCADE;
CREATE SCHEMA kept;
CREATE INDEX IF NOT EXISTS battle_day ON api.battle (({_DAY.replace("battle.", "")}));
"""
_BUILD = {
    "by_day": f"""
CREATE TABLE kept.by_day AS
SELECT day, {_KEY}, count(*) AS votes FROM ({_VOTES}) AS vote GROUP BY day, {_KEY};
ALTER TABLE kept.by_day ADD PRIMARY KEY (day, {_KEY});
""",
    "total": f"""
CREATE TABLE kept.total AS
SELECT {_KEY}, sum(votes)::bigint AS votes FROM kept.by_day GROUP BY {_KEY};
ALTER TABLE kept.total ADD PRIMARY KEY ({_KEY});
""",
}
_GRANT = f"""
GRANT USAGE ON SCHEMA kept TO {WORKER_ROLE};
GRANT SELECT ON ALL TABLES IN SCHEMA kept TO {WORKER_ROLE};
ANALYZE kept.by_day;
ANALYZE kept.total;
"""
# The night's work, whatever changed on that day: its cells anew, and the difference to the total.
_DELTA = f"""
WITH gone AS (DELETE FROM kept.by_day WHERE day = 7 RETURNING {_KEY}, -votes AS votes),
come AS (
    SELECT {_KEY}, count(*) AS votes FROM ({_VOTES} WHERE {_DAY} = 7) AS vote GROUP BY {_KEY}
)
INSERT INTO kept.total
SELECT {_KEY}, sum(votes) FROM (TABLE gone UNION ALL TABLE come) AS change
GROUP BY {_KEY} HAVING sum(votes) <> 0
ON CONFLICT ({_KEY}) DO UPDATE SET votes = total.votes + excluded.votes;
INSERT INTO kept.by_day
SELECT day, {_KEY}, count(*) FROM ({_VOTES} WHERE {_DAY} = 7) AS vote GROUP BY day, {_KEY};
"""
# What a validation or categorization that takes effect adds or takes away, at once.
_TRIGGER = f"""
CREATE OR REPLACE FUNCTION kept.follow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign int := CASE TG_WHEN WHEN 'BEFORE' THEN -1 ELSE 1 END;
BEGIN
    INSERT INTO kept.total AS total
    SELECT {_KEY}, sign FROM ({_VOTES} WHERE battle.id = NEW.id) AS vote
    ON CONFLICT ({_KEY}) DO UPDATE SET votes = total.votes + excluded.votes;
    RETURN NEW;
END $$;
CREATE TRIGGER before_effect BEFORE UPDATE ON api.battle
    FOR EACH ROW EXECUTE FUNCTION kept.follow();
CREATE TRIGGER after_effect AFTER UPDATE ON api.battle
    FOR EACH ROW EXECUTE FUNCTION kept.follow();
"""
_NO_TRIGGER = """
DROP TRIGGER before_effect ON api.battle;
DROP TRIGGER after_effect ON api.battle;
"""
_CHANGED = 20_000
# Each validation is taken back, and takes effect again.
_CHANGES = f"""
CREATE TEMPORARY TABLE changed AS
SELECT id, effective_validation_id AS validation FROM api.battle LIMIT {_CHANGED};
UPDATE api.battle SET effective_validation_id = NULL FROM changed WHERE battle.id = changed.id;
UPDATE api.battle SET effective_validation_id = validation FROM changed
WHERE battle.id = changed.id;
DROP TABLE changed;
"""


@contextmanager
def _timed(figures: dict[str, Any], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    figures[name] = round(time.perf_counter() - started, 2)
    print(f"{name}: {figures[name]} s", file=sys.stderr)


def _number(connection: psycopg.Connection, statement: str) -> int:
    ((value,),) = connection.execute(statement.encode()).fetchall()
    return int(value)


def _build(connection: psycopg.Connection, figures: dict[str, Any]) -> None:
    connection.execute(_SET_UP.encode())
    for name, statements in _BUILD.items():
        with _timed(figures, f"build_{name}_seconds"):
            connection.execute(statements.encode())
    connection.execute(_GRANT.encode())
    for name in _BUILD:
        figures[f"{name}_rows"] = _number(connection, f"SELECT count(*) FROM kept.{name}")
        size = _number(connection, f"SELECT pg_total_relation_size('kept.{name}')")
        figures[f"{name}_mb"] = round(size / 1e6)


def _maintain(connection: psycopg.Connection, figures: dict[str, Any]) -> None:
    """Change what counts, with and without the trigger, and count a day anew.

    Raises:
        RuntimeError: The cells are not what they were, though nothing changed for good.
    """
    before = _number(connection, "SELECT sum(votes) FROM kept.total")
    figures["changes"] = 2 * _CHANGED
    connection.execute(_CHANGES.encode())
    with _timed(figures, "changes_without_trigger_seconds"):
        connection.execute(_CHANGES.encode())
    connection.execute(_TRIGGER.encode())
    with _timed(figures, "changes_with_trigger_seconds"):
        connection.execute(_CHANGES.encode())
    connection.execute(_NO_TRIGGER.encode())
    with _timed(figures, "delta_of_a_day_seconds"):
        connection.execute(_DELTA.encode())
    after = _number(connection, "SELECT sum(votes) FROM kept.total")
    by_day = _number(connection, "SELECT sum(votes) FROM kept.by_day")
    if not before == after == by_day:
        raise RuntimeError(f"the cells do not add up: {before} before, {after}, {by_day} by day")
    connection.execute("VACUUM (ANALYZE) kept.total")
    connection.execute("VACUUM (ANALYZE) kept.by_day")


def main() -> None:
    """Build, read, maintain, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--battles", type=int, required=True)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    figures: dict[str, Any] = {"battles": options.battles}
    load = (
        f"python -m benchmarks.worker_load --battles {options.battles} "
        f"--models {options.models} --folder {options.folder}"
    )
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} holds no database; make one first: {load}")
    with PostgresServer.start(folder=options.folder, settings=SERVER) as server:
        name = f"load_{options.battles}_{options.models}"
        database = BixArenaDatabase(
            owner=server.info(name),
            worker=server.info(name, user=WORKER_ROLE, password=PASSWORD),
        )
        with server.superuser.connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            is_loaded = found.fetchone() is not None
        if not is_loaded:
            sys.exit(f"{options.folder} holds no database {name}; make it first: {load}")
        with database.owner.connect() as connection:
            _build(connection, figures)
            _maintain(connection, figures)
        ways: dict[str, dict[str, str]] = {
            "read_from_battles": {},
            "read_from_by_day": {"VOTES_RELATION": "kept.by_day"},
            "read_from_total": {"VOTES_RELATION": "kept.total"},
        }
        for way, variables in ways.items():
            with database.owner.connect() as connection:
                connection.execute("DELETE FROM api.leaderboard_snapshot")
            figures[way] = run_worker(database, INTERVALS="wald", **variables)
            del figures[way]["votes"]
            print(way, figures[way], file=sys.stderr)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
