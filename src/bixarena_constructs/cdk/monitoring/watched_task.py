"""The task that is watched: what the monitoring knows of what runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from bixarena_constructs.cdk.run_events import RunEvents
from bixarena_constructs.cdk.task.log import require_metric_filters
from bixarena_constructs.cdk.task_launch import TaskLaunch
from bixarena_constructs.cdk.tokens import path_below, read, resolved, resource_of, stack_of
from bixarena_constructs.deployment import OUTPUTS_ID
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Construct

    from bixarena_constructs.cdk.monitoring.trigger import ResolvedTarget, RunTrigger

__all__ = ["Monitorable", "OwnTask", "WatchedTask"]


class OwnTask(IConstruct, Protocol):
    """A `SnapshotTask`, as far as the monitoring sees it."""

    @property
    def task_definition(self) -> ecs.FargateTaskDefinition:
        """Its task definition."""

    @property
    def container_name(self) -> str:
        """Its worker's container."""

    @property
    def log_group(self) -> logs.ILogGroup:
        """Log group of the worker."""

    @property
    def max_runtime(self) -> Duration:
        """How long a run may take."""

    @property
    def launch(self) -> TaskLaunch:
        """How it is started."""


Monitorable = OwnTask | ecs_patterns.ScheduledFargateTask | ecs.FargateTaskDefinition
"""What can be watched: a task of this library, a bare pattern, or any Fargate task definition."""


@dataclass(frozen=True, kw_only=True)
class WatchedTask:
    """A task and its runs.

    Attributes:
        name: What people call it: the path of its construct.
        task_definition: Its task definition.
        runs: The events of its runs.
        log_group: Log group of the worker.
        max_runtime: How long a run may take.
        launch: How a run is started.
        cli_arguments: What follows the name of a command of the command line to choose it; None
            without outputs, by which it finds a task.
    """

    name: str
    task_definition: ecs.FargateTaskDefinition
    runs: RunEvents
    log_group: logs.ILogGroup
    max_runtime: Duration
    launch: TaskLaunch
    cli_arguments: str | None = None

    @property
    def worker(self) -> ecs.ContainerDefinition:
        """The worker's container."""
        container = self.task_definition.find_container(self.runs.container_name)
        if container is None:
            raise ValueError(f"{self.name} has no container {self.runs.container_name}")
        return container

    @property
    def leaderboard_slug(self) -> str | None:
        """The one leaderboard that the worker's container is defined for; None for all.

        Where a secret sets it, its value is not known: ``*``, which a log filter takes for any.
        """
        worker = self._definition
        plain = {_text(each["name"]): each["value"] for each in worker.get("environment", ())}
        hidden = {_text(each["name"]) for each in worker.get("secrets", ())}
        if Variable.LEADERBOARD_SLUG in hidden:
            return "*"
        # The worker takes a blank one for none.
        return _text(plain.get(Variable.LEADERBOARD_SLUG, "")).strip() or None

    @property
    def log_stream_prefix(self) -> str:
        """What the name of a run's log stream has before the run's id."""
        options = self._definition.get("logConfiguration", {}).get("options", {})
        prefix = _text(options.get("awslogs-stream-prefix", ""))
        return f"{prefix}/{self.runs.container_name}/"

    @cached_property
    def _definition(self) -> Mapping[str, Any]:
        """The definition of the worker's container, as CloudFormation takes it."""
        resource = resource_of(self.task_definition)
        containers: Sequence[Mapping[str, Any]] = read(self.task_definition, "stack").resolve(
            getattr(resource, "container_definitions", ())
        )
        name = resolved(self.task_definition, self.runs.container_name)
        (worker,) = (each for each in containers if each["name"] == name)
        return worker

    @classmethod
    def of(
        cls,
        scope: Construct,
        task: Monitorable,
        *,
        max_runtime: Duration | None,
        trigger: RunTrigger,
    ) -> WatchedTask:
        """Return what `of_own` or `of_other` does, whichever is for this task.

        Raises:
            ValueError: One of them refuses it, or the trigger starts another task.
        """
        if isinstance(task, ecs_patterns.ScheduledFargateTask | ecs.FargateTaskDefinition):
            watched = cls.of_other(scope, task, max_runtime=max_runtime, trigger=trigger)
        else:
            watched = cls.of_own(task, max_runtime=max_runtime)
        _require_start(scope, watched, trigger)
        return watched

    @classmethod
    def of_own(cls, task: OwnTask, *, max_runtime: Duration | None) -> WatchedTask:
        """Return a task of this library, which knows all that is needed.

        Raises:
            ValueError: ``max_runtime`` is set, too, or the log takes no metric filters.
        """
        if max_runtime is not None:
            raise ValueError("max_runtime is a prop of the task; set it there")
        require_metric_filters(task.log_group)
        return cls(
            name=read(read(task, "node"), "path"),
            task_definition=task.task_definition,
            runs=RunEvents(
                cluster_arn=task.launch.cluster_arn,
                family=read(task.task_definition, "family"),
                container_name=task.container_name,
            ),
            log_group=task.log_group,
            max_runtime=task.max_runtime,
            launch=task.launch,
            cli_arguments=_cli_arguments(task),
        )

    @classmethod
    def of_other(
        cls,
        scope: Construct,
        task: ecs_patterns.ScheduledFargateTask | ecs.FargateTaskDefinition,
        *,
        max_runtime: Duration | None,
        trigger: RunTrigger,
    ) -> WatchedTask:
        """Read a task of somebody else's: its container, its log, and how it is started.

        Args:
            scope: The construct that the log group is imported into.
            task: The pattern or the task definition.
            max_runtime: How long a run may take.
            trigger: What starts it.

        Raises:
            ValueError: ``max_runtime`` is missing, or the container has no log group.
        """
        if max_runtime is None:
            raise ValueError(
                f"max_runtime is missing; set it to the longest time that a run of "
                f"{task.node.path} may take"
            )
        task_definition = (
            task.task_definition if isinstance(task, ecs_patterns.ScheduledFargateTask) else task
        )
        container = task_definition.default_container
        if container is None:
            raise ValueError(f"{task_definition.node.path} has no container")
        launch = _launch_of(scope, trigger.target, container.container_name)
        return cls(
            name=task.node.path,
            task_definition=task_definition,
            runs=RunEvents(
                cluster_arn=launch.cluster_arn,
                family=task_definition.family,
                container_name=container.container_name,
            ),
            log_group=_log_group_of(scope, container),
            max_runtime=max_runtime,
            launch=launch,
        )


def _require_start(scope: Construct, task: WatchedTask, trigger: RunTrigger) -> None:
    started = (trigger.target.get("ecsParameters") or {}).get("taskDefinitionArn")
    # An ARN that is written out may be that of a reference.
    if started is None or isinstance(started, str):
        return
    definition = stack_of(scope).resolve(task.task_definition.task_definition_arn)
    if not isinstance(definition, str) and started != definition:
        raise ValueError(
            f"trigger starts another task than {task.name}; name the rule or the schedule "
            "that starts it"
        )


def _cli_arguments(task: OwnTask) -> str | None:
    if read(task, "node").try_find_child(OUTPUTS_ID) is None:
        return None
    stack = stack_of(task)
    # By what its outputs' logical ids begin with, which have letters and digits only.
    path = re.sub(r"\bDefault\b|[^A-Za-z0-9]", "", path_below(stack, task))
    return f"{read(stack, 'stack_name')} --task {path or 'Default'}"


def _log_group_of(scope: Construct, container: ecs.ContainerDefinition) -> logs.ILogGroup:
    config = container.log_driver_config
    options = (config.options if config is not None else None) or {}
    if "awslogs-group" not in options:
        raise ValueError(
            f"container {container.container_name} does not log to CloudWatch; give it "
            "LogDrivers.aws_logs(...), which the monitoring reads"
        )
    return logs.LogGroup.from_log_group_name(scope, "WorkerLog", options["awslogs-group"])


def _launch_of(scope: Construct, target: ResolvedTarget, container_name: str) -> TaskLaunch:
    parameters = target.get("ecsParameters")
    if parameters is None:
        raise ValueError(
            "trigger does not start an ECS task; name the rule or the schedule that does"
        )
    network = parameters.get("networkConfiguration") or {}
    # The two services spell it differently.
    vpc = network.get("awsVpcConfiguration") or network.get("awsvpcConfiguration") or {}
    version = parameters.get("platformVersion")
    tags = parameters.get("tagList") or parameters.get("tags") or ()
    return TaskLaunch(
        region=Stack.of(scope).region,
        cluster_arn=_text(target["arn"]),
        task_definition_arn=_text(parameters["taskDefinitionArn"]),
        container_name=container_name,
        subnet_ids=_texts(vpc.get("subnets")),
        security_group_ids=_texts(vpc.get("securityGroups")),
        assign_public_ip=vpc.get("assignPublicIp") == "ENABLED",
        platform_version=version,
        tags={_text(tag["key"]): _text(tag["value"]) for tag in tags},
        propagate_tags=parameters.get("propagateTags"),
        enable_ecs_managed_tags=bool(
            parameters.get("enableEcsManagedTags"),
        ),
        enable_execute_command=bool(parameters.get("enableExecuteCommand")),
        capacity_shares=parameters.get("capacityProviderStrategy") or (),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else Token.as_string(value)


def _texts(value: object) -> list[str]:
    if value is None or isinstance(value, list):
        return [_text(one) for one in value or ()]
    return Token.as_list(value)
