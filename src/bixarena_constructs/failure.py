"""The event that tells that a run failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from aws_cdk import aws_events as events

if TYPE_CHECKING:
    from aws_cdk import aws_ecs as ecs

__all__ = ["failure_pattern"]


def failure_pattern(
    *, cluster: ecs.ICluster, task_definition: ecs.FargateTaskDefinition, container_name: str
) -> events.EventPattern:
    """Return the pattern of a run that failed or could not start.

    It matches once the task has stopped and the named container ended with another exit code
    than 0, or was never started. Sidecars, GuardDuty's among them, do not matter: the name and
    the exit code are compared within one container of the list.

    Args:
        cluster: Cluster of the run.
        task_definition: Task definition of the run, in any revision.
        container_name: The container whose exit code counts.
    """
    return events.EventPattern(
        source=["aws.ecs"],
        detail_type=["ECS Task State Change"],
        detail={
            "clusterArn": [cluster.cluster_arn],
            "group": [f"family:{task_definition.family}"],
            "lastStatus": ["STOPPED"],
            "$or": [
                {
                    "containers": {
                        "name": [container_name],
                        "exitCode": [{"anything-but": [0]}],
                    }
                },
                {"stopCode": ["TaskFailedToStart"]},
            ],
        },
    )


publication.publish()
