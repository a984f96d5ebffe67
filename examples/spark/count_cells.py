"""Counts votes in Parquet files with Spark, into cells for ``bixarena rank --cells``.

spark-submit count_cells.py s3a://bucket/votes/ s3a://bucket/cells/
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession


def main(votes: str, cells: str) -> None:
    """Count votes.

    Args:
        votes: Parquet files with the columns that ``cells.sql`` names.
        cells: A folder that does not exist yet; the cells become Parquet files in it.
    """
    statement = Path(__file__).with_name("cells.sql").read_text(encoding="utf-8")
    with SparkSession.builder.appName("bixarena-cells").getOrCreate() as spark:
        spark.read.parquet(votes).createOrReplaceTempView("votes")
        spark.sql(statement).write.parquet(cells)


if __name__ == "__main__":
    main(*sys.argv[1:])
