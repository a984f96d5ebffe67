"""A ranking as one self-contained HTML page: no script, no request to anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bixarena_constructs.cli.rank.board_formats import notes_on
from bixarena_constructs.cli.rank.plot import Plot
from bixarena_constructs.cli.rank.templates import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bixarena_constructs.cli.rank.board_formats import Board, Reading
    from bixarena_constructs.worker.ranking import Ranking, VoteCounts

__all__ = ["to_html"]

_METHODS = {
    "wald": "normal intervals from the variance that the fit expects of the votes",
    "voter": "normal intervals that allow for votes of one voter being alike",
    "percentile": "percentiles of a bootstrap that resamples votes",
    "sandwich": "normal intervals from the squared residuals of the votes",
}


class _Cell(NamedTuple):
    """A cell of a matrix; `share` is how strongly it is shaded, from 0 to 1."""

    text: str
    share: float


class _Matrix(NamedTuple):
    """A table of all pairs of listed models, in rank order; the diagonal has no cells."""

    id: str
    heading: str
    caption: str
    rows: list[list[_Cell | None]]


def to_html(board: Board, reading: Reading) -> str:
    """Write the report.

    Args:
        board: What is reported.
        reading: How the votes were read.
    """
    votes, ranking = board.votes, board.ranking
    return render(
        "report.html",
        title=f"Leaderboard of {len(ranking.entries)} models",
        ranking=ranking,
        plot=Plot.of(ranking),
        matrices=list(_matrices(votes, ranking)),
        notes=notes_on(board) + reading.sentences(),
        method=_method(ranking),
    )


def _matrices(votes: VoteCounts, ranking: Ranking) -> Iterator[_Matrix]:
    battles, points = _listed(votes, ranking)
    met = battles > 0
    rates = np.divide(points, battles, out=np.zeros_like(points), where=met)
    yield _Matrix(
        "wins",
        "Win rates",
        "Points the row's model took from the column's, a tie being half of one.",
        _rows(rates, ".0%", shown=met),
    )
    yield _Matrix(
        "battles",
        "Battles",
        "Votes on each pair.",
        _rows(battles, ".0f", most=battles.max() or 1.0),
    )
    if ranking.above is not None:
        yield _Matrix(
            "above",
            "Which model is above which",
            "Probability that the row's model is above the column's, compared in each round.",
            _rows(ranking.above, ".0%"),
        )


def _rows(
    values: NDArray[np.float64],
    number_format: str,
    *,
    most: float = 1.0,
    shown: NDArray[np.bool_] | None = None,
) -> list[list[_Cell | None]]:
    """Write a square matrix as cells.

    Args:
        values: Shape (models, models), in rank order.
        number_format: How a value is written.
        most: The value of the strongest shade.
        shown: Shape (models, models): which values are written. Default: - all.
    """
    return [
        [
            None
            if row == column
            else _Cell(
                format(value, number_format) if shown is None or shown[row, column] else "",
                value / most,
            )
            for column, value in enumerate(line)
        ]
        for row, line in enumerate(values.tolist())
    ]


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


def _method(ranking: Ranking) -> dict[str, str]:
    options = ranking.options
    return {
        "Scores": "Bradley-Terry, a tie being half a win for each",
        "Prior": f"{options.prior_battles:g} virtual battles of each model against an average one",
        "Intervals": _METHODS[ranking.interval_method],
        "Rounds": f"{options.num_bootstrap}",
        "Seed": f"{options.seed}",
        "Votes to be listed": f"{options.min_evals}",
        "Ranks": "intervals wholly above" if options.significant else "scores",
    }
