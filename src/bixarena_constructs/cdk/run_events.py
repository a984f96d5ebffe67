"""The events that ECS sends of a task's runs, as patterns for EventBridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_events as events

from bixarena_constructs.deployment import OVERDUE_REASON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_ecs as ecs

__all__ = ["NEVER_STARTED", "OVERDUE", "STOPPED_ON_PURPOSE", "RunEvents"]

NEVER_STARTED: Final = "TaskFailedToStart"
"""``stopCode`` of a task whose containers never ran."""

STOPPED_ON_PURPOSE: Final = "UserInitiated"
"""``stopCode`` of a task that somebody stopped: no failure, so no alert."""

OVERDUE: Final[Mapping[str, object]] = {
    "stopCode": [STOPPED_ON_PURPOSE],
    "stoppedReason": [OVERDUE_REASON],
}
"""Detail of the end of a run that the monitoring stopped, whatever its exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvents:
    """The state changes of the runs of one task, whatever started them.

    Attributes:
        cluster_arn: Cluster of the runs.
        family: Family of their task definition, any revision.
        container_name: The container whose exit code counts; sidecars do not matter.
    """

    cluster_arn: str
    family: str
    container_name: str

    @classmethod
    def of(
        cls,
        *,
        cluster: ecs.ICluster,
        task_definition: ecs.FargateTaskDefinition,
        container_name: str,
    ) -> RunEvents:
        """Return the events of the runs of a task definition in a cluster."""
        return cls(
            cluster_arn=cluster.cluster_arn,
            family=task_definition.family,
            container_name=container_name,
        )

    def state_changes(self) -> events.EventPattern:
        """Return the pattern of every state change of a run."""
        return self._pattern({})

    def starts(self) -> events.EventPattern:
        """Return the pattern of a run that is under way; a run may match more than once."""
        return self._pattern({"lastStatus": ["RUNNING"], "desiredStatus": ["RUNNING"]})

    def ends(self, detail: Mapping[str, object]) -> events.EventPattern:
        """Return the pattern of the end of a run.

        Args:
            detail: What else the detail of the event must have.
        """
        return self._pattern({"lastStatus": ["STOPPED"], **detail})

    def failures(self) -> events.EventPattern:
        """Return the pattern of a run that failed or could not start.

        It matches once the task has stopped and the worker's container ended with another exit
        code than 0, or was never started. Sidecars, GuardDuty's among them, do not matter: the
        name and the exit code are compared within one container of the list. A run that somebody
        stopped is no failure, unless it was the monitoring, at the run's deadline.
        """
        failed = {"name": [self.container_name], "exitCode": [{"anything-but": [0]}]}
        ended = {"containers": failed, "stopCode": [{"anything-but": [STOPPED_ON_PURPOSE]}]}
        return self.ends({"$or": [ended, {"stopCode": [NEVER_STARTED]}, OVERDUE]})

    def _pattern(self, detail: Mapping[str, object]) -> events.EventPattern:
        return events.EventPattern(
            source=["aws.ecs"],
            detail_type=["ECS Task State Change"],
            detail={
                "clusterArn": [self.cluster_arn],
                "group": [f"family:{self.family}"],
                **detail,
            },
        )
