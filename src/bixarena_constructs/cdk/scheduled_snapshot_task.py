"""When it runs: the task on a schedule, started by ``ScheduledFargateTask``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Unpack

import publication
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from bixarena_constructs.cdk.claims import Claim
from bixarena_constructs.cdk.delivery import (
    EventDelivery,
    default_event_age,
    rule_input,
)
from bixarena_constructs.cdk.delivery_metrics import DeliveryMetrics, dead_letter_metric
from bixarena_constructs.cdk.late_changes import RuleCheck
from bixarena_constructs.cdk.metric_options import MetricOptions
from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
from bixarena_constructs.cdk.monitoring.task_monitoring import TaskMonitoring
from bixarena_constructs.cdk.monitoring.trigger import RunTrigger
from bixarena_constructs.cdk.permissions import rule_statement
from bixarena_constructs.cdk.prop_types import checked
from bixarena_constructs.cdk.schedule import RunSchedule, Schedule
from bixarena_constructs.cdk.snapshot_task import SnapshotTask
from bixarena_constructs.cdk.task.guardduty import GuardDutyAgentPull
from bixarena_constructs.cdk.task.secrets import SecretSource
from bixarena_constructs.deployment import Output

__all__ = ["ScheduledSnapshotTask"]


class ScheduledSnapshotTask(SnapshotTask):
    """Runs a worker's container as a Fargate task on a schedule in UTC.

    It puts a `SnapshotTask` on ``aws_ecs_patterns.ScheduledFargateTask``. Resources that it adds:
    a rule with the role that starts the task, and a dead-letter queue with its policy.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        image: str | ecs.ContainerImage | None = None,
        task_definition: ecs.FargateTaskDefinition | None = None,
        registry_credentials: secretsmanager.ISecret | None = None,
        schedule: Schedule | None = None,
        enabled: bool = True,
        max_runtime: Duration | None = None,
        container_name: str | None = None,
        entry_point: Sequence[str] | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, SecretSource] | None = None,
        secret_keys: Sequence[kms.IKey] | None = None,
        cpu: int | None = None,
        memory_limit_mib: int | None = None,
        runtime_platform: ecs.RuntimePlatform | None = None,
        ephemeral_storage_gib: int | None = None,
        family: str | None = None,
        task_role: iam.IRole | None = None,
        execution_role: iam.IRole | None = None,
        user: str | None = None,
        readonly_root_filesystem: bool | None = None,
        stop_timeout: Duration | None = None,
        enable_execute_command: bool = False,
        subnet_selection: ec2.SubnetSelection | None = None,
        assign_public_ip: bool | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        platform_version: ecs.FargatePlatformVersion | None = None,
        capacity_provider_strategies: Sequence[ecs.CapacityProviderStrategy] | None = None,
        rule_name: str | None = None,
        max_event_age: Duration | None = None,
        retry_attempts: int | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        task_tags: Mapping[str, str] | None = None,
        propagate_tags: ecs.PropagatedTagSource | None = None,
        enable_ecs_managed_tags: bool = False,
        log_group: logs.ILogGroup | None = None,
        log_stream_prefix: str | None = None,
        log_retention: logs.RetentionDays | None = None,
        log_removal_policy: RemovalPolicy | None = None,
        guardduty_agent_pull: GuardDutyAgentPull = GuardDutyAgentPull.AGENT_REPOSITORY,
        monitoring: SnapshotMonitoring | None = None,
        outputs: bool = True,
        export_prefix: str | None = None,
    ) -> None:
        """Define the task, its schedule and its outputs.

        Args:
            scope: The construct that this one is defined in.
            construct_id: Id below that scope.
            cluster: Cluster to run in. Its VPC must reach the image's registry and the database.
            image: Reference of the worker's image, such as
                ``ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0``, ``WorkerImage()``,
                or any other ``ecs.ContainerImage``.
                Default: - this release's worker, or the image of ``task_definition``.
            task_definition: A task definition to run instead of a new one; its default container
                is the worker. Props of the container cannot be combined with it, and
                ``log_group`` names where it logs. Default: - a new one for ``image``.
            registry_credentials: Secret with the JSON fields ``username`` and ``password`` for a
                private image that is named by a reference. Default: - the image is public.
            schedule: When to run, in UTC. Default: every day at 10:00 UTC.
            enabled: Whether the schedule starts runs. Default: True.
            max_runtime: How long a run may take; the container gets it as
                ``MAX_RUNTIME_SECONDS``. Default: 15 minutes.
            container_name: Name of the worker's container. Default: bixarena-worker.
            entry_point: Words that replace the image's own entry point.
                Default: - the image's own.
            command: Words that replace the image's own command. Default: - the image's own.
            environment: Plain environment variables of the container. Default: - none.
            secrets: Environment variables whose values the ECS agent takes from a secret when
                the task starts: a secret, a pair of a secret and a JSON field, or an
                ``ecs.Secret``. Default: - none.
            secret_keys: Customer keys of secrets that the app does not import with their key.
                Default: - none.
            cpu: CPU units of the task; 1024 is one vCPU. Default: 1024.
            memory_limit_mib: Memory of the task in MiB. Default: 2048.
            runtime_platform: Architecture of the image; its operating system is Linux.
                Default: - that of a ``WorkerImage``, or Fargate's own, X86_64.
            ephemeral_storage_gib: Disk of the task in GiB, 21 to 200. Default: - Fargate's own,
                20.
            family: Name of all revisions of the task definition. Default: - a generated name.
            task_role: What the program may do. Default: - a new role without permissions.
            execution_role: What the ECS agent may do. Default: - a new role.
            user: User that the program runs as. Default: - the image's own.
            readonly_root_filesystem: Whether the container's root is read-only, with a writable
                ``/tmp``. Default: - True for a version of the reference worker, False for other
                images and for a tag that moves.
            stop_timeout: Time between SIGTERM and SIGKILL, up to 2 minutes.
                Default: - Fargate's own, 30 seconds.
            enable_execute_command: Whether ECS Exec may open a shell in the container.
                Default: False.
            subnet_selection: Subnets to run in. Default: - private subnets with egress.
            assign_public_ip: Whether the task gets a public address, without which public
                subnets have no way to the internet.
                Default: - only if ``subnet_selection`` is by the type PUBLIC.
            security_groups: Security groups of the task. Default: - a new one.
            platform_version: Fargate platform version, 1.4.0 or later. Default: - the latest.
            capacity_provider_strategies: Capacity providers to run on, FARGATE and FARGATE_SPOT,
                which the cluster must have. Default: - the launch type FARGATE.
            rule_name: Physical name of the rule. Default: - a generated name.
            max_event_age: How long EventBridge tries to start a run, 1 minute to 24 hours.
                Default: - an hour, or half the schedule's shortest interval if that is less.
            retry_attempts: How often EventBridge tries again, up to 185. Default: - 185.
            dead_letter_queue: Where events go whose run could not be started.
                Default: - a new queue, encrypted by SQS, that keeps them for two weeks.
            task_tags: Tags of each run's task, besides ``bixarena-constructs:task``, by which
                `grant_run` recognises the runs of this task. Default: - none.
            propagate_tags: Where a run's task takes further tags from. Default: - nowhere.
            enable_ecs_managed_tags: Whether ECS tags each run's task with its cluster.
                Default: False.
            log_group: Log group of the worker. Default: - a new one.
            log_stream_prefix: What the names of log streams begin with.
                Default: bixarena-worker.
            log_retention: How long a new log group keeps the worker's log.
                Default: three months.
            log_removal_policy: What happens to a new log group when the stack is deleted.
                Default: RemovalPolicy.RETAIN.
            guardduty_agent_pull: From where the execution role may pull GuardDuty's sidecar.
                Default: GuardDutyAgentPull.AGENT_REPOSITORY.
            monitoring: What reports that a run failed, could not start, hung, or never happened.
                Default: - nothing.
            outputs: Whether to define CloudFormation outputs. Default: True.
            export_prefix: What the outputs' export names begin with.
                Default: - the outputs are not exported.

        Raises:
            TypeError: The schedule is of a class that may carry a time zone.
            ValueError: A prop has a value that would fail when deployed or run.
        """
        super().__init__(
            scope,
            construct_id,
            cluster=cluster,
            image=image,
            task_definition=task_definition,
            registry_credentials=registry_credentials,
            max_runtime=max_runtime,
            container_name=container_name,
            entry_point=entry_point,
            command=command,
            environment=environment,
            secrets=secrets,
            secret_keys=secret_keys,
            cpu=cpu,
            memory_limit_mib=memory_limit_mib,
            runtime_platform=runtime_platform,
            ephemeral_storage_gib=ephemeral_storage_gib,
            family=family,
            task_role=task_role,
            execution_role=execution_role,
            user=user,
            readonly_root_filesystem=readonly_root_filesystem,
            stop_timeout=stop_timeout,
            enable_execute_command=enable_execute_command,
            subnet_selection=subnet_selection,
            assign_public_ip=assign_public_ip,
            security_groups=security_groups,
            platform_version=platform_version,
            capacity_provider_strategies=capacity_provider_strategies,
            task_tags=task_tags,
            propagate_tags=propagate_tags,
            enable_ecs_managed_tags=enable_ecs_managed_tags,
            log_group=log_group,
            log_stream_prefix=log_stream_prefix,
            log_retention=log_retention,
            log_removal_policy=log_removal_policy,
            guardduty_agent_pull=guardduty_agent_pull,
            outputs=outputs,
            export_prefix=export_prefix,
        )
        self._rule_name = rule_name
        self._schedule = RunSchedule(schedule)
        self._schedule.warn(self, max_runtime=self.max_runtime)
        self._scheduled_task = self._define_scheduled_task(enabled=enabled, rule_name=rule_name)
        self._parts.append(self._scheduled_task)
        self._event_rule = self._scheduled_task.event_rule
        self._delivery = self._define_delivery(
            max_event_age=max_event_age,
            retry_attempts=retry_attempts,
            dead_letter_queue=dead_letter_queue,
        )
        self._checks.append(self._rule_check(enabled=enabled))
        rule_name = self._event_rule.rule_name
        self._add_outputs(rule_name)
        self._trigger = RunTrigger.of_own_rule(
            rule_name, schedule=self._schedule, enabled=enabled, delivery=self._delivery
        )
        self._monitoring = self._define_monitoring(monitoring)

    @property
    def dead_letter_queue(self) -> sqs.IQueue:
        """Where the events go whose run could not be started."""
        return self._delivery.dead_letter_queue

    @property
    def event_rule(self) -> events.Rule:
        """The rule that starts the task. A second target is refused: it is a second run."""
        return self._event_rule

    @property
    def monitoring(self) -> TaskMonitoring | None:
        """What watches the task: its topic, alarms and history; None if nothing does."""
        return self._monitoring

    @property
    def scheduled_task(self) -> ecs_patterns.ScheduledFargateTask:
        """The pattern inside, with the rule and the target that the CDK made."""
        return self._scheduled_task

    @property
    def trigger(self) -> RunTrigger:
        """When the task runs, as `TaskMonitoring` reads it."""
        return self._trigger

    @checked
    def metric_dead_letters(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many events lie in the dead-letter queue.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the maximum over 5
                minutes.
        """
        return dead_letter_metric(self.dead_letter_queue, **options)

    @checked
    def metric_failed_invocations(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many runs the schedule failed to start; there is no data without one.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the sum over 5 minutes.
        """
        return self._metrics().failed_starts(**options)

    @checked
    def metric_invocations(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many runs the schedule asked ECS to start.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the sum over 5 minutes.
        """
        return self._metrics().starts(**options)

    @checked
    def metric_lost_dead_letters(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many events the dead-letter queue refused; there is no data without one.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the sum over 5 minutes.
        """
        return self._metrics().lost_dead_letters(**options)

    def _operator_statements(self) -> tuple[iam.PolicyStatement, ...]:
        return (rule_statement(self._event_rule), *super()._operator_statements())

    def _claims(self) -> Iterator[Claim]:
        yield from super()._claims()
        if self._rule_name is not None:
            yield Claim("rule_name", (self._rule_name,))

    def _metrics(self) -> DeliveryMetrics:
        return DeliveryMetrics.of_rule(self._event_rule.rule_name)

    def _define_monitoring(self, settings: SnapshotMonitoring | None) -> TaskMonitoring | None:
        if settings is None:
            return None
        return TaskMonitoring(self, "Monitoring", task=self, settings=settings)

    def _rule_check(self, *, enabled: bool) -> RuleCheck:
        return RuleCheck(
            self._event_rule,
            expression=self._schedule.expression,
            enabled=enabled,
            task_definition_arn=self.launch.task_definition_arn,
        )

    def _define_scheduled_task(
        self, *, enabled: bool, rule_name: str | None
    ) -> ecs_patterns.ScheduledFargateTask:
        launch = self.launch
        tags = [targets.Tag(key=key, value=value) for key, value in launch.tags.items()]
        return ecs_patterns.ScheduledFargateTask(
            self,
            # These two ids, this and the task definition's, keep a bare pattern's logical ids.
            "Default",
            cluster=self.cluster,
            schedule=self._schedule.for_pattern(),
            enabled=enabled,
            rule_name=rule_name,
            scheduled_fargate_task_definition_options=(
                ecs_patterns.ScheduledFargateTaskDefinitionOptions(
                    task_definition=self.task_definition
                )
            ),
            subnet_selection=self._network.selection,
            security_groups=self._security_groups,
            platform_version=self._platform_version,
            propagate_tags=self._propagate_tags,
            tags=tags,
        )

    def _add_outputs(self, rule_name: str) -> None:
        if self._outputs is not None:
            self._outputs.add(
                {
                    Output.RULE_NAME: rule_name,
                    Output.DEAD_LETTER_QUEUE_URL: self._delivery.queue_url(self._stack),
                }
            )

    def _ecs_parameters(self) -> dict[str, object]:
        # What EventBridge takes and the pattern has no prop for.
        launch = self.launch
        parameters: dict[str, object] = {}
        if launch.assign_public_ip:
            parameters["NetworkConfiguration"] = {
                "AwsVpcConfiguration": {"AssignPublicIp": "ENABLED"}
            }
        if launch.enable_ecs_managed_tags:
            parameters["EnableECSManagedTags"] = True
        if launch.enable_execute_command:
            parameters["EnableExecuteCommand"] = True
        if launch.capacity_shares:
            parameters["CapacityProviderStrategy"] = launch.capacity_provider_strategy()
        return parameters

    def _define_delivery(
        self,
        *,
        max_event_age: Duration | None,
        retry_attempts: int | None,
        dead_letter_queue: sqs.IQueue | None,
    ) -> EventDelivery:
        delivery = self._event_delivery(
            max_event_age=max_event_age or default_event_age(self._schedule.shortest_gap),
            retry_attempts=retry_attempts,
            dead_letter_queue=dead_letter_queue,
        )
        target = rule_input(self.container_name)
        parameters = self._ecs_parameters()
        if parameters:
            target["EcsParameters"] = parameters
        without = ["Input"]
        if self.launch.capacity_shares:
            # Either this or the strategy.
            without.append("EcsParameters.LaunchType")
        delivery.bind(self._event_rule, target=target, without=without)
        return delivery


publication.publish()
