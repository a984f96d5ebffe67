"""The worker's log as CloudWatch has it, by run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef, GetLogEventsResponseTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["LogStream", "newest_streams", "stream_of"]

_STREAMS_LISTED = 50


@dataclass(kw_only=True)
class LogStream:
    """The log of one run, read once from its start.

    Attributes:
        task: What it is a run of.
        name: Of the stream: prefix, container, and the run's id.
    """

    task: DeployedTask
    name: str
    _token: str | None = None

    @property
    def run_id(self) -> str:
        """The run that wrote it."""
        return self.name.rpartition("/")[2]

    def new_lines(self) -> Iterator[str]:
        """Yield the lines that have come since the last time; none while there is no stream."""
        while (answer := self._page()) is not None:
            yield from (event["message"] for event in answer["events"])
            # The same token again is how CloudWatch says that there is no more.
            seen, self._token = self._token, answer["nextForwardToken"]
            if self._token == seen or not answer["events"]:
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


def stream_of(task: DeployedTask, run_id: str) -> LogStream:
    """Return the log of a run, which may not be there yet."""
    definition = task.session.client("ecs").describe_task_definition(
        taskDefinition=task.outputs[Output.TASK_DEFINITION_ARN]
    )["taskDefinition"]
    prefix = next(
        (
            container["logConfiguration"]["options"].get("awslogs-stream-prefix", "")
            for container in definition["containerDefinitions"]
            if container["name"] == task.container_name and "logConfiguration" in container
        ),
        "",
    )
    return LogStream(task=task, name=f"{prefix}/{task.container_name}/{run_id}")


def newest_streams(task: DeployedTask, count: int) -> list[LogStream]:
    """Return the logs of the runs that wrote last, the newest first."""
    logs = task.session.client("logs")
    try:
        found = logs.describe_log_streams(
            logGroupName=task.log_group_name,
            orderBy="LastEventTime",
            descending=True,
            limit=_STREAMS_LISTED,
        )["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    # A log group of the user's may have other tasks' streams in it.
    ours = [each for each in found if f"/{task.container_name}/" in each["logStreamName"]]
    ours.sort(key=lambda each: each.get("lastEventTimestamp", 0), reverse=True)
    return [LogStream(task=task, name=each["logStreamName"]) for each in ours[:count]]
