"""Measure this package's ranking on one file of votes; a process of its own shows its memory.

``python -m benchmarks.ours VOTES.npz ROUNDS FORM THREADS``; FORM is ``arrays``, ``records`` or
``csv``.
"""

from __future__ import annotations

import sys
from collections import Counter
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.measuring import measure
from benchmarks.peers import records_of

from bixarena_constructs.cli.rank.counting import counting
from bixarena_constructs.cli.rank.wanted import Wanted
from bixarena_constructs.worker.ranking import RankingOptions, VoteCounts, rank

if TYPE_CHECKING:
    from collections.abc import Callable


def _read(path: Path) -> VoteCounts:
    with counting([str(path)], Wanted(), memory_limit="1GB") as votes:
        return votes.of(None)


def counter_of(path: Path, form: str) -> Callable[[], VoteCounts]:
    """Prepare the input, and return what counts it."""
    if form == "csv":
        return lambda: _read(path.with_suffix(".csv"))
    votes = dict(np.load(path))
    if form == "records":
        records = records_of(votes)
        columns = itemgetter("model_a", "model_b", "winner")
        return lambda: VoteCounts.from_cells(
            (*cell, count) for cell, count in Counter(map(columns, records)).items()
        )
    models = votes.pop("models").tolist()
    return lambda: VoteCounts.from_arrays(models, **votes)


def main() -> None:
    """Measure."""
    path, rounds, form, threads = sys.argv[1:]
    count = counter_of(Path(path), form)
    # As the peers do it: the default needs no rounds.
    options = RankingOptions(
        interval_method="percentile", num_bootstrap=int(rounds), threads=int(threads)
    )
    measure(lambda: rank(count(), options), repeat=3)


if __name__ == "__main__":
    main()
