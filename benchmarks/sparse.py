"""Measure boards of many models with few votes each, where the fit is what takes time.

``python -m benchmarks.sparse`` prints processor seconds, and the ratio to factorising a matrix for
each round, which is what the ranking does without `truncated_newton`.
"""

from __future__ import annotations

import os
import time
from typing import Final
from unittest import mock

import numpy as np
from benchmarks.boards import Arena

from bixarena_constructs.worker.ranking import RankingOptions, VoteCounts, rank
from bixarena_constructs.worker.ranking import fit as fitting

SIZES: Final = ((60, 8), (200, 8), (200, 60), (600, 8), (2000, 8))
# Rounds of 600 models and more take a matrix each; too few of them is left to say a ratio.
FACTORISED_UP_TO: Final = 600


def seconds(votes: VoteCounts, rounds: int) -> tuple[float, list[float]]:
    """Rank, and return processor seconds and the upper bounds."""
    options = RankingOptions(
        interval_method="percentile", num_bootstrap=rounds, threads=1, min_evals=0
    )
    start = time.process_time()
    entries = rank(votes, options).entries
    taken = time.process_time() - start
    return taken, [entry.upper or 0.0 for entry in entries]


def main() -> None:
    """Print a line for each size."""
    print(
        print("| models x votes | 1000 rounds | 1 round | times faster, 50 rounds | Elo apart |")
    )
    for models, each in SIZES:
        votes = Arena(models=models, votes=models * each // 2).cast().counted()
        whole, _ = seconds(votes, 1000)
        single, _ = seconds(votes, 1)
        few, bounds = seconds(votes, 50)
        ratio, apart = "-", "-"
        if models <= FACTORISED_UP_TO:
            with mock.patch.object(fitting, "truncated_newton", lambda _, theta: theta):
                factorised, others = seconds(votes, 50)
            ratio = f"{factorised / few:.1f}"
            apart = f"{np.abs(np.subtract(bounds, others)).max():.0e}"
        print(
            f"| {models} x {each} | {whole:.2f} | {single:.2f} | {ratio} | {apart} |", flush=True
        )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
