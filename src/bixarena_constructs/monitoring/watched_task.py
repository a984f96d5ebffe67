"""The task that is watched, as each part of the monitoring sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import publication

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_events as events
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_sqs as sqs

    from bixarena_constructs.commands import TaskLaunch
    from bixarena_constructs.schedule import RunSchedule

__all__ = ["WatchedTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTask:
    """A scheduled task and what its construct knows of it.

    Attributes:
        name: What people call it: the path of its construct.
        cluster: Cluster that it runs in.
        task_definition: Its task definition.
        container_name: The worker's container.
        schedule: When it runs.
        enabled: Whether its schedule starts runs.
        max_event_age: How long EventBridge tries to start a run.
        max_runtime: How long a run may take.
        event_rule: The rule that starts it.
        dead_letter_queue: Where the events go whose run could not be started.
        log_group: Log group of the worker.
        log_tail_command: The command line that follows that log.
        launch: What a run needs beside its task definition.
    """

    name: str
    cluster: ecs.ICluster
    task_definition: ecs.FargateTaskDefinition
    container_name: str
    schedule: RunSchedule
    enabled: bool
    max_event_age: Duration
    max_runtime: Duration
    event_rule: events.Rule
    dead_letter_queue: sqs.IQueue
    log_group: logs.ILogGroup
    log_tail_command: str
    launch: TaskLaunch


publication.publish()
