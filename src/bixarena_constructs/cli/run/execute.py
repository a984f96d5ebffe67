"""What ``bixarena run`` does: start, watch, explain, and end with the worker's exit code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from bixarena_constructs.cli.deployed.rule import read_rule
from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.errors import NotStartedError, told_in_one_line
from bixarena_constructs.cli.options import moment
from bixarena_constructs.cli.run.launch import start
from bixarena_constructs.cli.run.watching import watch
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.runs import Run

__all__ = ["Request", "run_now"]

_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run; see ``bixarena run --help``."""

    stack: str
    task: str | None
    leaderboard: str | None
    variables: tuple[str, ...]
    dry_run: bool
    scheduled_at: str | None
    timeout: float | None
    follow: bool
    profile: str | None
    region: str | None

    def environment(self) -> dict[str, str]:
        """Return the worker's variables that were asked for.

        Raises:
            typer.BadParameter: One has no name.
        """
        named = {}
        for variable in self.variables:
            found = _VARIABLE.fullmatch(variable)
            if found is None:
                raise typer.BadParameter(
                    f"{variable!r} is not NAME=VALUE, as in {Variable.NUM_BOOTSTRAP}=200",
                    param_hint="--set",
                )
            named[found["name"]] = found["value"]
        if self.leaderboard is not None:
            named[Variable.LEADERBOARD_SLUG] = self.leaderboard
        if self.dry_run:
            named[Variable.DRY_RUN] = "true"
        return named


def run_now(request: Request) -> None:
    """Carry out a request.

    Raises:
        typer.BadParameter: An option cannot be read.
        typer.Exit: With the worker's exit code, or one of the command line's own.
    """
    environment = request.environment()
    now = datetime.now(UTC)
    scheduled_at = moment(request.scheduled_at, now=now) if request.scheduled_at else now
    with told_in_one_line():
        session = open_session(profile=request.profile, region=request.region)
        task = find_task(session, request.stack, name=request.task)
        task_arn = start(task, read_rule(task), scheduled_at=scheduled_at, environment=environment)
        run_id = task_arn.rpartition("/")[2]
        typer.echo(f"started {run_id} for {scheduled_at:%Y-%m-%d %H:%M} UTC", err=True)
        if not request.follow:
            typer.echo(run_id)
            return
        code = _exit_code(watch(task, run_id, timeout=request.timeout))
    raise typer.Exit(code)


def _exit_code(run: Run) -> int:
    """Tell how a run ended, and return the worker's exit code.

    Raises:
        NotStartedError: The worker has none: it never ran.
    """
    why = "" if run.cause is None else f"\n{run.cause}"
    if run.exit_code is None:
        raise NotStartedError(f"the worker never ran: {run.reason or 'ECS gives no reason'}{why}")
    if run.exit_code:
        typer.echo(f"the worker ended with exit code {run.exit_code}: {run.reason}{why}", err=True)
    return run.exit_code
