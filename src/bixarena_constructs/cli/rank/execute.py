"""The work of ``bixarena rank``: read, rank, write, print."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from bixarena_constructs.cli.exit_codes import CANNOT_WRITE, DATA_ERROR
from bixarena_constructs.cli.printable import printable
from bixarena_constructs.cli.rank.board_formats import (
    Board,
    Reading,
    left_out,
    notes_on,
    to_csv,
    to_json,
    to_markdown,
)
from bixarena_constructs.cli.rank.board_table import print_table
from bixarena_constructs.cli.rank.counting import counting
from bixarena_constructs.cli.rank.plot import to_svg
from bixarena_constructs.cli.rank.report import to_html
from bixarena_constructs.cli.rank.vote_paths import paths_of
from bixarena_constructs.cli.standard_output import discard_output
from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import RankingError, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bixarena_constructs.cli.rank.board_formats import Format
    from bixarena_constructs.cli.rank.counting import Votes
    from bixarena_constructs.cli.rank.wanted import Wanted
    from bixarena_constructs.worker.ranking import Ranking, RankingOptions

__all__ = ["rank_files"]


def rank_files(
    files: Sequence[str],
    wanted: Wanted,
    options: RankingOptions,
    *,
    memory_limit: str,
    output_format: Format,
    plot: Path | None,
    report: Path | None,
    title: str | None = None,
    anchor: tuple[str, float] | None = None,
) -> None:
    """Rank the votes of some files, print the leaderboard, and write what else was asked for.

    Args:
        files: See `counting`.
        wanted: What the command line says about them.
        options: How to rank them.
        memory_limit: See `counting`.
        output_format: What to print on standard output.
        plot: Where to write an SVG picture.
        report: Where to write an HTML page.
        title: Heading of the page.
        anchor: A model, and the score that it is to have. Default: - the listed models have a
            mean of 1000.

    Raises:
        typer.Exit: The votes are wrong, or a file cannot be written; standard error says why.
    """
    if title is not None and report is None:
        raise typer.BadParameter("--title is the heading of a page; add --report FILE")
    try:
        _check_outputs(files, {"--plot": plot, "--report": report})
        with counting(files, wanted, memory_limit=memory_limit, threads=options.threads) as votes:
            boards, unranked = _ranked(votes, options, anchor)
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from error
    except OSError as error:
        _fail(f"cannot read {error.filename or 'the votes'}: {error.strerror}", DATA_ERROR)
    except (RankingError, VotesError) as error:
        _fail(str(error), DATA_ERROR)
    except MemoryError as error:
        _fail(f"not enough memory to rank so many models or votes: {error}", DATA_ERROR)
    anchored = [f"scores are moved so that {anchor[0]} has {anchor[1]:g}"] if anchor else []
    reading = Reading(
        files=votes.files,
        rows=votes.rows,
        dropped=votes.dropped,
        columns=votes.columns,
        notes=(*votes.notes, *anchored),
        unranked=unranked,
    )
    pages = [(plot, to_svg(boards, reading))] if plot else []
    pages += [(report, to_html(boards, reading, title))] if report else []
    for path, text in pages:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            _fail(f"cannot write {path}: {error.strerror}", CANNOT_WRITE)
    try:
        _print(boards, reading, output_format)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has seen enough.
        discard_output()
    except OSError as error:
        discard_output()
        _fail(f"cannot write standard output: {error.strerror}", CANNOT_WRITE)


def _check_outputs(files: Sequence[str], outputs: dict[str, Path | None]) -> None:
    """Refuse to write over what is read, or twice to the same file, by whatever name."""
    taken = {_identity(1): "standard output"}
    for file in files:
        for path in paths_of(file):
            taken[_identity(0 if file == "-" else path)] = f"the votes {path}"
    for option, output in outputs.items():
        if output is None or output.is_char_device() or output.is_fifo():
            continue
        if str(output) == "-":
            raise typer.BadParameter(f"{option} needs the name of a file, got -")
        if (where := _identity(output)) in taken:
            raise typer.BadParameter(f"{option} {output} would overwrite {taken[where]}")
        taken[where] = f"what {option} writes"


def _identity(path: Path | int) -> object:
    """Return what two names of one file share: links can lead to it."""
    try:
        found = os.stat(path)  # noqa: PTH116 - standard input and output are numbers
    except OSError:
        return os.path.realpath(path) if isinstance(path, os.PathLike) else None
    return found.st_dev, found.st_ino


def _ranked(
    votes: Votes, options: RankingOptions, anchor: tuple[str, float] | None
) -> tuple[list[Board], dict[str, str]]:
    """Rank each category, and say which cannot be.

    Raises:
        RankingError: None can be.
    """
    boards: list[Board] = []
    unranked: dict[str, str] = {}
    for category in votes.categories:
        counts = votes.of(category)
        try:
            with _progress_bar() as progress:
                ranking = _anchored(rank(counts, options, progress=progress), anchor)
        except RankingError as error:
            if category is None:
                lines = [str(error), *left_out(votes.dropped, votes.rows)]
                raise RankingError("\n  ".join(lines)) from error
            unranked[category] = str(error)
        else:
            boards.append(Board(category, counts, ranking))
    if not boards:
        reasons = [f"{category!r}: {reason}" for category, reason in unranked.items()]
        lines = ["no board can be ranked", *reasons, *left_out(votes.dropped, votes.rows)]
        raise RankingError("\n  ".join(lines))
    return boards, unranked


def _anchored(ranking: Ranking, anchor: tuple[str, float] | None) -> Ranking:
    """Move all scores and bounds by as much as gives a model its score.

    Raises:
        RankingError: The model is not listed.
    """
    if anchor is None:
        return ranking
    model, score = anchor
    scores = {entry.model: entry.score for entry in ranking.entries}
    if model not in scores:
        raise RankingError(f"--anchor names {model!r}, which is not among the listed models")
    shift = score - scores[model]
    entries = tuple(
        replace(
            entry,
            score=entry.score + shift,
            lower=None if entry.lower is None else entry.lower + shift,
            upper=None if entry.upper is None else entry.upper + shift,
        )
        for entry in ranking.entries
    )
    return replace(ranking, entries=entries)


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Show the bootstrap rounds on standard error while they run, if it is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("resampling", total=None)
        yield lambda done, rounds: progress.update(bar, completed=done, total=rounds)


def _print(boards: Sequence[Board], reading: Reading, output_format: Format) -> None:
    if output_format == "table":
        print_table(boards, reading)
        return
    write = {"json": to_json, "csv": to_csv, "markdown": to_markdown}[output_format]
    typer.echo(write(boards, reading), nl=False)
    for board in boards:
        for note in notes_on(board):
            typer.echo(f"note: {printable(note)}", err=True)
    for note in reading.sentences():
        typer.echo(f"note: {printable(note)}", err=True)


def _fail(message: str, code: int) -> NoReturn:
    lines = "\n".join(map(printable, message.split("\n")))
    typer.echo(f"error: {lines}", err=True)
    raise typer.Exit(code)
