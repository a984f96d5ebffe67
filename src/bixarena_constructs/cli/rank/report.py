"""A ranking as one self-contained HTML page: no script, no request to anywhere."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from bixarena_constructs.cli.rank.board_formats import interval_text, interval_title, notes_on
from bixarena_constructs.cli.rank.plot import to_svg
from bixarena_constructs.cli.rank.report_matrices import (
    above_matrix,
    battle_matrix,
    win_rate_matrix,
)

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking import RankedModel, Ranking, VoteCounts

__all__ = ["to_html"]

_METHODS = {
    "percentile": "percentiles of a bootstrap that resamples votes",
    "voter": "percentiles of a bootstrap that resamples voters",
    "sandwich": "normal intervals from the robust variance",
}


def to_html(votes: VoteCounts, ranking: Ranking) -> str:
    """Write the report.

    Args:
        votes: What was ranked, for the matrices.
        ranking: What is reported.
    """
    template = Template(files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=f"Leaderboard of {len(ranking.entries)} models",
        summary=_summary(ranking),
        board=_board(ranking),
        plot=to_svg(ranking),
        win_rates=win_rate_matrix(votes, ranking),
        battles=battle_matrix(votes, ranking),
        above=above_matrix(ranking),
        notes=_notes(ranking),
        method=_method(ranking),
    )


def _summary(ranking: Ranking) -> str:
    best = ranking.entries[0]
    return (
        f"{ranking.total_votes} votes. First is <strong>{escape(best.model)}</strong> with a "
        f"score of {best.score:.1f}. The mean of the listed models is 1000; 400 points more are "
        "odds of 10 to 1."
    )


def _board(ranking: Ranking) -> str:
    heads = [
        "Rank",
        "Model",
        "Score",
        interval_title(ranking).capitalize(),
        "Places",
        "First",
        "Votes",
    ]
    head = "".join(
        f'<th scope="col"{" class=name" if name == "Model" else ""}>{name}</th>' for name in heads
    )
    rows = "\n".join(map(_row, ranking.entries))
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Leaderboard">\n<table>\n'
        "<caption><span>Places: the interval of the rank. First: the probability of being best."
        "</span></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _row(entry: RankedModel) -> str:
    places = "" if entry.rank_lower is None else f"{entry.rank_lower} to {entry.rank_upper}"
    first = "" if entry.probability_best is None else f"{entry.probability_best:.1%}"
    return (
        f'<tr><td>{entry.rank}</td><th scope="row" class="name">{escape(entry.model)}</th>'
        f"<td>{entry.score:.1f}</td><td>{interval_text(entry)}</td><td>{places}</td>"
        f"<td>{first}</td><td>{entry.votes}</td></tr>"
    )


def _notes(ranking: Ranking) -> str:
    notes = notes_on(ranking)
    if not notes:
        return "<p>Nothing was left out.</p>"
    items = "\n".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>\n{items}\n</ul>"


def _method(ranking: Ranking) -> str:
    options = ranking.options
    facts = {
        "Scores": "Bradley-Terry, a tie being half a win for each",
        "Prior": f"{options.prior_battles:g} virtual battles of each model against an average one",
        "Intervals": _METHODS[options.interval_method],
        "Rounds": f"{options.num_bootstrap}",
        "Seed": f"{options.seed}",
        "Votes to be listed": f"{options.min_evals}",
        "Ranks": "intervals wholly above" if options.significant else "scores",
    }
    items = "".join(f"<dt>{name}</dt><dd>{fact}</dd>\n" for name, fact in facts.items())
    return f"<dl>\n{items}</dl>"
