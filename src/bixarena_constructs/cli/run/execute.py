"""The work of the commands that start or stop a run, and watch it to its end."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

from bixarena_constructs.cli.deployed.launch import start, stop
from bixarena_constructs.cli.deployed.runs import find_run, recent_runs
from bixarena_constructs.cli.deployed.stack import find_target
from bixarena_constructs.cli.errors import (
    FAILURES,
    NotFoundError,
    NotStartedError,
    OutOfSightError,
    StillRunningError,
    UnusableOptionError,
    exit_on_error,
    explained,
)
from bixarena_constructs.cli.options import read_scheduled_time
from bixarena_constructs.cli.run.watching import watch
from bixarena_constructs.cli.standard_output import discard_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.options import Target

__all__ = ["run_now", "set_visibility", "stop_run"]

_SNAPSHOT: Final = re.compile(r"snapshot_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


class _Terminated(BaseException):
    """SIGTERM."""


def run_now(
    target: Target,
    *,
    environment: Mapping[str, str],
    scheduled_at: str | None,
    timeout: float | None,
    follow: bool,
) -> None:
    """Start a run and watch it; the arguments are those of ``bixarena run``.

    Raises:
        typer.BadParameter: The scheduled time cannot be read.
        typer.Exit: With the worker's exit code, or one of the command line.
    """
    now = datetime.now(UTC)
    run_for = read_scheduled_time(scheduled_at, now=now) if scheduled_at else now
    with exit_on_error():
        task = find_target(target)
        run_id = start(task, scheduled_at=run_for, environment=environment)
        with _in_sight(task, run_id):
            typer.echo(f"started {run_id} for {run_for:%Y-%m-%d %H:%M} UTC", err=True)
            if not follow:
                typer.echo(run_id)
                return
            code = _exit_code(watch(task, run_id, timeout=timeout), task)
    raise typer.Exit(code)


def set_visibility(target: Target, verb: str, snapshot: str) -> None:
    """Let a run of the worker publish or unpublish the snapshots of one time.

    Raises:
        typer.BadParameter: The snapshot has no name of a snapshot.
        typer.Exit: With the worker's exit code, or one of the command line.
    """
    if not _SNAPSHOT.fullmatch(snapshot):
        raise typer.BadParameter(
            f"{snapshot!r} is not a snapshot's name; write it as in snapshot_2026-03-06_10-00-00",
            param_hint="SNAPSHOT",
        )
    with exit_on_error():
        task = find_target(target)
        run_id = start(task, scheduled_at=datetime.now(UTC), arguments=(verb, snapshot))
        with _in_sight(task, run_id):
            typer.echo(f"started {run_id} to {verb} {snapshot}", err=True)
            code = _exit_code(watch(task, run_id), task)
    raise typer.Exit(code)


def stop_run(target: Target, run_id: str | None) -> None:
    """Stop a run and wait for its end; the arguments are those of ``bixarena stop``.

    Raises:
        typer.Exit: With an exit code of the command line.
    """
    with exit_on_error():
        task = find_target(target)
        run = _under_way(task, run_id)
        stop(task, run.id, by="bixarena stop")
        typer.echo(f"stopping {run.id}", err=True)
        ended = watch(task, run.id, shows_log=False)
        typer.echo(f"stopped {run.id}: {ended.outcome}")


def _under_way(task: DeployedTask, run_id: str | None) -> Run:
    """Return the run to stop.

    Raises:
        NotFoundError: No such run is under way.
        UnusableOptionError: Several are, and none was chosen.
    """
    if run_id is not None:
        named = find_run(task, run_id.rpartition("/")[2])
        if named is None or named.has_stopped:
            state = "ECS does not know it" if named is None else named.outcome
            raise NotFoundError(f"the run {run_id} of {task.name} is not under way: {state}")
        return named
    running = [run for run in recent_runs(task) if not run.has_stopped]
    if not running:
        raise NotFoundError(f"no run of {task.name} is under way; see `{task.hint('status')}`")
    if len(running) > 1:
        ids = ", ".join(run.id for run in running)
        raise UnusableOptionError(f"several runs are under way, choose with --run: {ids}")
    return running[0]


@contextmanager
def _in_sight(task: DeployedTask, run_id: str) -> Iterator[None]:
    """Say with every trouble that a run is under way, lest somebody starts a second one.

    Raises:
        OutOfSightError: AWS or the output failed.
        StillRunningError: The command was ended by SIGTERM.
    """
    goes_on = (
        f"the run {run_id} was started and may be under way; see "
        f"`{task.hint('logs')} --run {run_id} --follow` before you start another"
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
    except FAILURES as error:
        raise OutOfSightError(f"{explained(error)}; {goes_on}") from error
    # rich ends the program where the reader of a pipe has gone.
    except (OSError, SystemExit) as error:
        discard_output()
        raise OutOfSightError(f"standard output takes no more; {goes_on}") from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit_code(run: Run, task: DeployedTask) -> int:
    """Report how a run ended, and return the worker's exit code.

    Raises:
        NotStartedError: There is no exit code: the worker never ran.
    """
    why = "" if run.cause is None else f"\n{task.hinted(str(run.cause))}"
    if run.exit_code is None:
        raise NotStartedError(f"the worker never ran: {run.reason or 'ECS gives no reason'}{why}")
    if run.exit_code:
        typer.echo(f"the worker ended with exit code {run.exit_code}: {run.reason}{why}", err=True)
    return run.exit_code
