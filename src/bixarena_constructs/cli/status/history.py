"""Past runs as the history of a stack with monitoring has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.deployed.runs import run_of
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.runs import Run
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["kept_runs", "runs_of_events"]

_LOOK_BACK: Final = timedelta(days=14)
_TIMES: Final = frozenset({"createdAt", "stoppedAt"})


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
