"""Past runs: as the history of a stack with monitoring has them, and as the worker's log does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bixarena_constructs.cli.deployed.log_lines import fields_of
from bixarena_constructs.cli.deployed.runs import run_of
from bixarena_constructs.cli.deployed.worker_log import newest_streams
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import LAST_EVENTS, Event, Field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["LoggedRun", "kept_runs", "logged_runs", "runs_of_events"]

_LOOK_BACK: Final = timedelta(days=14)
_TIMES: Final = frozenset({"createdAt", "stoppedAt"})


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """What the log of a run says.

    Attributes:
        id: Last part of the task's ARN.
        started_at: When, in UTC and ISO 8601.
        snapshot: Name of the snapshots that it publishes.
        outcome: As in docs/worker.md, ``failed: CAUSE``, or None where there is no last line.
        exit_code: As the last line has it.
        published: Slugs of the leaderboards whose snapshot it made public.
    """

    id: str
    started_at: str | None
    snapshot: str | None
    outcome: str | None
    exit_code: int | None
    published: tuple[str, ...]


def kept_runs(task: DeployedTask) -> list[Run]:
    """Return the runs of the last two weeks; none if the stack keeps no history."""
    group = task.outputs.get(Output.HISTORY_LOG_GROUP_NAME)
    if group is None:
        return []
    since = datetime.now(UTC) - _LOOK_BACK
    pages = (
        task.session.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, startTime=int(since.timestamp() * 1000))
    )
    messages = [event.get("message", "") for page in pages for event in page["events"]]
    return runs_of_events(messages, task.container_name)


def runs_of_events(messages: list[str], container_name: str) -> list[Run]:
    """Read ``ECS Task State Change`` events, which may be repeated and in any order.

    Args:
        messages: The events as JSON; anything else in the log group is left out.
        container_name: Name of the worker's container.
    """
    # ECS numbers the states of a task; the times of its events may be the same.
    newest: dict[str, tuple[int, Run]] = {}
    for message in messages:
        try:
            detail = json.loads(message)["detail"]
            for name in _TIMES & detail.keys():
                detail[name] = datetime.fromisoformat(detail[name])
            version, run = detail.get("version", 0), run_of(detail, container_name)
        except (AttributeError, LookupError, TypeError, ValueError):
            continue
        if run.id not in newest or version >= newest[run.id][0]:
            newest[run.id] = version, run
    return [run for _, run in newest.values()]


def logged_runs(task: DeployedTask, count: int) -> list[LoggedRun]:
    """Return the runs that logged last, the newest first."""
    return [
        _read_lines(stream.run_id, list(stream.new_lines()))
        for stream in newest_streams(task, count)
    ]


def _read_lines(run_id: str, lines: Iterable[str]) -> LoggedRun:
    """Summarise the log of a run."""
    events = [fields for fields in map(fields_of, lines) if fields]
    first = events[0] if events else {}
    last: dict[str, Any] = next(
        (each for each in reversed(events) if each[Field.EVENT] in LAST_EVENTS), {}
    )
    outcome = _text(last, Field.OUTCOME)
    if outcome is None and last.get(Field.EVENT) == Event.RUN_FAILED:
        outcome = f"failed: {last.get(Field.CAUSE)}"
    exit_code = last.get(Field.EXIT_CODE)
    published = (
        _text(each, Field.LEADERBOARD)
        for each in events
        if each[Field.EVENT] == Event.BOARD_PUBLISHED
    )
    return LoggedRun(
        id=run_id,
        started_at=_text(first, Field.TIME),
        snapshot=_text(first, Field.SNAPSHOT),
        outcome=outcome,
        exit_code=exit_code if isinstance(exit_code, int) else None,
        published=tuple(filter(None, published)),
    )


# The log may hold JSON of other programs, whose fields are not the worker's.
def _text(event: dict[str, Any], name: Field) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None
