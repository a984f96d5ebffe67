"""The demo's command line: ``python -m bixarena_demo``."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bixarena_demo.boards import coverage, expected_coverage, true_scores
from bixarena_demo.breaks import BREAKS, broken
from bixarena_demo.cdk_cli import CdkError
from bixarena_demo.demonstration import DemonstrationError, demonstrate
from bixarena_demo.postgres import PostgresServer, PostgresServerError
from bixarena_demo.stage import DATABASE, Stage, StageError, open_stage
from local_aws import LocalAwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bixarena_demo.boards import PublishedBoard
    from bixarena_demo.demonstration import Demonstration

__all__ = ["main"]

_DATA_FOLDER = Path(".demo/postgres")
_INVITATION = """
The stack {stack} is up, on this machine alone, until Ctrl-C. In another terminal, set

    unset AWS_PROFILE AWS_SESSION_TOKEN
    export PATH={folder}:"$PATH"\
"""
_COMMANDS = """
and try:

    bixarena run {stack}
    bixarena status {stack}
    bixarena logs {stack}
    bixarena doctor {stack}
    bixarena run {stack} --leaderboard overall --dry-run
    bixarena status {stack} --check && echo all is well

`make local-break` lists what can be broken; `make local-break NAME=wrong-password` breaks it."""


def main(arguments: Sequence[str]) -> int:
    """Run the demo, or open the database that it left, and return the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        if options.command == "psql":
            return _open_psql(options.data_folder)
        if options.command == "local":
            return _keep_up(options.app_folder, options.data_folder, console)
        if options.command == "break":
            return _break(options.name, options.data_folder, console)
        _run(options.app_folder, options.data_folder, console)
    except (
        CdkError,
        DemonstrationError,
        LocalAwsError,
        PostgresServerError,
        StageError,
    ) as error:
        console.print(f"failed: {error}", style="red", markup=False)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bixarena_demo",
        description="Run the scheduled snapshot on this machine, from synthesis to leaderboard.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="deploy an app, fire its schedule, show the rows")
    local = commands.add_parser("local", help="deploy an app and keep it up to try commands on")
    for command in (run, local):
        command.add_argument("app_folder", type=Path, help="the app, such as examples/minimal")
    broken = commands.add_parser("break", help="break what `local` keeps up, until Ctrl-C")
    broken.add_argument("name", nargs="?", help="name of the break. Default: list them")
    psql = commands.add_parser("psql", help="open the database that the last run left")
    for command in (run, local, broken, psql):
        command.add_argument(
            "--data-folder", type=Path, default=_DATA_FOLDER, help="default: %(default)s"
        )
    return parser


def _keep_up(app_folder: Path, data_folder: Path, console: Console) -> int:
    started = monotonic()

    def report(step: str) -> None:
        console.print(f"[dim]{monotonic() - started:5.1f} s[/]  {step}")

    place = _place_in(data_folder)
    with open_stage(app_folder, data_folder=data_folder, report=report) as stage:
        stage.save(place)
        try:
            console.print(
                _INVITATION.format(stack=stage.stack, folder=Path(sys.executable).parent),
                markup=False,
            )
            for name, value in stage.settings().items():
                console.print(f"    export {name}={shlex.quote(value)}", markup=False)
            console.print(_COMMANDS.format(stack=stage.stack), markup=False)
            Event().wait()
        except KeyboardInterrupt:
            console.print("\ntaking it down")
        finally:
            place.unlink()
    return 0


def _break(name: str | None, data_folder: Path, console: Console) -> int:
    if name not in BREAKS:
        console.print("" if not name else f"there is no break {name}; these are:", markup=False)
        for known, play in BREAKS.items():
            console.print(f"  {known:<24} {play.__doc__}", markup=False)
        return 0 if not name else 1
    place = _place_in(data_folder)
    if not place.exists():
        raise StageError(f"nothing is up in {data_folder.parent}; start it with `make local`")
    stage = Stage.saved_in(place)
    with broken(stage, name):
        console.print(f"done: {BREAKS[name].__doc__}", markup=False)
        stage.fire(datetime.now(UTC))
        console.print(
            "The schedule's time has come once since then. Look with the commands that `make "
            "local` shows; Ctrl-C undoes the break.",
            markup=False,
        )
        with suppress(KeyboardInterrupt):
            Event().wait()
    console.print("\nundone")
    return 0


def _place_in(data_folder: Path) -> Path:
    return data_folder.parent / "local.json"


def _run(app_folder: Path, data_folder: Path, console: Console) -> None:
    started = monotonic()

    def report(step: str) -> None:
        console.print(f"[dim]{monotonic() - started:5.1f} s[/]  {step}")

    demonstration = demonstrate(app_folder, data_folder=data_folder, report=report)
    report("done")
    _show(demonstration, data_folder, console)


def _show(demonstration: Demonstration, data_folder: Path, console: Console) -> None:
    boards = {board.slug: board for board in demonstration.boards}
    console.print(_board_table(boards["overall"], demonstration.truth))
    console.print(_coverage_line("overall", [boards["overall"]], demonstration.truth))
    console.print(
        _coverage_line(f"all {len(boards)} boards", [*boards.values()], demonstration.truth)
    )
    console.print()
    console.print("Outputs of the stack")
    for name, value in sorted(demonstration.outputs.items()):
        # Whole lines, to be copied; the brackets of a command line are no markup.
        console.print(f"  {name}: {value}", markup=False)
    console.print(
        f"\nThe rows are in api.leaderboard_entry and api.leaderboard_snapshot of the database "
        f"{DATABASE}, whose files are in {data_folder}; `make demo-psql` opens it."
    )


def _coverage_line(name: str, boards: Sequence[PublishedBoard], truth: Mapping[str, float]) -> str:
    inside, intervals = coverage(boards, truth)
    expected, margin = expected_coverage(intervals)
    return (
        f"{name}: {inside} of {intervals} intervals of 95 % hold the true strength; "
        f"expected: {expected}, give or take {margin}"
    )


def _board_table(board: PublishedBoard, truth: Mapping[str, float]) -> Table:
    table = Table(
        title=f"Leaderboard {board.slug}, {board.snapshot}", title_justify="left", box=None
    )
    table.add_column("Model")
    for heading in ("Rank", "Score", "95 % interval", "Votes", "Truth"):
        table.add_column(heading, justify="right")
    strengths = true_scores(board, truth)
    for entry in board.entries:
        table.add_row(
            entry.model,
            str(entry.rank),
            f"{entry.score:.1f}",
            f"{entry.lower:.1f} to {entry.upper:.1f}",
            str(entry.votes),
            f"{strengths[entry.model]:.1f}",
        )
    return table


def _open_psql(data_folder: Path) -> int:
    if not data_folder.exists():
        raise PostgresServerError(f"{data_folder} is not there, run the demo first")
    with PostgresServer.start(version=16, folder=data_folder) as server:
        database = server.info(DATABASE)
        return subprocess.run(
            [server.psql, f"--host={database.host}", f"--port={database.port}", DATABASE],
            env={"PGUSER": database.user, "PGPASSWORD": database.password, "TERM": "xterm"},
            check=False,
        ).returncode
