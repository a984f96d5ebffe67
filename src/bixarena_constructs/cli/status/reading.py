"""Reads the status of a deployed task; each part that cannot be read has its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bixarena_constructs.aws.run_times import CronSchedule, RateSchedule
from bixarena_constructs.aws.schedule_expression import UncertainScheduleError, parse_expression
from bixarena_constructs.cli.deployed.logged_runs import (
    LoggedRun,
    contract_mismatch,
    logged_runs,
)
from bixarena_constructs.cli.deployed.monitoring import find_alarms
from bixarena_constructs.cli.deployed.rule import read_rule
from bixarena_constructs.cli.deployed.runs import Run, recent_runs
from bixarena_constructs.cli.errors import AWS_ERRORS, FAILURES, NotFoundError, explained
from bixarena_constructs.cli.status.dead_letters import DeadLetters, read_dead_letters
from bixarena_constructs.cli.status.history import kept_runs
from bixarena_constructs.cli.status.run_lines import RunLine, deadline_seconds, merged_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["ScheduleLine", "Status", "read_status"]

_T = TypeVar("_T")
_RUNS_READ: Final = 10
_NEXT_RUNS: Final = 3
_BAD_STATES: Final = ("ALARM", "GONE")


@dataclass(frozen=True, kw_only=True)
class ScheduleLine:
    """When the rule starts the task.

    Attributes:
        expression: As deployed; its times are in UTC. None if the rule is gone.
        fires: Whether it will start a run.
        next_runs: The next times, in UTC and ISO 8601.
        note: What to know about them.
    """

    expression: str | None
    fires: bool
    next_runs: tuple[str, ...] = ()
    note: str | None = None


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
        attention: What an operator should look at, a sentence each.
        unknown: Why a part could not be read, by its name.
    """

    stack: str
    task: str
    schedule: ScheduleLine | None
    runs: tuple[RunLine, ...]
    snapshots: dict[str, str]
    alarms: dict[str, str] | None
    dead_letters: DeadLetters | None
    attention: tuple[str, ...] = ()
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
        except FAILURES as error:
            unknown[part] = str(explained(error))
        return None

    now = now or datetime.now(UTC)
    recent = known("runs", lambda: recent_runs(task)) or []
    kept = known("history", lambda: kept_runs(task)) or []
    ran = [run.id for run in recent if run.exit_code is not None]
    logged = known("log", lambda: logged_runs(task, _RUNS_READ, run_ids=ran)) or []
    is_running = not all(run.has_stopped for run in recent)
    deadline = known("deadline", lambda: deadline_seconds(task)) if is_running else None
    status = Status(
        stack=task.stack,
        task=task.name,
        schedule=known("schedule", lambda: _schedule(task, recent, now)),
        runs=merged_runs(task, kept + recent, logged, now=now, deadline_seconds=deadline),
        snapshots=_snapshots(logged),
        alarms=known("alarms", lambda: _alarms(task)),
        dead_letters=known("dead letters", lambda: read_dead_letters(task)),
        unknown=unknown,
    )
    return replace(
        status, attention=tuple(_attention(task, status, contract_mismatch(task, logged)))
    )


def _attention(task: DeployedTask, status: Status, mismatch: str | None) -> Iterator[str]:
    if status.schedule and not status.schedule.fires:
        yield f"no run starts by itself: {status.schedule.note}"
    for run in status.runs:
        is_late = run.deadline_seconds and (run.seconds or 0) > run.deadline_seconds
        if not run.has_ended and is_late:
            stop = f"`{task.hint('stop')} --run {run.id}` stops it"
            yield f"the run {run.id} has outlived its deadline; {stop}"
    last = next((run for run in status.runs if run.has_ended and not run.is_a_try), None)
    if last and (last.has_failed or last.shows_nothing):
        log = f"; see `{task.hint('logs')} --run {last.id}`" if last.exit_code else ""
        yield f"the last run, {last.id}: {last.outcome}{log}"
    for name, state in (status.alarms or {}).items():
        if state in _BAD_STATES:
            yield f"the alarm {name} is {'in ALARM' if state == 'ALARM' else 'gone'}"
    if status.dead_letters and status.dead_letters.count:
        yield f"scheduled runs were not started: {status.dead_letters.count}; see the dead letters"
    if mismatch:
        yield mismatch


def _schedule(task: DeployedTask, runs: Iterable[Run], now: datetime) -> ScheduleLine | None:
    if task.rule_name is None:
        return None
    try:
        rule = read_rule(task)
    except NotFoundError as error:
        return ScheduleLine(expression=None, fires=False, note=str(error))
    if not rule.enabled:
        return ScheduleLine(expression=rule.expression, fires=False, note=_why_disabled(task))
    try:
        parsed = parse_expression(rule.expression)
    except UncertainScheduleError as error:
        return ScheduleLine(expression=rule.expression, fires=True, note=str(error))
    if isinstance(parsed, CronSchedule):
        coming = tuple(islice(parsed.runs_after(now), _NEXT_RUNS))
        note = None if coming else "the schedule has no time that is still to come"
    else:
        coming = _after_the_last(parsed, runs, now)
        note = (
            "counted from the last run of the schedule"
            if coming
            else "not known until the schedule has run: AWS does not show when it began to count"
        )
    return ScheduleLine(
        expression=rule.expression,
        fires=bool(coming) or not isinstance(parsed, CronSchedule),
        next_runs=tuple(f"{each:%Y-%m-%dT%H:%MZ}" for each in coming),
        note=note,
    )


def _why_disabled(task: DeployedTask) -> str:
    """Say whether the stack, or somebody since, has disabled the rule."""
    client = task.session.client("cloudformation")
    try:
        resources = client.describe_stack_resources(StackName=task.stack)["StackResources"]
        template: Any = client.get_template(StackName=task.stack)["TemplateBody"]
        (name,) = (
            each["LogicalResourceId"]
            for each in resources
            if each.get("PhysicalResourceId") in (task.rule_name, f"default|{task.rule_name}")
        )
        deployed = template["Resources"][name]["Properties"].get("State", "ENABLED")
    except (*AWS_ERRORS, LookupError, TypeError, ValueError):
        return "the rule is disabled"
    if deployed == "DISABLED":
        return "the rule is disabled, as the stack defines it"
    return "somebody has disabled the rule, which the stack defines as enabled"


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
    alarms = find_alarms(task).items()
    return {name: alarm["StateValue"] if alarm else "GONE" for name, alarm in alarms} or None


def _snapshots(logged: Iterable[LoggedRun]) -> dict[str, str]:
    last: dict[str, str] = {}
    for run in logged:
        for slug in run.published:
            last[slug] = max(last.get(slug, ""), run.snapshot or "")
    return dict(sorted(last.items()))
