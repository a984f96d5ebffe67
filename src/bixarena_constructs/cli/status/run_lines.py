"""Runs as `status` shows them, merged from ECS, the history and the worker's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from textwrap import shorten
from typing import TYPE_CHECKING, Final

from bixarena_constructs.deployment import (
    STARTED_BY_COMMAND_LINE,
    STARTED_BY_RETRY,
    STARTED_BY_RULE,
    STARTED_BY_SCHEDULE,
    Output,
)
from bixarena_constructs.worker.contract import Outcome, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bixarena_constructs.cli.deployed.logged_runs import LoggedRun
    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["RunLine", "deadline_seconds", "merged_runs"]

_RUNS_SHOWN: Final = 10
_ERROR_SHOWN: Final = 200
_NO_LAST_LINE: Final = "no last line in the log"
_STARTERS: Final = {
    STARTED_BY_RULE: "the schedule",
    STARTED_BY_SCHEDULE: "the schedule",
    STARTED_BY_RETRY: "a retry",
    STARTED_BY_COMMAND_LINE: "bixarena",
}


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run, merged from ECS, the history and the worker's log.

    Attributes:
        id: Last part of the task's ARN.
        started_at: When it was requested, in UTC and ISO 8601.
        scheduled_at: The scheduled time that it is for.
        started_by: ``the schedule``, ``a retry``, ``bixarena``, or what ECS has.
        command: Arguments of the worker for a run that ranks nothing, as in ``--check``.
        has_ended: Whether it has.
        seconds: How long it took, or has taken so far.
        deadline_seconds: How long it may take; None for a run that has ended.
        outcome: In a word or two.
        exit_code: Exit code of the worker.
        snapshot: Name of its snapshots.
        published: How many leaderboards it published.
        why: Why it failed, in the worker's words and AWS's, and with the cause, if known.
    """

    id: str
    started_at: str | None
    scheduled_at: str | None
    started_by: str | None
    command: str
    has_ended: bool
    seconds: float | None
    deadline_seconds: float | None
    outcome: str
    exit_code: int | None
    snapshot: str | None
    published: int | None
    why: str | None

    @property
    def has_failed(self) -> bool:
        """Whether it ended, and not well."""
        return self.has_ended and (self.exit_code != 0 or self.outcome == _NO_LAST_LINE)

    @property
    def is_a_try(self) -> bool:
        """Whether somebody started it who wanted no whole snapshot."""
        by_hand = self.started_by == _STARTERS[STARTED_BY_COMMAND_LINE]
        return bool(self.command) or (
            by_hand and self.outcome in (Outcome.COMPUTED, Outcome.PARTIAL)
        )

    @property
    def shows_nothing(self) -> bool:
        """Whether it did what it was asked to, and the site shows an older snapshot."""
        return self.outcome in (Outcome.COMPUTED, Outcome.STORED_PRIVATE)


def merged_runs(
    task: DeployedTask,
    runs: Iterable[Run],
    logged: Iterable[LoggedRun],
    *,
    now: datetime,
    deadline_seconds: float | None,
) -> tuple[RunLine, ...]:
    """Return what is known of the last runs, the newest first.

    Args:
        task: The task.
        runs: Runs as the history and ECS have them; a later one of the same ID wins.
        logged: Runs as the log has them.
        now: The time.
        deadline_seconds: How long a run may take; None if that is not known.
    """
    by_id = {run.id: run for run in runs}
    from_log = {run.id: run for run in logged}
    # By all digits of the time: a line shows whole seconds.
    newest = sorted(
        by_id.keys() | from_log.keys(),
        key=lambda key: _started(by_id.get(key), from_log.get(key), digits="microseconds") or "",
        reverse=True,
    )
    return tuple(
        _line(task, by_id.get(key), from_log.get(key), now, deadline_seconds)
        for key in newest[:_RUNS_SHOWN]
    )


def deadline_seconds(task: DeployedTask) -> float | None:
    """Return how long a run may take, by the task definition; None if it does not say."""
    arn = task.outputs[Output.TASK_DEFINITION_ARN]
    found = task.session.client("ecs").describe_task_definition(taskDefinition=arn)
    values = (
        variable.get("value", "")
        for container in found["taskDefinition"]["containerDefinitions"]
        for variable in container.get("environment", ())
        if variable.get("name") == Variable.MAX_RUNTIME_SECONDS
    )
    value = next(values, "")
    return float(value) if value.isdecimal() else None


def _line(
    task: DeployedTask,
    run: Run | None,
    logged: LoggedRun | None,
    now: datetime,
    deadline: float | None,
) -> RunLine:
    outcome = logged.outcome if logged else None
    # ECS knows best how a run failed, unless its last line says more.
    if run and (outcome is None or (run.exit_code != 0 and outcome != Outcome.REGRESSED)):
        outcome = run.outcome
    seconds = logged.seconds if logged else None
    if run and run.created_at:
        seconds = ((run.stopped_at or now) - run.created_at).total_seconds()
    has_ended = run is None or run.has_stopped
    return RunLine(
        id=run.id if run else logged.id if logged else "",
        started_at=_started(run, logged, digits="seconds"),
        scheduled_at=run.scheduled_at if run else None,
        started_by=_starter(run.started_by) if run else None,
        command=" ".join(run.command) if run else "",
        has_ended=has_ended,
        seconds=seconds,
        deadline_seconds=None if has_ended else deadline,
        outcome=outcome or _NO_LAST_LINE,
        exit_code=run.exit_code if run else logged.exit_code if logged else None,
        snapshot=logged.snapshot if logged else None,
        published=len(logged.published) if logged else None,
        why=_why(task, run, logged),
    )


def _started(run: Run | None, logged: LoggedRun | None, *, digits: str) -> str | None:
    if run and run.created_at:
        return run.created_at.astimezone(UTC).isoformat(timespec=digits)
    return logged.started_at if logged else None


def _why(task: DeployedTask, run: Run | None, logged: LoggedRun | None) -> str | None:
    error = shorten(logged.error or "", _ERROR_SHOWN, placeholder="…") if logged else ""
    of_run = task.hinted(run.why) if run and run.why else ""
    return "; ".join(filter(None, (error, of_run))) or None


def _starter(started_by: str) -> str:
    return next(
        (who for start, who in _STARTERS.items() if started_by.startswith(start)), started_by
    )
