"""The worker's log in CloudWatch, by run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef, GetLogEventsResponseTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["LogStream", "newest_streams"]

# Streams of other tasks in the same log group may come before the task's own.
_STREAMS_LOOKED_AT: Final = 1000


@dataclass(kw_only=True)
class LogStream:
    """The log of one run, whose stream may not exist yet; each line is read once.

    Attributes:
        task: The task of the run.
        run_id: Id of the run.
        prefix: What the stream's name has before that. Default: - as the task definition says.
    """

    task: DeployedTask
    run_id: str
    prefix: str | None = None
    _token: str | None = field(default=None, init=False)

    @cached_property
    def name(self) -> str:
        """Name of the stream."""
        return f"{self.prefix or _prefix(self.task)}{self.run_id}"

    def new_lines(self) -> Iterator[str]:
        """Yield the lines since the last call; none while the stream does not exist."""
        while (answer := self._page()) is not None:
            yield from (event["message"] for event in answer["events"])
            # CloudWatch returns the same token at the end; a page before it may be empty.
            seen, self._token = self._token, answer["nextForwardToken"]
            if self._token == seen:
                return

    def _page(self) -> GetLogEventsResponseTypeDef | None:
        logs = self.task.session.client("logs")
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": self.task.log_group_name,
            "logStreamName": self.name,
            "startFromHead": True,
        }
        if self._token is not None:
            request["nextToken"] = self._token
        try:
            return logs.get_log_events(**request)
        except logs.exceptions.ResourceNotFoundException:
            return None


def newest_streams(
    task: DeployedTask, count: int, *, run_ids: Iterable[str] = ()
) -> list[LogStream]:
    """Return the logs of the runs that logged last, the newest first.

    Args:
        task: The task.
        count: How many to return at most.
        run_ids: Runs that come first: CloudWatch may need an hour to see that a stream is new.
    """
    logs = task.session.client("logs")
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=task.log_group_name,
        orderBy="LastEventTime",
        descending=True,
        PaginationConfig={"MaxItems": _STREAMS_LOOKED_AT},
    )
    prefix = _prefix(task)
    listed = (each["logStreamName"] for page in pages for each in page["logStreams"])
    ids = dict.fromkeys(run_ids)
    with suppress(logs.exceptions.ResourceNotFoundException):
        for name in listed:
            if len(ids) >= count:
                break
            if name.startswith(prefix):
                ids[name.removeprefix(prefix)] = None
    return [LogStream(task=task, run_id=each, prefix=prefix) for each in islice(ids, count)]


def _prefix(task: DeployedTask) -> str:
    """Return how the names of the task's streams begin, as its definition says."""
    definition = task.session.client("ecs").describe_task_definition(
        taskDefinition=task.outputs[Output.TASK_DEFINITION_ARN]
    )["taskDefinition"]
    options = (
        container["logConfiguration"].get("options", {})
        for container in definition["containerDefinitions"]
        if container["name"] == task.container_name and "logConfiguration" in container
    )
    prefix = next(options, {}).get("awslogs-stream-prefix", "")
    return f"{prefix}/{task.container_name}/"
