"""The command ``bixarena rank``."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import Annotated, Literal

import typer

__all__ = ["rank"]

Format = Literal["table", "json", "csv", "markdown"]
Intervals = Literal["percentile", "sandwich", "voter"]


def rank(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help="Votes as CSV, or as Parquet if named .parquet: columns model_a, model_b and "
            "winner (model_a, model_b or tie); further columns are ignored.",
        ),
    ],
    *,
    output_format: Annotated[
        Format, typer.Option("--format", help="What to print on standard output.")
    ] = "table",
    prior_battles: Annotated[
        float,
        typer.Option(
            help="Virtual battles of each model against an average opponent, half of them won; "
            "0 for the maximum-likelihood estimate."
        ),
    ] = 0.5,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Bootstrap rounds; 0 gives scores without intervals.")
    ] = 1000,
    min_evals: Annotated[
        int, typer.Option(min=0, help="Votes a model needs to be listed; all are fitted.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    significant: Annotated[
        bool,
        typer.Option(
            "--significant", help="Rank by 1 + the number of intervals that lie wholly above."
        ),
    ] = False,
    intervals: Annotated[
        Intervals,
        typer.Option(
            help="Resample votes (percentile) or voters (voter), or take the robust variance "
            "(sandwich)."
        ),
    ] = "percentile",
    voter_column: Annotated[
        str, typer.Option(help="The column that names the voter, for --intervals voter.")
    ] = "voter",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads; the result does not depend on it.", show_default="all"),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the scores and intervals as an SVG picture.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")] = None,
) -> None:
    """Rank models by a file of votes, exactly as the worker does.

    Exit code 65 means that the votes are wrong or cannot be ranked; nothing is written then.
    """
    # The rounds run in threads of their own, which BLAS's would get in the way of.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from bixarena_constructs.cli.rank_run import Request, run  # noqa: PLC0415 - loads numpy

    request = Request(
        file=file,
        output_format=output_format,
        voter_column=voter_column if intervals == "voter" else None,
        plot=plot,
        report=report,
    )
    run(
        request,
        prior_battles=prior_battles,
        num_bootstrap=bootstrap,
        min_evals=min_evals,
        significant=significant,
        seed=seed,
        interval_method=intervals,
        threads=threads,
    )
