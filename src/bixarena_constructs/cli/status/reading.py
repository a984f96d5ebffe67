"""Reads the status of a deployed task; each part that cannot be read has its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from bixarena_constructs.aws.schedule_expression import (
    CronSchedule,
    RateSchedule,
    UncertainScheduleError,
    parse_expression,
)
from bixarena_constructs.cli.deployed.contract_version import contract_mismatch
from bixarena_constructs.cli.deployed.rule import read_rule
from bixarena_constructs.cli.deployed.runs import Run, recent_runs
from bixarena_constructs.cli.errors import CommandError, explained
from bixarena_constructs.cli.status.dead_letters import DeadLetters, read_dead_letters
from bixarena_constructs.cli.status.history import LoggedRun, kept_runs, logged_runs
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["RunLine", "ScheduleLine", "Status", "read_status"]

_T = TypeVar("_T")
_RUNS_SHOWN: Final = 10
_NEXT_RUNS: Final = 3


@dataclass(frozen=True, kw_only=True)
class ScheduleLine:
    """When the rule starts the task.

    Attributes:
        expression: As deployed; its times are in UTC.
        enabled: Whether the rule fires.
        next_runs: The next times, in UTC and ISO 8601.
        note: What to know about them.
    """

    expression: str
    enabled: bool
    next_runs: tuple[str, ...]
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run, merged from ECS, the history and the worker's log.

    Attributes:
        id: Last part of the task's ARN.
        started_at: When it was requested, in UTC and ISO 8601.
        scheduled_at: The scheduled time that it is for.
        outcome: In a word or two.
        exit_code: Exit code of the worker.
        snapshot: Name of its snapshots.
        published: How many leaderboards it published.
        why: Why it failed, in AWS's words and with the cause, where that is known.
    """

    id: str
    started_at: str | None
    scheduled_at: str | None
    outcome: str
    exit_code: int | None
    snapshot: str | None
    published: int | None
    why: str | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """The state of a deployed task.

    Attributes:
        stack: Name of its stack.
        task: Its name in the stack.
        schedule: When it runs; None for a task that no rule of the stack starts.
        runs: The last runs, the newest first.
        snapshots: The last snapshot of each leaderboard in the log, by slug.
        alarms: State of each alarm, by name; None for a stack without monitoring.
        dead_letters: Events whose run could not be started; None where the stack names no queue.
        warning: How the contracts of image and stack differ, if they do.
        unknown: Why a part could not be read, by its name.
    """

    stack: str
    task: str
    schedule: ScheduleLine | None
    runs: tuple[RunLine, ...]
    snapshots: dict[str, str]
    alarms: dict[str, str] | None
    dead_letters: DeadLetters | None
    warning: str | None = None
    unknown: dict[str, str] = field(default_factory=dict)

    # `Any`: a value of JSON.
    def to_dict(self) -> dict[str, Any]:
        """Return the status as values of JSON."""
        return asdict(self)


def read_status(task: DeployedTask, *, now: datetime | None = None) -> Status:
    """Ask AWS for every part of the status; a part that fails is listed as unknown.

    Args:
        task: The task.
        now: The next runs are those after this time. Default: - the clock.
    """
    unknown: dict[str, str] = {}

    def known(part: str, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except CommandError as error:
            unknown[part] = str(error)
        except (BotoCoreError, ClientError) as error:
            unknown[part] = str(explained(error))
        return None

    logged = known("log", lambda: logged_runs(task, _RUNS_SHOWN)) or []
    kept = known("history", lambda: kept_runs(task)) or []
    recent = known("runs", lambda: recent_runs(task)) or []
    return Status(
        stack=task.stack,
        task=task.name,
        schedule=known("schedule", lambda: _schedule(task, recent, now or datetime.now(UTC))),
        runs=_merged(kept + recent, logged),
        snapshots=_snapshots(logged),
        alarms=known("alarms", lambda: _alarms(task)),
        dead_letters=known("dead letters", lambda: read_dead_letters(task)),
        warning=known("contract", lambda: contract_mismatch(task)),
        unknown=unknown,
    )


def _schedule(task: DeployedTask, runs: Iterable[Run], now: datetime) -> ScheduleLine | None:
    if task.rule_name is None:
        return None
    rule = read_rule(task)
    note = None
    coming: tuple[datetime, ...] = ()
    try:
        parsed = parse_expression(rule.expression)
    except UncertainScheduleError as error:
        parsed, note = None, str(error)
    if isinstance(parsed, CronSchedule):
        coming = tuple(islice(parsed.runs_after(now), _NEXT_RUNS))
    elif parsed is not None:
        coming = _after_the_last(parsed, runs, now)
        note = (
            "counted from the last run of the schedule"
            if coming
            else "not known until the schedule has run: AWS does not show when it began to count"
        )
    if not rule.enabled:
        coming, note = (), "the rule is disabled, nothing runs by itself"
    return ScheduleLine(
        expression=rule.expression,
        enabled=rule.enabled,
        next_runs=tuple(f"{each:%Y-%m-%dT%H:%MZ}" for each in coming),
        note=note,
    )


def _after_the_last(
    rate: RateSchedule, runs: Iterable[Run], now: datetime
) -> tuple[datetime, ...]:
    times = [run.scheduled_at for run in runs if run.by_schedule and run.scheduled_at]
    if not times:
        return ()
    last = max(map(datetime.fromisoformat, times))
    passed = (now - last) // rate.interval
    return tuple(last + (passed + step) * rate.interval for step in range(1, _NEXT_RUNS + 1))


def _alarms(task: DeployedTask) -> dict[str, str] | None:
    names = task.outputs.get(Output.ALARM_NAMES)
    if names is None:
        return None
    found = task.session.client("cloudwatch").describe_alarms(AlarmNames=names.split(","))
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found["MetricAlarms"]}
    return {name: states.get(name, "GONE") for name in names.split(",")}


def _snapshots(logged: Iterable[LoggedRun]) -> dict[str, str]:
    last: dict[str, str] = {}
    for run in logged:
        for slug in run.published:
            last[slug] = max(last.get(slug, ""), run.snapshot or "")
    return dict(sorted(last.items()))


def _merged(runs: Iterable[Run], logged: Iterable[LoggedRun]) -> tuple[RunLine, ...]:
    # Later runs win: what ECS shows now is newer than what the history kept.
    by_id = {run.id: run for run in runs}
    from_log = {run.id: run for run in logged}
    lines = [_line(by_id.get(key), from_log.get(key)) for key in by_id.keys() | from_log.keys()]
    lines.sort(key=lambda line: line.started_at or "", reverse=True)
    return tuple(lines[:_RUNS_SHOWN])


def _line(run: Run | None, logged: LoggedRun | None) -> RunLine:
    outcome = logged.outcome if logged else None
    # ECS knows best how a run failed, unless its last line says more.
    if run and (outcome is None or (run.exit_code != 0 and outcome != Outcome.REGRESSED)):
        outcome = run.outcome
    started = logged.started_at if logged else None
    if run and run.created_at:
        started = run.created_at.astimezone(UTC).isoformat(timespec="seconds")
    return RunLine(
        id=run.id if run else logged.id if logged else "",
        started_at=started,
        scheduled_at=run.scheduled_at if run else None,
        outcome=outcome or "no last line in the log",
        exit_code=run.exit_code if run else logged.exit_code if logged else None,
        snapshot=logged.snapshot if logged else None,
        published=len(logged.published) if logged else None,
        why=run.why if run else None,
    )
