"""The work of ``bixarena logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console

from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.log_lines import readable
from bixarena_constructs.cli.deployed.runs import find_run, recent_runs
from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.deployed.worker_log import newest_streams, stream_of
from bixarena_constructs.cli.errors import NotFoundError, StillRunningError, exit_on_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.deployed.worker_log import LogStream
    from bixarena_constructs.cli.errors import CommandError

__all__ = ["show_log"]


def show_log(
    stack: str,
    *,
    task_name: str | None,
    run_id: str | None,
    follow: bool,
    raw: bool,
    profile: str | None,
    region: str | None,
) -> None:
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
        task = find_task(open_session(profile=profile, region=region), stack, name=task_name)
        log = _chosen_log(task, run_id, follow=follow)
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

    follower = Follower(
        task=task, log=log, on_status=lambda _: None, on_line=show, on_unreadable=refuse
    )
    try:
        follower.follow()
    except KeyboardInterrupt as error:
        raise StillRunningError(f"stopped watching the run {log.run_id}, which goes on") from error


def _chosen_log(task: DeployedTask, run_id: str | None, *, follow: bool) -> LogStream:
    if run_id is not None:
        return stream_of(task, run_id.rpartition("/")[2])
    if follow:
        # A run that has just started may not have logged yet.
        running = [run for run in recent_runs(task) if not run.has_stopped]
        if running:
            return stream_of(task, running[0].id)
    streams = newest_streams(task, 1)
    if not streams:
        raise NotFoundError(f"no run of {task.name} has logged to {task.log_group_name} yet")
    return streams[0]


def _why_empty(task: DeployedTask, run_id: str) -> str:
    run = find_run(task, run_id)
    if run is not None:
        why = f": {run.reason}" if run.reason else ""
        cause = "" if run.cause is None else f"; {run.cause}"
        return f"the run {run_id} has logged nothing; its outcome: {run.outcome}{why}{cause}"
    return f"no run {run_id} has logged to {task.log_group_name}"
