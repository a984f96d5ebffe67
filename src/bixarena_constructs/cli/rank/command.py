"""The command ``bixarena rank``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import typer

from bixarena_constructs.cli.rank.board_formats import Format

__all__ = ["rank"]

_IntervalMethod: TypeAlias = Literal["auto", "voter", "wald", "percentile", "sandwich"]
_Choice: TypeAlias = Literal["tie", "drop", "refuse"]

# The groups of the help.
_VOTES: Final = "What the votes are"
_RANKING: Final = "How they are ranked"
_OUTPUT: Final = "What is written"

_Files: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="CSV, JSON lines, JSON (each also with gzip or zstd) or Parquet; folders, patterns "
        "such as 'votes/*.csv', and - for standard input.",
        show_default=False,
    ),
]
_Columns: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ROLE=COLUMN,...",
        help="Which columns have which roles: model_a, model_b and winner, or those of a form.",
        show_default="the columns of a known form",
        rich_help_panel=_VOTES,
    ),
]
_Outcomes: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="VALUE=OUTCOME,...",
        help="What values of the winner mean: model_a, model_b, tie, or drop.",
        rich_help_panel=_VOTES,
    ),
]
_BothBad: TypeAlias = Annotated[
    _Choice,
    typer.Option(
        help="What to do with a vote that finds both answers bad: 'tie (bothbad)', both_bad, ...",
        rich_help_panel=_VOTES,
    ),
]
_Empty: TypeAlias = Annotated[
    _Choice, typer.Option(help="What to do with a vote without a winner.", rich_help_panel=_VOTES)
]
_Where: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Take only rows for which this holds, in SQL: \"language = 'English' AND anony\".",
        rich_help_panel=_VOTES,
    ),
]
_By: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Rank a board for each value of this column.",
        rich_help_panel=_VOTES,
    ),
]
_Cells: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--cells",
        help="The files hold counted cells; each leaderboard is a board.",
        rich_help_panel=_VOTES,
    ),
]
_CountColumn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="How often a row was cast, a whole number.",
        rich_help_panel=_VOTES,
    ),
]
_WeightColumn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="How much a row weighs, 0 or more; for the intervals it stays one vote.",
        rich_help_panel=_VOTES,
    ),
]
_Delimiter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN",
        help="What separates the values of CSV.",
        show_default="comma, semicolon, tab or bar, by the first line",
        rich_help_panel=_VOTES,
    ),
]
_Encoding: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of CSV and JSON, as cp1252 for what Excel saves on Windows.",
        show_default="UTF-8, or UTF-16 where a mark says so",
        rich_help_panel=_VOTES,
    ),
]
_MemoryLimit: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="Memory for counting the votes; the rest spills to disk.",
        rich_help_panel=_VOTES,
    ),
]
_Format: TypeAlias = Annotated[
    Format,
    typer.Option("--format", help="What to print on standard output.", rich_help_panel=_OUTPUT),
]
_PriorBattles: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Virtual battles of each model, half of them won; 0 for maximum likelihood.",
        rich_help_panel=_RANKING,
    ),
]
_Bootstrap: TypeAlias = Annotated[
    int,
    typer.Option(
        min=0,
        help="Rounds for the probability of being best, and for intervals that resample.",
        rich_help_panel=_RANKING,
    ),
]
_MinEvals: TypeAlias = Annotated[
    int,
    typer.Option(
        min=0, help="Votes a model needs to be listed; all are fitted.", rich_help_panel=_RANKING
    ),
]
_Seed: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Seed of the rounds.", rich_help_panel=_RANKING)
]
_Significant: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--significant",
        help="Rank by 1 + the number of intervals that lie wholly above.",
        rich_help_panel=_RANKING,
    ),
]
_Intervals: TypeAlias = Annotated[
    _IntervalMethod,
    typer.Option(
        help="Allow for similar votes of the same voter (voter), take votes as independent (wald, "
        "sandwich), or resample them (percentile). auto: voter if voters are known, else wald.",
        rich_help_panel=_RANKING,
    ),
]
_VoterColumn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column that names the voter.",
        show_default="voter, if there is one",
        rich_help_panel=_VOTES,
    ),
]
_Anchor: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL=SCORE",
        help="Move all scores so that this model has this score.",
        show_default="the listed models have a mean of 1000",
        rich_help_panel=_RANKING,
    ),
]
_Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads; the result does not depend on their number.",
        show_default="one for each processor",
        rich_help_panel=_RANKING,
    ),
]
_Plot: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Write the scores and intervals as an SVG picture.", rich_help_panel=_OUTPUT
    ),
]
_Report: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Write a self-contained HTML page.", rich_help_panel=_OUTPUT),
]
_Title: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Heading of the page.",
        show_default="the number of models",
        rich_help_panel=_OUTPUT,
    ),
]


def rank(
    files: _Files,
    *,
    columns: _Columns = None,
    outcomes: _Outcomes = None,
    both_bad: _BothBad = "refuse",
    empty: _Empty = "refuse",
    where: _Where = None,
    by: _By = None,
    cells: _Cells = False,
    count_column: _CountColumn = None,
    weight_column: _WeightColumn = None,
    voter_column: _VoterColumn = None,
    delimiter: _Delimiter = None,
    encoding: _Encoding = None,
    memory_limit: _MemoryLimit = "1GB",
    prior_battles: _PriorBattles = 0.5,
    bootstrap: _Bootstrap = 1000,
    min_evals: _MinEvals = 10,
    seed: _Seed = 0,
    significant: _Significant = False,
    intervals: _Intervals = "auto",
    anchor: _Anchor = None,
    threads: _Threads = None,
    output_format: _Format = "table",
    plot: _Plot = None,
    report: _Report = None,
    title: _Title = None,
) -> None:
    """Rank models by files of votes, exactly as the worker does.

    bixarena rank 'votes/*.parquet' --where "language = 'English'" --both-bad tie

    Exit code 65 means that the votes are wrong or cannot be ranked, and that nothing was written.
    """
    # The rounds run in threads; BLAS's threads would compete with them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from bixarena_constructs.cli.rank.execute import rank_files  # noqa: PLC0415 - loads numpy
    from bixarena_constructs.cli.rank.wanted import (  # noqa: PLC0415 - likewise
        Wanted,
        parse_anchor,
        parse_columns,
        parse_outcomes,
    )
    from bixarena_constructs.worker.ranking import RankingOptions  # noqa: PLC0415 - likewise

    try:
        options = RankingOptions(
            prior_battles=prior_battles,
            num_bootstrap=bootstrap,
            min_evals=min_evals,
            significant=significant,
            seed=seed,
            interval_method=intervals,
            threads=threads,
        )
        wanted = Wanted(
            columns=parse_columns(columns),
            outcomes=parse_outcomes(outcomes),
            both_bad=both_bad,
            empty=empty,
            where=where,
            category=by,
            is_cells=cells,
            count=count_column,
            weight=weight_column,
            voter=voter_column,
            intervals=intervals,
            delimiter="\t" if delimiter == r"\t" else delimiter,
            encoding=encoding,
        )
        anchored = parse_anchor(anchor)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    rank_files(
        files,
        wanted,
        options,
        memory_limit=memory_limit,
        output_format=output_format,
        plot=plot,
        report=report,
        title=title,
        anchor=anchored,
    )
