"""What ``bixarena logs`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.log_lines import readable
from bixarena_constructs.cli.deployed.runs import find_run, recent_runs
from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.deployed.worker_log import newest_streams, stream_of
from bixarena_constructs.cli.errors import (
    NotFoundError,
    StillRunningError,
    told_in_one_line,
)

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.deployed.worker_log import LogStream

__all__ = ["Request", "show_log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Whose log to show; see ``bixarena logs --help``."""

    stack: str
    task: str | None
    run_id: str | None
    follow: bool
    raw: bool
    profile: str | None
    region: str | None


def show_log(request: Request) -> None:
    """Carry out a request.

    Raises:
        typer.Exit: With one of the command line's own codes.
    """
    console = Console(highlight=False, soft_wrap=True)

    def tell(line: str) -> None:
        if request.raw:
            typer.echo(line)
        else:
            console.print(readable(line))

    with told_in_one_line():
        session = open_session(profile=request.profile, region=request.region)
        task = find_task(session, request.stack, name=request.task)
        log = _chosen(task, request)
        if request.follow and find_run(task, log.run_id):
            follower = Follower(task=task, log=log, on_status=_ignore, on_line=tell)
            try:
                follower.follow()
            except KeyboardInterrupt as error:
                raise StillRunningError(f"left the run {log.run_id}, which goes on") from error
            return
        found = False
        for line in log.new_lines():
            found = True
            tell(line)
        if not found:
            raise NotFoundError(_why_empty(task, log.run_id))


def _chosen(task: DeployedTask, request: Request) -> LogStream:
    if request.run_id is not None:
        return stream_of(task, request.run_id.rpartition("/")[2])
    if request.follow:
        # The run that is under way may not have written yet.
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
        return f"the run {run_id} has logged nothing, it is {run.outcome}{why}{cause}"
    return f"no run {run_id} has logged to {task.log_group_name}"


def _ignore(_status: str) -> None:
    """Say nothing: the log is all that was asked for."""
