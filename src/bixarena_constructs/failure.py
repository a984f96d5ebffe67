"""The events that ECS sends of a run, and the one that tells that it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import publication
from aws_cdk import aws_events as events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_ecs as ecs

__all__ = ["failure_pattern", "stopped_task_pattern", "task_pattern"]


def task_pattern(
    *,
    cluster: ecs.ICluster,
    task_definition: ecs.FargateTaskDefinition,
    # `Any`: the tree of lists and mappings that event patterns are made of.
    detail: Mapping[str, Any],
) -> events.EventPattern:
    """Return the pattern of a state change of a run.

    Args:
        cluster: Cluster of the run.
        task_definition: Task definition of the run, in any revision.
        detail: What else the detail of the event must have.
    """
    return events.EventPattern(
        source=["aws.ecs"],
        detail_type=["ECS Task State Change"],
        detail={
            "clusterArn": [cluster.cluster_arn],
            "group": [f"family:{task_definition.family}"],
            **detail,
        },
    )


def stopped_task_pattern(
    *,
    cluster: ecs.ICluster,
    task_definition: ecs.FargateTaskDefinition,
    # `Any`: the tree of lists and mappings that event patterns are made of.
    detail: Mapping[str, Any],
) -> events.EventPattern:
    """Return the pattern of the end of a run.

    Args:
        cluster: Cluster of the run.
        task_definition: Task definition of the run, in any revision.
        detail: What else the detail of the event must have.
    """
    return task_pattern(
        cluster=cluster,
        task_definition=task_definition,
        detail={"lastStatus": ["STOPPED"], **detail},
    )


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
    return stopped_task_pattern(
        cluster=cluster,
        task_definition=task_definition,
        detail={
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
