"""The work of ``bixarena run``: start, watch, explain, exit with the worker's code."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.errors import NotStartedError, exit_on_error
from bixarena_constructs.cli.options import read_scheduled_time
from bixarena_constructs.cli.run.launch import start
from bixarena_constructs.cli.run.watching import watch
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bixarena_constructs.cli.deployed.runs import Run

__all__ = ["run_now"]

_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)


def run_now(
    stack: str,
    *,
    task_name: str | None,
    leaderboard: str | None,
    variables: Iterable[str],
    dry_run: bool,
    scheduled_at: str | None,
    timeout: float | None,
    follow: bool,
    profile: str | None,
    region: str | None,
) -> None:
    """Start a run and watch it; the arguments are those of ``bixarena run``.

    Raises:
        typer.BadParameter: An option cannot be read.
        typer.Exit: With the worker's exit code, or one of the command line.
    """
    environment = _environment(variables, leaderboard=leaderboard, dry_run=dry_run)
    now = datetime.now(UTC)
    run_for = read_scheduled_time(scheduled_at, now=now) if scheduled_at else now
    with exit_on_error():
        task = find_task(open_session(profile=profile, region=region), stack, name=task_name)
        task_arn = start(task, scheduled_at=run_for, environment=environment)
        run_id = task_arn.rpartition("/")[2]
        typer.echo(f"started {run_id} for {run_for:%Y-%m-%d %H:%M} UTC", err=True)
        if not follow:
            typer.echo(run_id)
            return
        code = _exit_code(watch(task, run_id, timeout=timeout))
    raise typer.Exit(code)


def _environment(
    variables: Iterable[str], *, leaderboard: str | None, dry_run: bool
) -> dict[str, str]:
    named = {}
    for variable in variables:
        found = _VARIABLE.fullmatch(variable)
        if found is None:
            raise typer.BadParameter(
                f"{variable!r} is not NAME=VALUE, as in {Variable.NUM_BOOTSTRAP}=200",
                param_hint="--set",
            )
        named[found["name"]] = found["value"]
    if leaderboard is not None:
        named[Variable.LEADERBOARD_SLUG] = leaderboard
    if dry_run:
        named[Variable.DRY_RUN] = "true"
    return named


def _exit_code(run: Run) -> int:
    """Report how a run ended, and return the worker's exit code.

    Raises:
        NotStartedError: There is no exit code: the worker never ran.
    """
    why = "" if run.cause is None else f"\n{run.cause}"
    if run.exit_code is None:
        raise NotStartedError(f"the worker never ran: {run.reason or 'ECS gives no reason'}{why}")
    if run.exit_code:
        typer.echo(f"the worker ended with exit code {run.exit_code}: {run.reason}{why}", err=True)
    return run.exit_code
