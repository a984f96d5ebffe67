"""The command ``bixarena rank``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from bixarena_constructs.cli.rank.board_formats import (
    Format,
)

__all__ = ["rank"]

_IntervalMethod: TypeAlias = Literal["auto", "voter", "wald", "percentile", "sandwich"]

_File: TypeAlias = Annotated[
    Path,
    typer.Argument(
        exists=True,
        dir_okay=False,
        readable=True,
        help="Votes as CSV, or as Parquet if named .parquet: columns model_a, model_b and winner "
        "(model_a, model_b or tie); further columns are ignored.",
    ),
]
_Format: TypeAlias = Annotated[
    Format, typer.Option("--format", help="What to print on standard output.")
]
_PriorBattles: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Virtual battles of each model against an average opponent, half of them won; 0 for "
        "the maximum-likelihood estimate."
    ),
]
_Bootstrap: TypeAlias = Annotated[
    int,
    typer.Option(
        min=0,
        help="Rounds behind the probability of being best, and behind intervals that resample.",
    ),
]
_MinEvals: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Votes a model needs to be listed; all are fitted.")
]
_Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Seed of the rounds.")]
_Significant: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--significant", help="Rank by 1 + the number of intervals that lie wholly above."
    ),
]
_Intervals: TypeAlias = Annotated[
    _IntervalMethod,
    typer.Option(
        help="Allow for votes of one voter being alike (voter); take votes as independent, with "
        "the variance that the fit expects (wald) or the robust one (sandwich); or resample them "
        "(percentile). auto is voter where there is a column of voters, else wald."
    ),
]
_VoterColumn: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The column that names the voter.", show_default="voter, if there is one"),
]
_Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads; the result does not depend on their number.",
        show_default="one for each processor",
    ),
]
_Plot: TypeAlias = Annotated[
    Path | None, typer.Option(help="Write the scores and intervals as an SVG picture.")
]
_Report: TypeAlias = Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")]


def rank(
    file: _File,
    *,
    output_format: _Format = "table",
    prior_battles: _PriorBattles = 0.5,
    bootstrap: _Bootstrap = 1000,
    min_evals: _MinEvals = 10,
    seed: _Seed = 0,
    significant: _Significant = False,
    intervals: _Intervals = "auto",
    voter_column: _VoterColumn = None,
    threads: _Threads = None,
    plot: _Plot = None,
    report: _Report = None,
) -> None:
    """Rank models by a file of votes, exactly as the worker does.

    Exit code 65 means that the votes are wrong or cannot be ranked, and that nothing was written.
    """
    # The rounds run in threads; BLAS's threads would compete with them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from bixarena_constructs.cli.rank.execute import rank_file  # noqa: PLC0415 - loads numpy
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
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    rank_file(
        file,
        options,
        output_format=output_format,
        voter_column=voter_column,
        plot=plot,
        report=report,
    )
