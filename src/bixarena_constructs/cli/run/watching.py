"""A watched run on a terminal, or in a pipe: progress, log lines, and Ctrl-C."""

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

__all__ = ["watch"]


def watch(task: DeployedTask, run_id: str, *, timeout: float | None = None) -> Run:
    """Show a run until it has stopped.

    The log goes to standard output, all else to standard error. Ctrl-C asks whether to stop the
    run where there is somebody to ask, and leaves it otherwise; a second one leaves it too.

    Args:
        task: What it is a run of.
        run_id: Which.
        timeout: Seconds after which it is left. Default: - never.

    Raises:
        StillRunningError: It was left before it had stopped.
        NotFoundError: ECS does not know the run.
    """
    out = Console(highlight=False, soft_wrap=True)
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    # A spinner among redirected lines would be noise: there each status is a line.
    spinner = progress.status("starting") if progress.is_terminal else None

    def tell_status(status: str) -> None:
        if spinner is None:
            progress.print(Text(f"{run_id}: {status.lower()}"))
        else:
            spinner.update(f"{status.lower()} (Ctrl-C asks whether to stop)")

    follower = Follower(
        task=task,
        log=stream_of(task, run_id),
        on_status=tell_status,
        on_line=lambda line: out.print(readable(line)),
        deadline=None if timeout is None else time.monotonic() + timeout,
    )
    while True:
        try:
            with spinner or nullcontext():
                return follower.follow()
        except KeyboardInterrupt:
            _ask_and_stop(task, run_id)


def _ask_and_stop(task: DeployedTask, run_id: str) -> None:
    goes_on = StillRunningError(
        f"left the run {run_id}, which goes on; watch it with `bixarena logs {task.arguments} "
        f"--run {run_id} --follow`"
    )
    if not sys.stdin.isatty():
        raise goes_on
    try:
        stop = typer.confirm("\nStop the run? (Ctrl-C leaves it)", err=True)
    except (typer.Abort, KeyboardInterrupt) as error:
        raise goes_on from error
    if stop:
        task.session.client("ecs").stop_task(
            cluster=task.cluster_arn, task=run_id, reason="stopped by `bixarena run`"
        )
