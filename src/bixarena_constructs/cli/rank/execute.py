"""The work of ``bixarena rank``: read, rank, write, print."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress

from bixarena_constructs.cli.exit_codes import CANNOT_WRITE, DATA_ERROR
from bixarena_constructs.cli.rank.board_formats import notes_on, to_csv, to_json, to_markdown
from bixarena_constructs.cli.rank.board_table import print_table
from bixarena_constructs.cli.rank.plot import to_svg
from bixarena_constructs.cli.rank.report import to_html
from bixarena_constructs.cli.rank.vote_files import column_names, read_votes
from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import RankingError, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bixarena_constructs.cli.rank.board_formats import Format
    from bixarena_constructs.worker.ranking import Ranking, RankingOptions, VoteCounts

__all__ = ["rank_file"]


def rank_file(
    file: Path,
    options: RankingOptions,
    *,
    output_format: Format,
    voter_column: str | None,
    plot: Path | None,
    report: Path | None,
) -> None:
    """Rank the votes of a file, print the leaderboard, and write what else was asked for.

    Args:
        file: The votes.
        options: How to rank them.
        output_format: What to print on standard output.
        voter_column: The column that names the voter, to count by voter.
        plot: Where to write an SVG picture.
        report: Where to write an HTML page.

    Raises:
        typer.Exit: The votes are wrong, or a file cannot be written; standard error says why.
    """
    votes, ranking = _ranked(file, options, voter_column=voter_column)
    try:
        if plot:
            plot.write_text(to_svg(ranking), encoding="utf-8")
        if report:
            report.write_text(to_html(votes, ranking), encoding="utf-8")
    except OSError as error:
        typer.echo(f"error: cannot write {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(CANNOT_WRITE) from error
    _print(ranking, output_format)


def _ranked(
    file: Path, options: RankingOptions, *, voter_column: str | None
) -> tuple[VoteCounts, Ranking]:
    try:
        votes = read_votes(file, voter_column=_voter_column(file, voter_column, options))
        with _progress_bar() as progress:
            return votes, rank(votes, options, progress=progress)
    except (RankingError, VotesError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(DATA_ERROR) from error


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Show the bootstrap rounds on standard error while they run, if it is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("resampling", total=None)
        yield lambda done, rounds: progress.update(bar, completed=done, total=rounds)


def _voter_column(file: Path, named: str | None, options: RankingOptions) -> str | None:
    """Choose the column of voters: none where the intervals take votes as independent."""
    if options.interval_method not in ("auto", "voter"):
        return None
    usual = "voter"
    if named is None and options.interval_method == "auto":
        return usual if usual in column_names(file) else None
    return named or usual


def _print(ranking: Ranking, output_format: Format) -> None:
    if output_format == "table":
        print_table(ranking)
        return
    write = {"json": to_json, "csv": to_csv, "markdown": to_markdown}[output_format]
    typer.echo(write(ranking), nl=False)
    for note in notes_on(ranking):
        typer.echo(f"note: {note}", err=True)
