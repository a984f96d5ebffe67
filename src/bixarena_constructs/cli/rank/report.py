"""A ranking as one self-contained HTML page: no script, no request to anywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from bixarena_constructs.cli.rank.board_formats import notes_on, places
from bixarena_constructs.cli.rank.plot import Plot
from bixarena_constructs.cli.rank.templates import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from bixarena_constructs.cli.rank.board_formats import Board, Reading
    from bixarena_constructs.worker.ranking import Ranking, VoteCounts

__all__ = ["to_html"]

_METHODS = {
    "wald": "normal intervals from the variance that the fit expects of the votes",
    "voter": "normal intervals that allow for similar votes of the same voter",
    "percentile": "percentiles of a bootstrap that resamples votes",
    "sandwich": "normal intervals from the squared residuals of the votes",
}

# Matrices of 300 models would be eight megabytes, and unreadable.
_MOST_MODELS: Final = 100


class _Cell(NamedTuple):
    """A cell of a matrix; `shade` is a class of colour, the stronger the higher its number."""

    text: str
    shade: str


class _Matrix(NamedTuple):
    """A table of all pairs of listed models, in rank order; the diagonal has no cells."""

    id: str
    heading: str
    caption: str
    rows: list[list[_Cell | None]]


def to_html(boards: Sequence[Board], reading: Reading, title: str | None = None) -> str:
    """Write the report.

    Args:
        boards: What is reported.
        reading: How the votes were read.
        title: Its heading. Default: - how many models there are, or boards.
    """
    models = max(len(board.ranking.entries) for board in boards)
    default = f"{len(boards)} leaderboards" if boards[1:] else f"Leaderboard of {models} models"
    return render(
        "report.html",
        title=title or default,
        made=f"{datetime.now(UTC):%d %B %Y}, from {', '.join(reading.files)}",
        boards=boards,
        places=places,
        plot_of=Plot.of,
        mean_of=_mean,
        matrices_of=_matrices,
        # So that as many columns fit a page.
        print_size=f"{max(2.0, min(8.0, 200 / min(models, _MOST_MODELS))):.1f}",
        notes=[note for board in boards for note in notes_on(board)] + reading.sentences(),
        method=_method([board.ranking for board in boards]) | {"Input": _input(reading)},
    )


def _mean(ranking: Ranking) -> str:
    scores = [entry.score for entry in ranking.entries]
    return f"{sum(scores) / len(scores):.0f}"


def _input(reading: Reading) -> str:
    columns = ", ".join(f"{role} from {column}" for role, column in reading.columns.items())
    return f"{', '.join(reading.files)}; {reading.rows} rows; {columns}"


def _matrices(board: Board) -> Iterator[_Matrix]:
    ranking = board.ranking
    battles, points = _listed(board.votes, ranking)
    met = battles > 0
    rates = np.divide(points, battles, out=np.full_like(points, 0.5), where=met)
    of_whom = ""
    if len(ranking.entries) > _MOST_MODELS:
        of_whom = f" Of the first {_MOST_MODELS} of {len(ranking.entries)} models."
    yield _Matrix(
        "wins",
        "Win rates",
        "Points the row's model took from the column's, a tie being half of one." + of_whom,
        _rows(rates, "{:.0%}", neutral=0.5, shown=met),
    )
    yield _Matrix(
        "battles",
        "Battles",
        "Votes on each pair." + of_whom,
        _rows(battles / (battles.max() or 1.0), "{:.0f}", shown=met, texts=battles),
    )
    if ranking.above is not None:
        yield _Matrix(
            "above",
            "Which model is above which",
            "Probability that the row's model is above the column's." + of_whom,
            _rows(ranking.above[:_MOST_MODELS, :_MOST_MODELS], "{:.0%}", neutral=0.5),
        )


def _rows(
    values: NDArray[np.float64],
    number_format: str,
    *,
    neutral: float = 0.0,
    shown: NDArray[np.bool_] | None = None,
    texts: NDArray[np.float64] | None = None,
) -> list[list[_Cell | None]]:
    """Write a square matrix as cells.

    Args:
        values: From 0 to 1; shape (models, models), in rank order.
        number_format: How a value is written.
        neutral: The value without a colour; those below have another one than those above.
        shown: Shape (models, models): which values are written. Default: - all.
        texts: What is written. Default: - the values.
    """
    levels = np.rint(10 * (values - neutral) / (1 - neutral)).astype(int).tolist()
    kept = np.ones(values.shape, dtype=bool) if shown is None else shown
    written = (values if texts is None else texts).tolist()
    return [
        [
            None
            if row == column
            else _Cell(number_format.format(value), _shade(levels[row][column]))
            if kept[row, column]
            else _Cell("", "")
            for column, value in enumerate(line)
        ]
        for row, line in enumerate(written)
    ]


def _shade(level: int) -> str:
    if level == 0:
        return ""
    return f"f{level}" if level > 0 else f"a{-level}"


def _listed(
    votes: VoteCounts, ranking: Ranking
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrange battles and the row's points by the first listed models, in rank order."""
    models = len(votes.models)
    battles, points = np.zeros((models, models)), np.zeros((models, models))
    battles[votes.first, votes.second] = battles[votes.second, votes.first] = votes.battles
    points[votes.first, votes.second] = votes.wins_first + 0.5 * votes.ties
    points[votes.second, votes.first] = votes.wins_second + 0.5 * votes.ties
    position = {model: number for number, model in enumerate(votes.models)}
    order = np.array([position[entry.model] for entry in ranking.entries[:_MOST_MODELS]])
    return battles[order[:, np.newaxis], order], points[order[:, np.newaxis], order]


def _method(rankings: Sequence[Ranking]) -> dict[str, str]:
    options = rankings[0].options
    methods = dict.fromkeys(_METHODS[ranking.interval_method] for ranking in rankings)
    return {
        "Scores": "Bradley-Terry, a tie being half a win for each",
        "Prior": f"{options.prior_battles:g} virtual battles of each model against an average one",
        "Intervals": "; or ".join(methods),
        "Rounds": f"{options.num_bootstrap}",
        "Seed": f"{options.seed}",
        "Votes to be listed": f"{options.min_evals}",
        "Ranks": "intervals wholly above" if options.significant else "scores",
    }
