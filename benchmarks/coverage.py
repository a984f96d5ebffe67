"""How often do 95 % intervals hold the truth? Seeded simulations of 80 kinds of boards.

    python -m benchmarks.coverage            # the methods that are offered
    python -m benchmarks.coverage --methods "profile likelihood" --boards 100 --results tried.csv

Every board has as many fresh strengths as models, drawn with a standard deviation of 100 Elo, and
votes with the probabilities of Bradley and Terry. A cell is a number of models and of votes, pairs
equally likely or by popularity, without ties or with 15 % between equals. Each voter casts about
five votes, and has no taste of their own (`voters` has the boards on which they do). Truth and
scores are centred on the models that count: all that took part, or those that are listed.

Each cell is written to `coverage.csv` as soon as it ends, and is not simulated again: remove its
rows to repeat it. The tables of docs/ranking.md are written from that file.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import astuple, dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from benchmarks.boards import Arena
from benchmarks.interval_methods import METHODS, OFFERED, known

from bixarena_constructs.worker.ranking.board import fit_board

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking import VoteCounts
    from bixarena_constructs.worker.ranking.intervals import Evidence

MODELS: Final = (5, 10, 20, 40)
VOTES: Final = (30, 60, 100, 300, 1000)
POPULARITY: Final = (0.0, 0.7)
TIES: Final = (0.0, 0.15)
SCOPES: Final = {"all": 0, "listed": 10}
"""The votes that a model needs, by name."""
VOTES_OF_A_VOTER: Final = 5
RESULTS: Final = Path(__file__).with_name("coverage.csv")
PAGE: Final = Path(__file__).parents[1] / "docs" / "ranking.md"

Result: TypeAlias = dict[str, Any]
"""A row of the file: texts for method and scope, else numbers."""

# A cell is simulated until each of its coverages has this standard error, or for want of boards
# on which two models are listed at all.
_STANDARD_ERROR: Final = 0.005
_BOARDS_AT_A_TIME: Final = 200
_MOST_BOARDS: Final = 3000
_ENOUGH_BOARDS: Final = 50


@dataclass
class Tally:
    """What a method did over the boards of a cell, in one scope."""

    covered: list[float] = field(default_factory=list)
    placed: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    place_widths: list[float] = field(default_factory=list)
    one_sided: list[bool] = field(default_factory=list)
    narrowest: float = np.inf

    def add(
        self, evidence: Evidence, truth: NDArray[np.float64], one_sided: NDArray[np.bool_]
    ) -> None:
        """Add a board."""
        lower, upper = known(evidence.lower), known(evidence.upper)
        truth = 1000 + truth - truth.mean()
        inside = (lower <= truth) & (truth <= upper)
        self.covered.append(float(inside.mean()))
        self.widths.append(float((upper - lower).mean()))
        self.narrowest = min(self.narrowest, float((upper - lower).min()))
        self.one_sided += inside[one_sided].tolist()
        if evidence.rank_lower is not None and evidence.rank_upper is not None:
            place = 1 + (truth > truth[:, np.newaxis]).sum(axis=1)
            held = (evidence.rank_lower <= place) & (place <= evidence.rank_upper)
            self.placed.append(float(held.mean()))
            self.place_widths.append(float((evidence.rank_upper - evidence.rank_lower).mean()))

    @property
    def is_precise(self) -> bool:
        """Whether the standard errors are small enough."""
        return all(_error(each) <= _STANDARD_ERROR for each in (self.covered, self.placed) if each)


@dataclass(frozen=True)
class Cell:
    """A kind of board."""

    models: int
    votes: int
    popularity: float
    ties: float

    def measure(self, methods: Sequence[str], most: int) -> dict[tuple[str, str], Tally]:
        """Simulate boards; return the tallies by method and scope."""
        tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
        for seed in range(most):
            enough = tallies and all(tally.is_precise for tally in tallies.values())
            if seed % _BOARDS_AT_A_TIME == 0 and seed and enough:
                break
            arena = Arena(
                models=self.models,
                votes=self.votes,
                seed=seed,
                popularity_exponent=self.popularity,
                tie_share=self.ties,
            )
            _measure(arena, methods, tallies)
        return dict(tallies)


def _measure(arena: Arena, methods: Sequence[str], tallies: dict[tuple[str, str], Tally]) -> None:
    """Add one board to the tallies."""
    votes = arena.cast().counted(voters=arena.votes // VOTES_OF_A_VOTER)
    board = fit_board(votes, 0.5)
    present = [int(name.removeprefix("model-")) for name in votes.models]
    truth = arena.strengths()[present]
    one_sided = _one_sided(votes)
    for method in methods:
        evidence_of = METHODS[method](board, votes)
        for scope, least in SCOPES.items():
            listed = np.flatnonzero(votes.votes_by_model >= least)
            if len(listed) > 1:
                tallies[method, scope].add(evidence_of(listed), truth[listed], one_sided[listed])


def _one_sided(votes: VoteCounts) -> NDArray[np.bool_]:
    """Mark the models that took all or none of their points; shape ``(models,)``."""
    points = np.zeros(len(votes.models))
    np.add.at(points, votes.first, votes.wins_first + votes.ties / 2)
    np.add.at(points, votes.second, votes.wins_second + votes.ties / 2)
    marked: NDArray[np.bool_] = (points == 0) | (points == votes.votes_by_model)
    return marked


def _error(shares: Sequence[float]) -> float:
    return float(np.std(shares) / len(shares) ** 0.5)


def _mean(shares: Sequence[float]) -> float:
    return float(np.mean(shares)) if shares else float("nan")


def results_of(
    cell: Cell, tallies: dict[tuple[str, str], Tally]
) -> Iterator[dict[str, str | float]]:
    """Sum up what the methods did in a cell: a row for each method and scope."""
    for (method, scope), tally in tallies.items():
        yield {
            "models": cell.models,
            "votes": cell.votes,
            "popularity": cell.popularity,
            "ties": cell.ties,
            "method": method,
            "scope": scope,
            "boards": len(tally.covered),
            "scores": round(_mean(tally.covered), 4),
            "scores_error": round(_error(tally.covered), 4),
            "places": round(_mean(tally.placed), 4),
            "places_error": round(_error(tally.placed), 4) if tally.placed else math.nan,
            "one_sided": round(_mean(tally.one_sided), 4),
            "one_sided_models": len(tally.one_sided),
            "width": round(_mean(tally.widths), 1),
            "places_wide": round(_mean(tally.place_widths), 2),
            "least_width": round(tally.narrowest, 1),
        }


def read_results(path: Path = RESULTS) -> list[Result]:
    """Read what was measured."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {
                name: text if name in ("method", "scope") else float(text)
                for name, text in row.items()
            }
            for row in csv.DictReader(file)
        ]


def methods_table(results: Sequence[Result]) -> str:
    """Sum up the cells of each method and scope, as a Markdown table."""
    lines = [
        (
            "| | scores: least | mean | places: least | mean | undefeated, winless "
            "| width | least | places |"
        ),
        "|---" + "|---:" * 8 + "|",
    ]
    for method, scope in dict.fromkeys((row["method"], row["scope"]) for row in results):
        cells = [row for row in results if (row["method"], row["scope"]) == (method, scope)]
        # Few boards say little about a cell: those on which two of 40 models are listed, say.
        counted = [row for row in cells if row["boards"] >= _ENOUGH_BOARDS]
        one_sided = sum(row["one_sided_models"] for row in cells)
        held = np.nansum([row["one_sided"] * row["one_sided_models"] for row in cells])
        lines.append(
            f"| `{method}`, {scope} "
            f"| {min(row['scores'] for row in counted):.3f} | {_mean_of('scores', counted):.3f} "
            f"| {min(row['places'] for row in counted):.3f} | {_mean_of('places', counted):.3f} "
            f"| {held / one_sided:.3f} | {_mean_of('width', cells):.0f} "
            f"| {min(row['least_width'] for row in cells):.0f} "
            f"| {_mean_of('places_wide', cells):.1f} |"
        )
    return "\n".join(lines)


def sizes_table(results: Sequence[Result], method: str = "wald", scope: str = "all") -> str:
    """Show a method by size, as a Markdown table: the worst of four kinds of boards."""
    sizes = [f" {votes} |" for votes in VOTES]
    lines = [f"| {scope} models, votes |{''.join(sizes)}", "|---" + "|---:" * len(VOTES) + "|"]
    for models in MODELS:
        line = f"| {models} |"
        for votes in VOTES:
            kinds = [
                row
                for row in results
                if (row["method"], row["scope"]) == (method, scope)
                and (row["models"], row["votes"]) == (models, votes)
            ]
            worst = (min(row[what] for row in kinds) for what in ("scores", "places"))
            line += f" {' / '.join(f'{share:.3f}' for share in worst)} / "
            line += f"{_mean_of('width', kinds):.0f} |"
        lines.append(line)
    return "\n".join(lines)


def with_tables(page: str, results: Sequence[Result]) -> str:
    """Replace the tables of a page that have the same headings."""
    for table in (methods_table(results), sizes_table(results)):
        heading = re.escape(table.partition("\n")[0])
        page = re.sub(rf"^{heading}\n(\|.*\n)+", f"{table}\n", page, flags=re.MULTILINE)
    return page


def _mean_of(what: str, rows: Sequence[Result]) -> float:
    return float(np.mean([row[what] for row in rows]))


def main() -> None:
    """Simulate every cell that is not in the file, smallest first, and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=OFFERED)
    parser.add_argument("--boards", type=int, default=_MOST_BOARDS, help="at most, of a cell")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    known = {_cell_and_method(row) for row in read_results(options.results)}
    work = [
        (cell, [method for method in options.methods if (*astuple(cell), method) not in known])
        for cell in (Cell(m, n, p, t) for n, m, p, t in product(VOTES, MODELS, POPULARITY, TIES))
    ]
    with ProcessPoolExecutor(options.processes) as pool:
        running = {
            pool.submit(cell.measure, methods, options.boards): cell
            for cell, methods in work
            if methods
        }
        for done in as_completed(running):
            _append(options.results, list(results_of(running[done], done.result())))
    results = read_results(options.results)
    print(f"{methods_table(results)}\n\n{sizes_table(results)}")
    if options.results == RESULTS:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


def _cell_and_method(row: Result) -> tuple[object, ...]:
    return row["models"], row["votes"], row["popularity"], row["ties"], row["method"]


def _append(path: Path, rows: Sequence[dict[str, str | float]]) -> None:
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
