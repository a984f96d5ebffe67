"""How often does the 95 % interval of a newcomer hold the truth, and does it widen the others?

    python -m benchmarks.newcomer

Ten models with a thousand votes, and an eleventh with a few, each against one of them at random.
"""

from __future__ import annotations

import math
import sys
from typing import Final

import numpy as np
from benchmarks.interval_methods import METHODS, OFFERED, known

from bixarena_constructs.worker.ranking import VoteCounts
from bixarena_constructs.worker.ranking.board import fit_board

_ELO: Final = 400 / math.log(10)
_OTHERS: Final = 10
_VOTES: Final = 1000
_NEWCOMERS_VOTES: Final = (1, 3, 10, 30)
_VOTERS: Final = 200


def _board(rng: np.random.Generator, votes_of_newcomer: int) -> tuple[VoteCounts, np.ndarray]:
    strength = rng.normal(0, 100 / _ELO, _OTHERS + 1)
    one = rng.integers(_OTHERS, size=_VOTES)
    other = (one + rng.integers(1, _OTHERS, size=_VOTES)) % _OTHERS
    side_a = np.append(one, np.full(votes_of_newcomer, _OTHERS))
    side_b = np.append(other, rng.integers(_OTHERS, size=votes_of_newcomer))
    win = 1 / (1 + np.exp(strength[side_b] - strength[side_a]))
    votes = VoteCounts.from_arrays(
        [f"model-{number:02}" for number in range(_OTHERS + 1)],
        model_a=side_a,
        model_b=side_b,
        outcome=np.where(rng.random(len(win)) < win, 0, 1),
        voter=np.arange(len(win)) % _VOTERS,
    )
    return votes, _ELO * strength


def main(boards: int) -> None:
    """Simulate and print a Markdown table."""
    print(
        f"{boards} boards: coverage / mean width; the newcomer, then the others\n\n"
        f"| votes of the newcomer | {' | '.join(f'`{method}`' for method in OFFERED)} |\n"
        f"|---:{'|---:' * len(OFFERED)}|"
    )
    everybody = np.arange(_OTHERS + 1)
    for number in _NEWCOMERS_VOTES:
        line = f"| {number} |"
        for method in OFFERED:
            inside, widths = [], []
            for seed in range(boards):
                votes, truth = _board(np.random.default_rng([seed, number]), number)
                evidence = METHODS[method](fit_board(votes, 0.5), votes)(everybody)
                lower, upper = known(evidence.lower), known(evidence.upper)
                centred = 1000 + truth - truth.mean()
                inside.append((lower <= centred) & (centred <= upper))
                widths.append(upper - lower)
            held, width = np.mean(inside, axis=0), np.mean(widths, axis=0)
            line += f" {held[-1]:.3f} / {width[-1]:.0f}; "
            line += f"{held[:-1].mean():.3f} / {width[:-1].mean():.0f} |"
        print(line, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
