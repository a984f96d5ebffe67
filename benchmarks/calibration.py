"""Do models stand above others as often as their probabilities say? Seeded simulations.

    python -m benchmarks.calibration [BOARDS]

Boards are those of `coverage`: 5 to 40 models, pairs equally likely or by popularity, without ties
or with 15 % between equals; strengths have a standard deviation of 100 Elo. Of the listed models,
every pair counts once, with the probability that the one with the higher score is above; and every
model, with its probability of being best. A line has a range of stated probabilities, and by votes
of the board their mean, then the share that came true.
"""

from __future__ import annotations

import sys
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final

import numpy as np
from benchmarks.boards import Arena
from benchmarks.coverage import MODELS, POPULARITY, TIES

from bixarena_constructs.worker.ranking import RankingOptions, rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VOTES: Final = (30, 100, 300, 1000)
_ABOVE: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_BEST: Final = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


def _outcomes(arena: Arena, options: RankingOptions) -> tuple[NDArray[np.float64], ...]:
    """Rank a board; return what was stated and what is true, of pairs and of first places."""
    votes = arena.cast().counted()
    if votes.num_listed(options.min_evals) < 2:  # noqa: PLR2004 - a comparison has two sides
        return (np.empty(0),) * 4
    ranking = rank(votes, options)
    numbers = [int(entry.model.removeprefix("model-")) for entry in ranking.entries]
    truth = arena.strengths()[numbers]
    first, second = np.triu_indices(len(truth), 1)
    best = np.array([entry.probability_best for entry in ranking.entries])
    return (
        np.asarray(ranking.above)[first, second],
        (truth[first] > truth[second]).astype(float),
        best,
        (truth == truth.max()).astype(float),
    )


def _measure(votes: int, boards: int) -> tuple[NDArray[np.float64], ...]:
    options = RankingOptions(num_bootstrap=500, interval_method="wald", threads=1)
    found = [
        _outcomes(
            Arena(
                models=models,
                votes=votes,
                seed=seed,
                popularity_exponent=popularity,
                tie_share=ties,
            ),
            options,
        )
        for models, popularity, ties in product(MODELS, POPULARITY, TIES)
        for seed in range(boards)
    ]
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def _line(low: float, high: float, columns: list[tuple[NDArray[np.float64], ...]]) -> str:
    cells = []
    for stated, held in columns:
        within = (stated >= low) & ((stated < high) | (high == 1))
        share = f"{stated[within].mean():.2f}: {held[within].mean():.2f}" if within.any() else ""
        cells.append(share)
    return f"| {low:g} to {high:g} | {' | '.join(cells)} |"


def main(boards: int) -> None:
    """Simulate, and print a Markdown table for pairs and one for first places."""
    measured = [_measure(votes, boards) for votes in _VOTES]
    for heading, part, edges in (("above", 0, _ABOVE), ("probability_best", 2, _BEST)):
        print(f"| `{heading}` | {' | '.join(f'{votes} votes' for votes in _VOTES)} |")
        print(f"|---{'|---:' * len(_VOTES)}|")
        columns = [each[part : part + 2] for each in measured]
        for low, high in pairwise(edges):
            print(_line(low, high, columns))
        print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
