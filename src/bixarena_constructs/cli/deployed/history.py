"""Runs as the task's own history keeps them, where its stack has one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bixarena_constructs.cli.deployed.runs import Run, run_of
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["kept_runs", "runs_of_events"]

_LOOK_BACK: Final = timedelta(days=14)
_TIMES: Final = ("createdAt", "stoppedAt")


def kept_runs(task: DeployedTask) -> list[Run]:
    """Return the runs of the last two weeks; none without a history in the stack."""
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
    """Read ``ECS Task State Change`` events, which come more than once and in any order.

    Args:
        messages: The events as JSON.
        container_name: The container that the worker runs in.
    """
    # `Any`: JSON of AWS's.
    newest: dict[str, dict[str, Any]] = {}
    for message in messages:
        detail = json.loads(message).get("detail", {})
        known = newest.get(detail.get("taskArn", ""), {})
        # ECS numbers the states of a task, which the time of an event does not do.
        if "taskArn" in detail and detail.get("version", 0) >= known.get("version", 0):
            newest[detail["taskArn"]] = detail
    return [run_of(_with_times(detail), container_name) for detail in newest.values()]


def _with_times(detail: dict[str, Any]) -> Any:
    times = {name: datetime.fromisoformat(detail[name]) for name in _TIMES if detail.get(name)}
    return {**detail, **times}
