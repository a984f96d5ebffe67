"""Measure a whole run of the worker on many battles: time by phase, memory, bytes read.

    python benchmarks/worker_load.py --battles 10000000

See worker_load.md for what came out. The rows are made by the database itself; foreign keys are
not checked while they are, everything else is as in the demo's schema.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bixarena_constructs.worker.queries import query
from bixarena_constructs.worker.ranking import RankingOptions, VoteCounts, rank
from bixarena_demo.bixarena_database import WORKER_ROLE, BixArenaDatabase
from bixarena_demo.postgres import PostgresServer
from bixarena_demo.relay import Relay
from bixarena_demo.votes import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from numpy.typing import NDArray

# A small server: as much memory as a db.t4g.medium gives PostgreSQL, and its two processors.
SERVER = {
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "2GB",
    "autovacuum": "off",
}

# One row of random choices for each battle; keys are derived from its number.
_DRAW = """
SET session_replication_role = replica;
SELECT setseed(0.5);
CREATE UNLOGGED TABLE draw AS
SELECT battle, one, CASE WHEN two >= one THEN two + 1 ELSE two END AS two,
       chance, ends, biomedical, status, tags
FROM (
    SELECT battle,
           floor(%(models)s * power(random(), 1.5))::int AS one,
           floor((%(models)s - 1) * power(random(), 1.5))::int AS two,
           random() AS chance, random() AS ends, random() AS biomedical, random() AS status,
           ARRAY[floor(20 * random())::int, floor(40 * random())::int, floor(40 * random())::int]
               AS tags
    FROM generate_series(1, %(battles)s) AS battle
) AS numbers;
CREATE TEMPORARY TABLE numbered AS
SELECT id, row_number() OVER (ORDER BY slug) - 1 AS number,
       100 * sin(row_number() OVER (ORDER BY slug)) AS strength
FROM api.model;
CREATE TEMPORARY TABLE category AS
SELECT slug, row_number() OVER (ORDER BY slug) - 1 AS number
FROM api.leaderboard WHERE slug <> 'overall';
INSERT INTO api.battle (id, user_id, model1_id, model2_id,
                        effective_validation_id, effective_categorization_id)
SELECT md5('b' || battle)::uuid, md5('u' || battle %% 50000)::uuid, one.id, two.id,
       md5('v' || battle)::uuid, md5('c' || battle)::uuid
FROM draw
JOIN numbered AS one ON one.number = draw.one
JOIN numbered AS two ON two.number = draw.two;
INSERT INTO api.battle_evaluation (battle_id, outcome)
SELECT md5('b' || battle)::uuid,
       CASE
           WHEN chance < 0.15 THEN 'tie'
           WHEN ends < 1 / (1 + power(10, (two.strength - one.strength) / 400)) THEN 'model1'
           ELSE 'model2'
       END
FROM draw
JOIN numbered AS one ON one.number = draw.one
JOIN numbered AS two ON two.number = draw.two;
INSERT INTO api.battle_validation (id, battle_id, method, is_biomedical)
SELECT md5('v' || battle)::uuid, md5('b' || battle)::uuid, 'automatic', biomedical < 0.9
FROM draw;
INSERT INTO api.battle_categorization (id, battle_id, method, status)
SELECT md5('c' || battle)::uuid, md5('b' || battle)::uuid, 'automatic',
       CASE WHEN status < 0.9 THEN 'matched' ELSE 'abstained' END
FROM draw;
INSERT INTO api.battle_categorization_category (categorization_id, category)
SELECT DISTINCT md5('c' || battle)::uuid, category.slug
FROM draw CROSS JOIN unnest(tags) AS tag
JOIN category ON category.number = tag;
"""


# The votes of one leaderboard, one row each.
_VOTES = """
SELECT battle.model1_id::text, battle.model2_id::text, evaluation.outcome
FROM api.battle
JOIN api.battle_evaluation AS evaluation ON evaluation.battle_id = battle.id
JOIN api.battle_validation AS validation
    ON validation.id = battle.effective_validation_id AND validation.is_biomedical
WHERE %(slug)s = 'overall' OR EXISTS (
    SELECT FROM api.battle_categorization AS categorization
    JOIN api.battle_categorization_category AS tag ON tag.categorization_id = categorization.id
    WHERE categorization.id = battle.effective_categorization_id
        AND categorization.status = 'matched' AND tag.category = %(slug)s
)
"""
# Keys come in random order: building the indexes at the end halves the time to fill the tables.
_TABLES = (
    "battle",
    "battle_evaluation",
    "battle_validation",
    "battle_categorization",
    "battle_categorization_category",
)
_WITHOUT_INDEXES = """
UPDATE pg_index SET indisready = false, indisvalid = false
WHERE indrelid = ANY (SELECT ('api.' || name)::regclass FROM unnest(%s::text[]) AS name)
"""
PASSWORD = "load"  # noqa: S105 - of a server that lives for this run


@contextmanager
def _phase(figures: dict[str, Any], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    figures[name] = round(time.perf_counter() - started, 2)
    print(f"{name}: {figures[name]} s", file=sys.stderr)


def _fill(connection: psycopg.Connection, *, models: int, battles: int) -> None:
    wanted = {"models": models, "battles": battles}
    connection.execute(_WITHOUT_INDEXES, [list(_TABLES)])
    for statement in _DRAW.split(";\n"):
        if statement.strip():
            uses = "%(" in statement or "%%" in statement
            connection.execute(statement.encode(), wanted if uses else None)
    connection.execute("DROP TABLE draw")
    for table in _TABLES:
        connection.execute(f"REINDEX TABLE api.{table}".encode())
    connection.execute("VACUUM (ANALYZE)")


def _database(
    server: PostgresServer, name: str, figures: dict[str, Any], options: argparse.Namespace
) -> BixArenaDatabase:
    """Fill a database, unless the folder has it from the time before."""
    with server.superuser.connect() as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is not None:
            worker = server.info(name, user=WORKER_ROLE, password=PASSWORD)
            return BixArenaDatabase(owner=server.info(name), worker=worker)
    models_only = simulate(seed=1, models=options.models, battles=0)
    database = BixArenaDatabase.create(
        server, name, simulation=models_only, worker_password=PASSWORD
    )
    with database.owner.connect() as connection, _phase(figures, "filling_seconds"):
        _fill(connection, models=options.models, battles=options.battles)
    return database


def _row_by_row(database: BixArenaDatabase, rounds: int) -> dict[str, Any]:
    """Do the same work in the usual way: ship each vote, fit each replicate by itself.

    The fit is the worker's own; what is measured is the way, not the optimiser. All 1000
    replicates would take hours, so the time of a few is scaled up.
    """
    figures: dict[str, Any] = {"shipping_seconds": 0.0, "replicate_seconds": 0.0}
    rng = np.random.default_rng(0)
    options = RankingOptions(num_bootstrap=0)
    with database.owner.connect() as connection:
        models = [
            str(row[0]) for row in connection.execute("SELECT id FROM api.model ORDER BY id")
        ]
        slugs = [str(row[0]) for row in connection.execute("SELECT slug FROM api.leaderboard")]
    for slug in slugs:
        started = time.perf_counter()
        votes = _shipped(database, slug, models)
        shipped = time.perf_counter()
        for _ in range(rounds):
            drawn = votes[rng.integers(len(votes), size=len(votes))]
            counts = VoteCounts.from_arrays(
                models, model_a=drawn[:, 0], model_b=drawn[:, 1], outcome=drawn[:, 2]
            )
            rank(counts, options)
        figures["shipping_seconds"] += shipped - started
        figures["replicate_seconds"] += (time.perf_counter() - shipped) / rounds
    figures["seconds_for_1000"] = round(
        figures["shipping_seconds"] + 1000 * figures["replicate_seconds"]
    )
    return figures


def _shipped(database: BixArenaDatabase, slug: str, models: list[str]) -> NDArray[np.int16]:
    number = {model: index for index, model in enumerate(models)}
    outcome = {"model1": 0, "model2": 1, "tie": 2}
    parts: list[NDArray[np.int16]] = []
    with (
        database.owner.connect() as connection,
        connection.transaction(),
        connection.cursor("votes") as cursor,
    ):
        cursor.execute(_VOTES, {"slug": slug})
        while rows := cursor.fetchmany(100_000):
            part = [(number[a], number[b], outcome[verdict]) for a, b, verdict in rows]
            parts.append(np.array(part, dtype=np.int16))
    return np.concatenate(parts)


def run_worker(database: BixArenaDatabase, **variables: str) -> dict[str, Any]:
    """Run the worker as a process of its own, through a relay that counts bytes.

    Args:
        database: What it works on.
        variables: More of its settings.
    """
    with Relay.to(database.worker.port) as relay:
        environment = {
            "PATH": os.environ["PATH"],
            "OPENBLAS_NUM_THREADS": "1",
            **database.worker.environment,
            "POSTGRES_PORT": str(relay.port),
            "MAX_RUNTIME_SECONDS": "7200",
            **variables,
        }
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bixarena_constructs.worker"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds = time.perf_counter() - started
    events = [json.loads(line) for line in done.stdout.splitlines()]

    def total(*names: str) -> float:
        seconds = (float(each["seconds"]) for each in events if each["event"] in names)
        return round(sum(seconds), 2)

    return {
        "seconds": round(seconds, 2),
        "counting_seconds": total("votes_counted"),
        "ranking_seconds": total("board_ranked"),
        "writing_seconds": total("board_published"),
        # Of the largest child so far: the server's processes are not ours to wait for.
        "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "read_mb": round(relay.received / 1e6, 1),
        "votes": next(each["votes"] for each in events if each["event"] == "votes_counted"),
        "published": events[-1]["snapshots_published"],
    }


def _plan(connection: psycopg.Connection) -> list[str]:
    slugs = [row[0] for row in connection.execute("SELECT slug FROM api.leaderboard").fetchall()]
    statement = b"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) " + query("counts_by_pair")
    return [row[0] for row in connection.execute(statement, {"slugs": slugs}).fetchall()]


def main() -> None:
    """Fill, run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--battles", type=int, default=1_000_000)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="keep the database there for a next time")
    parser.add_argument("--intervals", default="auto", help="INTERVALS of the worker")
    parser.add_argument("--plan", action="store_true", help="show how the votes are counted")
    parser.add_argument(
        "--row-by-row", type=int, metavar="N", help="compare, from N replicates of each board"
    )
    options = parser.parse_args()
    figures: dict[str, Any] = {"battles": options.battles, "models": options.models}
    with PostgresServer.start(folder=options.folder, settings=SERVER) as server:
        name = f"load_{options.battles}_{options.models}"
        database = _database(server, name, figures, options)
        with database.owner.connect() as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            figures["database_mb"] = 0 if row is None else round(row[0] / 1e6)
            connection.execute("DELETE FROM api.leaderboard_snapshot")
            if options.plan:
                print("\n".join(_plan(connection)))
        figures["worker"] = run_worker(database, INTERVALS=options.intervals)
        if options.row_by_row:
            figures["row_by_row"] = _row_by_row(database, options.row_by_row)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
