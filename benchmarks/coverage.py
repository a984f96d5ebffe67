"""How often do 95 % intervals hold the truth? Seeded simulations of 80 kinds of boards.

    python -m benchmarks.coverage            # what is offered, and what was tried
    python -m benchmarks.coverage --methods wald --boards 400

Every board has as many fresh strengths as models, drawn with a standard deviation of 100 Elo, and
votes with the probabilities of Bradley and Terry. A cell is a number of models and of votes, pairs
equally likely or by popularity, without ties or with 15 % between equals. Truth and scores are
centred on the models that count: all that took part, or those that are listed.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from benchmarks.boards import Arena
from benchmarks.interval_methods import METHODS, known

from bixarena_constructs.worker.ranking.board import fit_board

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking import VoteCounts
    from bixarena_constructs.worker.ranking.intervals import Evidence

MODELS: Final = (5, 10, 20, 40)
VOTES: Final = (30, 60, 100, 300, 1000)
POPULARITY: Final = (0.0, 0.7)
TIES: Final = (0.0, 0.15)
SCOPES: Final = {"all": 0, "listed": 10}
"""The votes that a model needs, by name."""

# A cell is simulated until each of its coverages has this standard error, or for want of boards
# on which two models are listed at all.
_STANDARD_ERROR: Final = 0.005
_BOARDS_AT_A_TIME: Final = 200
_MOST_BOARDS: Final = 3000
# Fewer one-sided models than this say little about a cell.
_ENOUGH: Final = 200


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

    def __str__(self) -> str:
        pairs = "by popularity" if self.popularity else "equal"
        return f"{self.models} x {self.votes}, {pairs}, {self.ties:.0%} ties"

    def measure(self, methods: Sequence[str], most: int) -> dict[tuple[str, str], Tally]:
        """Simulate boards; the tallies by method and scope."""
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
    votes = arena.cast().counted()
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


def _row(tallies: Iterable[Tally]) -> str:
    """Sum up the cells of a method and scope."""
    cells = list(tallies)
    covered = [_mean(cell.covered) for cell in cells]
    placed = [_mean(cell.placed) for cell in cells if cell.placed]
    one_sided = [_mean(cell.one_sided) for cell in cells if len(cell.one_sided) >= _ENOUGH] or [
        float("nan")
    ]
    below = sum(share < 0.94 for share in covered + placed)  # noqa: PLR2004 - the rule's bound
    places = f"{min(placed):.3f} | {_mean(placed):.3f}" if placed else " | "
    return (
        f"{min(covered):.3f} | {_mean(covered):.3f} | {places} | {below} | {min(one_sided):.3f} | "
        f"{np.mean([_mean(cell.widths) for cell in cells]):.0f} | "
        f"{np.nanmean([_mean(cell.place_widths) for cell in cells]):.1f} | "
        f"{min(cell.narrowest for cell in cells):.1f}"
    )


def main() -> None:
    """Simulate every cell, smallest first, and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--boards", type=int, default=_MOST_BOARDS, help="at most, of a cell")
    parser.add_argument("--votes", nargs="+", type=int, default=VOTES)
    options = parser.parse_args()
    cells = [Cell(m, n, p, t) for n, m, p, t in product(options.votes, MODELS, POPULARITY, TIES)]
    found: dict[tuple[str, str], list[Tally]] = defaultdict(list)
    print(
        "cell | method, scope | boards | scores | places | one-sided (models) | mean width | "
        "places wide"
    )
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        work = [pool.submit(cell.measure, options.methods, options.boards) for cell in cells]
        for cell, done in zip(cells, work, strict=True):
            for (method, scope), tally in done.result().items():
                found[method, scope].append(tally)
                print(
                    f"{cell} | {method}, {scope} | {len(tally.covered)} | "
                    f"{_mean(tally.covered):.3f} ± {_error(tally.covered):.3f} | "
                    f"{_mean(tally.placed):.3f} | "
                    f"{_mean(tally.one_sided):.3f} ({len(tally.one_sided)}) | "
                    f"{_mean(tally.widths):.0f} | {_mean(tally.place_widths):.1f}",
                    flush=True,
                )
    print(
        "\n| method, models | scores: least | mean | places: least | mean | cells below .94 | "
        "one-sided: least | mean width | places wide | least width |\n|---" + "|---:" * 9 + "|"
    )
    for (method, scope), tallies in found.items():
        print(f"| {method}, {scope} | {_row(tallies)} |")


if __name__ == "__main__":
    main()
