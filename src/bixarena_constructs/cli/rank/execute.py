"""What ``bixarena rank`` does: read, rank, write, print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Unpack

import typer

from bixarena_constructs.cli.exit_codes import CANNOT_WRITE, DATA_ERROR
from bixarena_constructs.cli.rank.board_formats import notes_on, to_csv, to_json, to_markdown
from bixarena_constructs.cli.rank.board_table import print_table
from bixarena_constructs.cli.rank.plot import to_svg
from bixarena_constructs.cli.rank.progress import rounds_on_stderr
from bixarena_constructs.cli.rank.report import to_html
from bixarena_constructs.cli.rank.vote_files import read_votes
from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import RankingError, RankingOptions, rank

if TYPE_CHECKING:
    from pathlib import Path

    from bixarena_constructs.cli.rank.command import Format, Intervals
    from bixarena_constructs.worker.ranking import Ranking, VoteCounts

__all__ = ["Request", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to read and where to write; see ``bixarena rank --help``."""

    file: Path
    output_format: Format
    voter_column: str | None
    plot: Path | None
    report: Path | None


class _Options(TypedDict):
    prior_battles: float
    num_bootstrap: int
    min_evals: int
    significant: bool
    seed: int
    interval_method: Intervals
    threads: int | None


def run(request: Request, **values: Unpack[_Options]) -> None:
    """Carry out a request.

    Args:
        request: What to read and where to write.
        **values: Of `RankingOptions`.

    Raises:
        typer.BadParameter: When an option is out of range.
        typer.Exit: With the code of a data error or a file that cannot be written, after telling
            why on standard error.
    """
    try:
        options = RankingOptions(**values)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    votes, ranking = _ranked(request, options)
    _write_files(request, votes, ranking)
    _print(ranking, request.output_format)


def _ranked(request: Request, options: RankingOptions) -> tuple[VoteCounts, Ranking]:
    try:
        votes = read_votes(request.file, voter_column=request.voter_column)
        with rounds_on_stderr() as progress:
            return votes, rank(votes, options, progress=progress)
    except (RankingError, VotesError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(DATA_ERROR) from error


def _write_files(request: Request, votes: VoteCounts, ranking: Ranking) -> None:
    try:
        if request.plot:
            request.plot.write_text(to_svg(ranking), encoding="utf-8")
        if request.report:
            request.report.write_text(to_html(votes, ranking), encoding="utf-8")
    except OSError as error:
        typer.echo(f"error: cannot write {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(CANNOT_WRITE) from error


def _print(ranking: Ranking, output_format: Format) -> None:
    if output_format == "table":
        print_table(ranking)
        return
    write = {"json": to_json, "csv": to_csv, "markdown": to_markdown}[output_format]
    typer.echo(write(ranking), nl=False)
    for note in notes_on(ranking):
        typer.echo(f"note: {note}", err=True)
