"""Measure the ranking beside its peers, in one run on one machine.

``python -m benchmarks.ranking [SIZES]``, or ``make bench``, prints the tables of README.md. Every
measurement is a process of its own, with one BLAS thread.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from benchmarks.boards import BOARDS, Arena
from benchmarks.peers import OUTCOMES

from bixarena_constructs.worker.ranking import RankingOptions, VoteCounts, rank

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).parent
PEERS_PYTHON: Final = HERE.parent / ".bench" / "bin" / "python"
ROUNDS: Final = 1000
# Peers are timed on so many rounds and scaled to 1000; where 0, they take too long or too much
# memory to be asked.
PEER_ROUNDS: Final = {
    "reference": {"S": 500, "M": 200, "L": 50, "XL": 20},
    "evalica": {"S": 50, "M": 2, "L": 0, "XL": 0},
    "arenakit": {"S": 500, "M": 200, "L": 50, "XL": 0},
    "arena-rank": {"S": 1, "M": 1, "L": 1, "XL": 1},
}
Measured = tuple[float, float, float]


def measured(*command: str | Path) -> Measured:
    """Run a measurement, and return its seconds, seconds of processor time, and MiB."""
    done = subprocess.run(
        [str(word) for word in command],
        check=True,
        capture_output=True,
        text=True,
        cwd=HERE.parent,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["processor"], found["mib"]


def ours(path: Path, form: str, threads: int, *, rounds: int = ROUNDS) -> Measured:
    """Measure this package."""
    return measured(sys.executable, "-m", "benchmarks.ours", path, str(rounds), form, str(threads))


def peer(name: str, path: Path, size: str, form: str = "records") -> Measured | None:
    """Measure a peer, if it is asked for this size."""
    rounds = PEER_ROUNDS[name][size]
    if not rounds:
        return None
    return measured(PEERS_PYTHON, "-m", "benchmarks.peers", name, path, str(rounds), form)


def write_votes(arena: Arena, folder: Path) -> Path:
    """Write the votes as arrays and as CSV."""
    votes = arena.cast()
    path = folder / "votes.npz"
    np.savez(
        path,
        models=np.array(votes.models),
        model_a=votes.model_a,
        model_b=votes.model_b,
        outcome=votes.outcome,
    )
    names = np.array(votes.models)
    columns = (names[votes.model_a], names[votes.model_b], OUTCOMES[votes.outcome])
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model_a", "model_b", "winner"])
        writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    return path


def limit(votes: VoteCounts) -> float:
    """Compute what one core needs at least, by its measured rates: see README.md."""
    rng = np.random.default_rng(0)
    numbers, matrix = np.empty(2**20), np.ones((1024, 1024))
    uniform = _shortest(lambda: rng.random(out=numbers)) / numbers.size
    flops = 2 * len(matrix) ** 3 / _shortest(lambda: matrix @ matrix)
    cells = sum(
        np.count_nonzero(each) for each in (votes.wins_first, votes.wins_second, votes.ties)
    )
    solves = 3 * len(votes.models) ** 3 / 3
    return float(ROUNDS * (cells * uniform + solves / flops))


def _shortest(call: Callable[[], object]) -> float:
    """Take the least processor time of ten calls: less disturbed by neighbours than a clock."""
    seconds = []
    for _ in range(10):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _cell(value: Measured | None) -> str:
    return "- | - | -" if value is None else f"{value[0]:.3g} | {value[1]:.3g} | {value[2]:.0f}"


def compare(size: str, path: Path) -> None:
    """Print one size's line of every table."""
    least = limit(BOARDS[size].cast().counted())
    own = {
        "arrays, 1 thread": ours(path, "arrays", 1),
        "arrays, 2 threads": ours(path, "arrays", 2),
        "records, 2 threads": ours(path, "records", 2),
        "CSV, 2 threads": ours(path, "csv", 2),
        "physical limit, 1 core": (least, least, 0.0),
    }
    peers = {
        "reference, arrays": peer("reference", path, size, "arrays"),
        "reference, records": peer("reference", path, size),
        "evalica": peer("evalica", path, size),
        "arenakit": peer("arenakit", path, size),
        "arena-rank, sandwich": peer("arena-rank", path, size),
    }
    for name, value in [*own.items(), *peers.items()]:
        print(f"| {size} | {name} | {_cell(value)} |", flush=True)
    for form in ("arrays", "records"):
        reference, found = peers[f"reference, {form}"], own[f"{form}, 2 threads"]
        if reference:
            ratios = f"{reference[0] / found[0]:.0f} | {reference[1] / found[1]:.0f}"
            print(f"| {size} | times faster than the reference, {form} | {ratios} |")
    ratios = (
        f"{own['arrays, 2 threads'][0] / least:.1f} | {own['arrays, 1 thread'][1] / least:.1f}"
    )
    print(f"| {size} | times the physical limit (2 threads, 1 thread) | {ratios} |", flush=True)


def growth() -> None:
    """Show that time grows with distinct cells, not with votes."""
    board = BOARDS["L"].cast().counted()
    counts = np.concatenate([board.wins_first, board.wins_second, board.ties])
    shares = (counts + 0.5) / (counts + 0.5).sum()
    for total in (10**6, 10**7, 10**8):
        drawn = np.random.default_rng(0).multinomial(total, shares)
        wins_first, wins_second, ties = drawn.reshape(3, -1)
        votes = VoteCounts(
            models=board.models,
            first=board.first,
            second=board.second,
            wins_first=wins_first,
            wins_second=wins_second,
            ties=ties,
        )
        for method in ("wald", "percentile"):
            call = partial(rank, votes, RankingOptions(interval_method=method, threads=1))
            print(f"| 100 models, {total:,} votes, {method} | {_shortest(call):.3f} |", flush=True)


def main(sizes: list[str]) -> None:
    """Measure everything."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = write_votes(BOARDS[size], Path(folder))
            compare(size, path)
            if size == "XL":
                many = _cell(ours(path, "arrays", 2, rounds=5000))
                print(f"| XL | arrays, 2 threads, 5000 rounds | {many} |")
    growth()


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main(sys.argv[1:] or list(BOARDS))
