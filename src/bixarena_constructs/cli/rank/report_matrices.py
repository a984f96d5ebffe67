"""Matrices of the report: who met whom how often, and who won."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking import Ranking, VoteCounts

__all__ = ["above_matrix", "battle_matrix", "win_rate_matrix"]


def battle_matrix(votes: VoteCounts, ranking: Ranking) -> str:
    """Tabulate how many votes each pair of listed models has."""
    battles, _ = _listed(votes, ranking)
    most = battles.max() or 1
    return _table(
        ranking,
        "Votes on each pair.",
        lambda row, column: (f"{battles[row, column]:.0f}", battles[row, column] / most),
    )


def win_rate_matrix(votes: VoteCounts, ranking: Ranking) -> str:
    """Tabulate the share of points that the row's model took from the column's."""
    battles, points = _listed(votes, ranking)

    def cell(row: int, column: int) -> tuple[str, float]:
        if not battles[row, column]:
            return "", 0.0
        rate = points[row, column] / battles[row, column]
        return f"{rate:.0%}", rate

    return _table(
        ranking, "Points the row's model took from the column's, a tie being half of one.", cell
    )


def above_matrix(ranking: Ranking) -> str:
    """Tabulate how probably the row's model is better; nothing without replicates."""
    above = ranking.above
    if above is None:
        return ""
    table = _table(
        ranking,
        "Probability that the row's model is above the column's, compared in each round.",
        lambda row, column: (f"{above[row, column]:.0%}", float(above[row, column])),
    )
    return (
        '<section aria-labelledby="above">\n<h2 id="above">Who is above whom</h2>\n'
        f"{table}\n</section>"
    )


def _listed(
    votes: VoteCounts, ranking: Ranking
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrange battles and the row's points by listed models, in rank order."""
    models = len(votes.models)
    battles, points = np.zeros((models, models)), np.zeros((models, models))
    battles[votes.first, votes.second] = battles[votes.second, votes.first] = votes.battles
    points[votes.first, votes.second] = votes.wins_first + 0.5 * votes.ties
    points[votes.second, votes.first] = votes.wins_second + 0.5 * votes.ties
    position = {model: number for number, model in enumerate(votes.models)}
    order = np.array([position[entry.model] for entry in ranking.entries])
    return battles[order[:, np.newaxis], order], points[order[:, np.newaxis], order]


def _table(ranking: Ranking, caption: str, cell: Callable[[int, int], tuple[str, float]]) -> str:
    """Write a square table; `cell` gives a text and how strongly it is shaded, from 0 to 1."""
    names = [escape(entry.model) for entry in ranking.entries]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = []
    for row, name in enumerate(names):
        cells = "".join(
            "<td></td>" if row == column else _cell(*cell(row, column))
            for column in range(len(names))
        )
        rows.append(f'<tr><th scope="row" class="name">{name}</th>{cells}</tr>')
    body = "\n".join(rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">\n'
        f'<table class="matrix">\n<caption><span>{escape(caption)}</span></caption>\n'
        f'<thead><tr><th scope="col" class="name">Model</th>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(text: str, share: float) -> str:
    return f'<td style="--share:{60 * share:.0f}%">{text}</td>'
