"""Shows a run on a terminal or in a pipe, and handles Ctrl-C."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.launch import stop
from bixarena_constructs.cli.deployed.log_lines import readable
from bixarena_constructs.cli.deployed.worker_log import LogStream
from bixarena_constructs.cli.errors import StillRunningError

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["watch"]


def watch(
    task: DeployedTask, run_id: str, *, timeout: float | None = None, shows_log: bool = True
) -> Run:
    """Show a run until it has stopped.

    The log goes to standard output, everything else to standard error. Ctrl-C asks whether to
    stop the run if standard input is a terminal, and ends the command otherwise; so does a second
    Ctrl-C.

    Args:
        task: The task of the run.
        run_id: ID of the run.
        timeout: Seconds after which to stop watching. Default: - never.
        shows_log: Whether to show the log too.

    Raises:
        StillRunningError: The command stopped watching before the run had stopped.
        NotFoundError: ECS does not know the run.
    """
    out = Console(highlight=False, soft_wrap=True)
    progress = Console(stderr=True, highlight=False, soft_wrap=True)

    follower = Follower(
        task=task,
        log=LogStream(task=task, run_id=run_id),
        reads_log=shows_log,
        on_status=lambda status: progress.print(Text(f"{run_id}: {status.lower()}", style="dim")),
        on_line=lambda line: out.print(readable(line)),
        on_unreadable=lambda error: progress.print(
            Text(f"warning: the log cannot be shown: {error}", style="yellow")
        ),
        deadline=None if timeout is None else time.monotonic() + timeout,
    )
    while True:
        try:
            return follower.follow()
        except KeyboardInterrupt:
            _ask_and_stop(task, run_id)


def _ask_and_stop(task: DeployedTask, run_id: str) -> None:
    still_running = StillRunningError(
        f"stopped watching the run {run_id}, which goes on; watch it with "
        f"`{task.hint('logs')} --run {run_id} --follow`"
    )
    if not sys.stdin.isatty():
        raise still_running
    try:
        is_to_stop = typer.confirm("\nStop the run? (Ctrl-C leaves it running)", err=True)
    except (typer.Abort, KeyboardInterrupt) as error:
        typer.echo(err=True)  # the end of the question's line
        raise still_running from error
    if is_to_stop:
        stop(task, run_id, by="bixarena run")
