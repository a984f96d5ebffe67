"""Checks that the worker can log in to its database, by a run of its own check."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.launch import start
from bixarena_constructs.cli.deployed.log_lines import ENDS, fields_of
from bixarena_constructs.cli.deployed.worker_log import LogStream
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import CommandError
from bixarena_constructs.cli.printable import printable
from bixarena_constructs.worker.contract import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_login"]

_CHECK: Final = "login"


def check_login(subject: Subject) -> Iterator[Finding]:
    """Let the worker try login, grants and thresholds, if the caller wants a run for it."""
    if not subject.connects:
        yield not_checked(
            _CHECK,
            "whether the database lets the worker in: --connect tries it, by a run that "
            "changes nothing",
        )
        return
    lines: list[str] = []
    try:
        run_id = start(subject.task, scheduled_at=datetime.now(UTC), arguments=("--check",))
        typer.echo(f"started {run_id} to try the login", err=True)
        log = LogStream(task=subject.task, run_id=run_id)
        run = Follower(task=subject.task, log=log, on_line=lines.append).follow()
    except CommandError as error:
        yield not_checked(_CHECK, str(error))
        return
    if run.exit_code == 0:
        yield fine(_CHECK, "the database lets the worker in, and grants what it needs")
        return
    ends = (fields for fields in map(fields_of, lines) if fields.get(Field.EVENT) in ENDS)
    said = str(next(ends, {}).get(Field.ERROR, ""))
    cause = run.cause
    why = "; ".join(filter(None, (run.outcome, printable(said), run.reason)))
    yield problem(
        _CHECK,
        f"the run {run_id} of the worker's check {why}",
        fix=cause.fix if cause else f"see `{subject.task.hint('logs')} --run {run_id}`",
    )
