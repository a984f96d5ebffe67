"""Shows a run on a terminal or in a pipe, and handles Ctrl-C."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.log_lines import readable
from bixarena_constructs.cli.deployed.worker_log import stream_of
from bixarena_constructs.cli.errors import StillRunningError

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.errors import CommandError

__all__ = ["watch"]


def watch(task: DeployedTask, run_id: str, *, timeout: float | None = None) -> Run:
    """Show a run until it has stopped.

    The log goes to standard output, everything else to standard error. Ctrl-C asks whether to
    stop the run if standard input is a terminal, and ends the command otherwise; so does a second
    Ctrl-C.

    Args:
        task: The task of the run.
        run_id: Id of the run.
        timeout: Seconds after which to stop watching. Default: - never.

    Raises:
        StillRunningError: The command stopped watching before the run had stopped.
        NotFoundError: ECS does not know the run.
    """
    out = Console(highlight=False, soft_wrap=True)
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    # Redirected output gets a line for each status: a spinner would be noise in it.
    spinner = progress.status("starting") if progress.is_terminal else None

    def show_status(status: str) -> None:
        if spinner is None:
            progress.print(Text(f"{run_id}: {status.lower()}"))
        else:
            spinner.update(f"{status.lower()} (Ctrl-C asks whether to stop)")

    def show_unreadable(error: CommandError) -> None:
        progress.print(Text(f"warning: the log cannot be shown: {error}", style="yellow"))

    follower = Follower(
        task=task,
        log=stream_of(task, run_id),
        on_status=show_status,
        on_line=lambda line: out.print(readable(line)),
        on_unreadable=show_unreadable,
        deadline=None if timeout is None else time.monotonic() + timeout,
    )
    while True:
        try:
            with spinner or nullcontext():
                return follower.follow()
        except KeyboardInterrupt:
            _ask_and_stop(task, run_id)


def _ask_and_stop(task: DeployedTask, run_id: str) -> None:
    still_running = StillRunningError(
        f"stopped watching the run {run_id}, which goes on; watch it with "
        f"`bixarena logs {task.arguments} --run {run_id} --follow`"
    )
    if not sys.stdin.isatty():
        raise still_running
    try:
        stop = typer.confirm("\nStop the run? (Ctrl-C leaves it running)", err=True)
    except (typer.Abort, KeyboardInterrupt) as error:
        raise still_running from error
    if stop:
        task.session.client("ecs").stop_task(
            cluster=task.cluster_arn, task=run_id, reason="stopped by `bixarena run`"
        )
