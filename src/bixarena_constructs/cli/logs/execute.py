"""The work of ``bixarena logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console

from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.log_lines import readable
from bixarena_constructs.cli.deployed.runs import find_run, recent_runs
from bixarena_constructs.cli.deployed.stack import find_target
from bixarena_constructs.cli.deployed.worker_log import LogStream, newest_streams
from bixarena_constructs.cli.errors import (
    AWS_ERRORS,
    NotFoundError,
    StillRunningError,
    exit_on_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.errors import CommandError
    from bixarena_constructs.cli.options import Target

__all__ = ["show_log"]


def show_log(target: Target, run_id: str | None, *, follow: bool, raw: bool) -> None:
    """Print the log of a run; the arguments are those of ``bixarena logs``.

    Raises:
        typer.Exit: With an exit code of the command line.
    """
    console = Console(highlight=False, soft_wrap=True)

    def show(line: str) -> None:
        if raw:
            typer.echo(line)
        else:
            console.print(readable(line))

    with exit_on_error():
        task = find_target(target)
        if run_id is None:
            log = _newest_log(task, follow=follow)
        else:
            log = LogStream(task=task, run_id=run_id.rpartition("/")[2])
        typer.echo(f"run {log.run_id}", err=True)
        if follow and find_run(task, log.run_id):
            _follow(task, log, show)
            return
        lines = list(log.new_lines())
        if not lines:
            raise NotFoundError(_why_empty(task, log.run_id))
        for line in lines:
            show(line)


def _follow(task: DeployedTask, log: LogStream, show: Callable[[str], None]) -> None:
    def refuse(error: CommandError) -> None:
        raise error

    follower = Follower(task=task, log=log, on_line=show, on_unreadable=refuse)
    try:
        follower.follow()
    except KeyboardInterrupt as error:
        raise StillRunningError(
            f"stopped watching the run {log.run_id}, which goes on; "
            f"`{task.hint('stop')} --run {log.run_id}` stops it"
        ) from error


def _newest_log(task: DeployedTask, *, follow: bool) -> LogStream:
    """Return the log of the run that logged last, with a warning if a later one never started.

    Raises:
        NotFoundError: No run has logged yet.
    """
    recent = _seen_runs(task)
    newest = recent[0] if recent else None
    # CloudWatch may need an hour to see that a stream has a new line; ECS knows its runs at once.
    if newest and (newest.exit_code is not None or (follow and not newest.has_stopped)):
        return LogStream(task=task, run_id=newest.id)
    streams = newest_streams(task, 1)
    if newest and newest.has_stopped:
        why = f"the last run, {newest.id}, never started: {task.hinted(newest.why or '')}"
        if not streams:
            raise NotFoundError(f"{why}; no other has logged yet")
        typer.echo(f"warning: {why}\nwarning: this is the log of an earlier run", err=True)
    if not streams:
        raise NotFoundError(f"no run of {task.name} has logged to {task.log_group_name} yet")
    return streams[0]


def _seen_runs(task: DeployedTask) -> list[Run]:
    try:
        return recent_runs(task)
    except AWS_ERRORS:
        return []  # the log can be shown without


def _why_empty(task: DeployedTask, run_id: str) -> str:
    run = find_run(task, run_id)
    if run is None:
        return f"no run {run_id} has logged to {task.log_group_name}"
    why = "; ".join(filter(None, (run.outcome, task.hinted(run.why or ""))))
    return f"the run {run_id} has logged nothing; its outcome: {why}"
