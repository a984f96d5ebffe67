"""Run BixArena's worker and this one on BixArena's own migrated schema, and compare the boards.

    git clone --depth 1 https://github.com/Sage-Bionetworks/sage-monorepo checkout
    uv venv theirs && VIRTUAL_ENV=theirs uv pip install numpy scipy tqdm 'psycopg[binary]'
    python -m benchmarks.beside_bixarena checkout --python theirs/bin/python

Only reads the checkout: its Flyway migrations are applied to an embedded PostgreSQL, in Flyway's
order, with the rows for development and votes of our own. What should differ is in
docs/migration.md; with `--prior 0` scores agree as far as both optimisers converge.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bixarena_demo.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from bixarena_demo.postgres import ConnectionInfo

_THEIR_APPS = {"auth": "auth-service", "api": "api"}
_VOTES = """
CREATE TEMPORARY TABLE vote AS
SELECT gen_random_uuid() AS battle, gen_random_uuid() AS validation, gen_random_uuid() AS tagging,
       pair.first, pair.second, random() AS luck, number
FROM generate_series(1, %(votes)s) AS number
CROSS JOIN LATERAL (
    SELECT model.id AS first, other.id AS second
    FROM api.model, api.model AS other
    WHERE model.id <> other.id AND number > 0
    ORDER BY random()
    LIMIT 1
) AS pair;
INSERT INTO api.battle (id, user_id, model1_id, model2_id, ended_at)
SELECT battle, md5((number %% 50)::text)::uuid, first, second, now() FROM vote;
INSERT INTO api.battle_evaluation (battle_id, outcome)
SELECT battle, CASE
    WHEN luck < .2 THEN 'tie'
    WHEN (luck < .7) = (first < second) THEN 'model1'
    ELSE 'model2' END
FROM vote;
INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical)
SELECT validation, battle, 'benchmark', 1, number %% 10 <> 0 FROM vote;
INSERT INTO api.battle_categorization (id, battle_id, method, status)
SELECT tagging, battle, 'benchmark', 'matched' FROM vote;
INSERT INTO api.battle_categorization_category (categorization_id, category)
SELECT tagging, board.slug
FROM vote
JOIN (SELECT slug, row_number() OVER (ORDER BY slug) AS place FROM api.leaderboard
      WHERE slug <> 'overall') AS board ON board.place = 1 + vote.number %% 5;
UPDATE api.battle SET effective_validation_id = validation, effective_categorization_id = tagging
FROM vote WHERE vote.battle = battle.id;
"""
_BOARDS = """
SELECT board.slug, entry.model_id::text, entry.bt_score::float8, entry.bootstrap_q025::float8,
       entry.bootstrap_q975::float8, entry.vote_count, entry.rank, snapshot.description
FROM api.leaderboard_snapshot AS snapshot
JOIN api.leaderboard AS board ON board.id = snapshot.leaderboard_id
JOIN api.leaderboard_entry AS entry ON entry.snapshot_id = snapshot.id
WHERE snapshot.snapshot_identifier <> ALL (%s)
"""


def _migrations(checkout: Path, app: str) -> list[Path]:
    folder = checkout / "apps/bixarena" / app / "src/main/resources/db/migration"
    found = [*folder.glob("common/V*.sql"), *folder.glob("dev/V*.sql")]
    if not found:
        sys.exit(f"{folder} has no V*.sql; the first argument must be a checkout of sage-monorepo")
    return sorted(found, key=lambda path: int(re.findall(r"V(\d+)__", path.name)[0]))


def _migrate(connection: psycopg.Connection, checkout: Path) -> None:
    for schema, app in _THEIR_APPS.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
        connection.execute(f"SET search_path = {schema}, public".encode())
        for path in _migrations(checkout, app):
            connection.execute(path.read_bytes())
    connection.execute("SET search_path = public")


def _identifiers(info: ConnectionInfo) -> list[str]:
    with info.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT snapshot_identifier FROM api.leaderboard_snapshot"
        ).fetchall()
    return [identifier for (identifier,) in rows]


def _ranked(
    command: list[str], info: ConnectionInfo, variables: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Run a worker, and return its boards: slug to model to the rest of the entry."""
    before = _identifiers(info)
    environment = {"PATH": os.environ["PATH"], **info.environment, **variables}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    print(f"exit code {done.returncode}: {' '.join(command[-2:])}")
    if done.returncode != 0:
        print((done.stdout + done.stderr).splitlines()[-1][-500:])
    boards: dict[str, dict[str, Any]] = {}
    with info.connect() as connection:
        for slug, model, *rest in connection.execute(_BOARDS, [before]).fetchall():
            boards.setdefault(slug, {})[model] = rest
    return boards


def _compare(theirs: dict[str, dict[str, Any]], ours: dict[str, dict[str, Any]]) -> None:
    print(f"{'board':<28} models  same votes  same rank  largest difference of score, bounds")
    for slug in sorted(theirs.keys() | ours.keys()):
        if slug not in theirs or slug not in ours:
            print(f"{slug:<28} {'theirs' if slug in theirs else 'ours'} alone")
            continue
        left, right = theirs[slug], ours[slug]
        both = sorted(left.keys() & right.keys())
        largest = [max(abs(left[m][i] - right[m][i]) for m in both) for i in range(3)]
        same = [sum(left[m][i] == right[m][i] for m in both) for i in (3, 4, 5)]
        alone = len(left.keys() ^ right.keys())
        note = f"  {alone} models in one alone" if alone else ""
        note += "" if same[2] == len(both) else "  other descriptions"
        print(
            f"{slug:<28} {len(both):>6}  {same[0]:>10}  {same[1]:>9} "
            f" {largest[0]:.4f}  {largest[1]:.2f} {largest[2]:.2f}{note}"
        )


def main() -> None:
    """Migrate, vote, run both and print a line a board."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="of Sage-Bionetworks/sage-monorepo")
    parser.add_argument("--python", default=sys.executable, help="that has what theirs needs")
    parser.add_argument("--votes", type=int, default=3000)
    parser.add_argument("--prior", default="0.5", help="PRIOR_BATTLES of ours")
    parser.add_argument("--rounds", default="200", help="NUM_BOOTSTRAP of both")
    options = parser.parse_args()
    checkout = options.checkout.resolve()
    path = f"{checkout}/apps/bixarena/worker:{checkout}/libs/bixarena/leaderboard-python"
    with PostgresServer.start() as server:
        first = server.create_database("theirs")
        with first.connect() as connection:
            _migrate(connection, checkout)
            connection.execute("SELECT setseed(0.5)")
            # One statement at a time takes parameters.
            for statement in _VOTES.split(";\n"):
                if statement.strip():
                    values = {"votes": options.votes} if "%" in statement else None
                    connection.execute(statement.encode(), values)
        second = server.create_database("ours", template="theirs")
        their_command = [options.python, "-m", "leaderboard_snapshot.handler"]
        theirs = _ranked(
            their_command, first, {"PYTHONPATH": path, "NUM_BOOTSTRAP": options.rounds}
        )
        variables = {"INTERVALS": "percentile", "PRIOR_BATTLES": options.prior}
        our_command = [sys.executable, "-m", "bixarena_constructs.worker"]
        ours = _ranked(our_command, second, {"NUM_BOOTSTRAP": options.rounds, **variables})
        _compare(theirs, ours)


if __name__ == "__main__":
    main()
