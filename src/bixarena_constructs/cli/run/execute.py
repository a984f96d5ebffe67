"""The work of ``bixarena run``: start, watch, explain, exit with the worker's code."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.errors import (
    AWS_ERRORS,
    CommandError,
    NotStartedError,
    OutOfSightError,
    StillRunningError,
    exit_on_error,
    explained,
)
from bixarena_constructs.cli.options import read_scheduled_time
from bixarena_constructs.cli.run.launch import start
from bixarena_constructs.cli.run.variables import worker_variables
from bixarena_constructs.cli.run.watching import watch
from bixarena_constructs.cli.standard_output import discard_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["run_now"]


class _Terminated(BaseException):
    """SIGTERM."""


def run_now(
    stack: str,
    *,
    task_name: str | None,
    leaderboard: str | None,
    known: Iterable[str],
    other: Iterable[str],
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
    environment = worker_variables(known, other=other, leaderboard=leaderboard, dry_run=dry_run)
    now = datetime.now(UTC)
    run_for = read_scheduled_time(scheduled_at, now=now) if scheduled_at else now
    with exit_on_error():
        task = find_task(open_session(profile=profile, region=region), stack, name=task_name)
        run_id = start(task, scheduled_at=run_for, environment=environment).rpartition("/")[2]
        with _in_sight(task, run_id):
            typer.echo(f"started {run_id} for {run_for:%Y-%m-%d %H:%M} UTC", err=True)
            if not follow:
                typer.echo(run_id)
                return
            code = _exit_code(watch(task, run_id, timeout=timeout))
    raise typer.Exit(code)


@contextmanager
def _in_sight(task: DeployedTask, run_id: str) -> Iterator[None]:
    """Say with every trouble that a run is under way, lest somebody starts a second one.

    Raises:
        OutOfSightError: AWS or the output failed.
        StillRunningError: The command was ended by SIGTERM.
    """
    goes_on = (
        f"the run {run_id} was started and may be under way; see "
        f"`bixarena logs {task.arguments} --run {run_id} --follow` before you start another"
    )

    def end(*_: object) -> None:
        # No `Exception`: botocore would take that for a failure of the network.
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (NotStartedError, StillRunningError):
        raise
    except _Terminated as error:
        raise StillRunningError(f"ended by SIGTERM; {goes_on}") from error
    except CommandError as error:
        raise OutOfSightError(f"{error}; {goes_on}") from error
    except AWS_ERRORS as error:
        raise OutOfSightError(f"{explained(error)}; {goes_on}") from error
    # rich ends the program where the reader of a pipe has gone.
    except (OSError, SystemExit) as error:
        discard_output()
        raise OutOfSightError(f"standard output takes no more; {goes_on}") from error
    finally:
        signal.signal(signal.SIGTERM, before)


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
