"""The construct: a worker's container, started on a schedule as a Fargate task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import jsii
import publication
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from bixarena_constructs.commands import TaskLaunch, log_tail_command
from bixarena_constructs.container_secrets import SecretSource, container_secrets
from bixarena_constructs.guardduty import GuardDutyAgentPull, agent_pull_statements
from bixarena_constructs.network import TaskNetwork
from bixarena_constructs.outputs import TaskOutputs
from bixarena_constructs.registry import container_image
from bixarena_constructs.schedule import RunSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_secretsmanager as secretsmanager

    from bixarena_constructs.schedule import Schedule

__all__ = ["CONTAINER_NAME", "ScheduledSnapshotTask"]

CONTAINER_NAME: Final = "bixarena-worker"
"""Name of the worker's container, in the task definition and in every command that selects it."""


_NETWORK: Final = "Targets.0.EcsParameters.NetworkConfiguration.AwsVpcConfiguration"


@jsii.implements(ec2.IConnectable, iam.IGrantable)
class ScheduledSnapshotTask(Construct):
    """Runs a worker's container as a Fargate task on a schedule, and tells how to operate it.

    It wraps ``aws_ecs_patterns.ScheduledFargateTask``. Resources that it defines: a task
    definition with its execution and task roles, a log group, a rule with the role that starts
    the task, and a security group.

    Permissions of the program go to the task role: the construct is an ``IGrantable``
    (``bucket.grant_read(task)``). The network is opened through it as an ``IConnectable``
    (``database.connections.allow_default_port_from(task)``).
    """

    def __init__(  # noqa: PLR0913 - one keyword for each prop, as the CDK's own constructs
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        image: str | ecs.ContainerImage,
        registry_credentials: secretsmanager.ISecret | None = None,
        schedule: Schedule | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, SecretSource] | None = None,
        cpu: int = 1024,
        memory_limit_mib: int = 2048,
        subnet_selection: ec2.SubnetSelection | None = None,
        assign_public_ip: bool | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        log_removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        guardduty_agent_pull: GuardDutyAgentPull = GuardDutyAgentPull.AGENT_REPOSITORY,
    ) -> None:
        """Define the task, its schedule and its outputs.

        Args:
            scope: The construct that this one is defined in.
            construct_id: Id below that scope.
            cluster: Cluster to run in. Its VPC must reach the image's registry and the database.
            image: Reference of the worker's image, such as
                ``ghcr.io/sage-bionetworks/bixarena-worker:1.4.0``, or any
                ``ecs.ContainerImage``.
            registry_credentials: Secret with the JSON fields ``username`` and ``password`` for a
                private image that is named by a reference. Default: - the image is public.
            schedule: When to run, in UTC. Default: every day at 10:00 UTC.
            environment: Plain environment variables of the container. Default: - none.
            secrets: Environment variables whose values the ECS agent takes from a secret when
                the task starts: a secret, a pair of a secret and a JSON field, or an
                ``ecs.Secret``. Default: - none.
            cpu: CPU units of the task; 1024 is one vCPU. Default: 1024.
            memory_limit_mib: Memory of the task in MiB. Default: 2048.
            subnet_selection: Subnets to run in. Default: - private subnets with egress.
            assign_public_ip: Whether the task gets a public address; public subnets need it.
                Default: - only if ``subnet_selection`` is by the type PUBLIC.
            security_groups: Security groups of the task. Default: - a new one.
            log_retention: How long the worker's log is kept. Default: three months.
            log_removal_policy: What becomes of the log group when the stack is deleted.
                Default: RemovalPolicy.RETAIN.
            guardduty_agent_pull: From where the execution role may pull GuardDuty's sidecar.
                Default: GuardDutyAgentPull.AGENT_REPOSITORY.

        Raises:
            ValueError: A prop has a value that would fail when deployed or run.
        """
        super().__init__(scope, construct_id)
        run_schedule = RunSchedule(schedule)
        self._log_group = logs.LogGroup(
            self, "LogGroup", retention=log_retention, removal_policy=log_removal_policy
        )
        # The inner ids are those of a bare ScheduledFargateTask, which keeps its logical ids.
        self._task_definition = ecs.FargateTaskDefinition(
            self, "ScheduledTaskDef", cpu=cpu, memory_limit_mib=memory_limit_mib
        )
        self._task_definition.add_container(
            CONTAINER_NAME,
            image=container_image(image, credentials=registry_credentials),
            environment=dict(environment or {}),
            secrets=container_secrets(secrets or {}, environment=environment or {}),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=CONTAINER_NAME, log_group=self._log_group
            ),
        )
        # Before the target is bound: only an execution role that exists by then may be passed.
        for statement in agent_pull_statements(self, guardduty_agent_pull):
            self._task_definition.add_to_execution_role_policy(statement)
        network = TaskNetwork.of(
            self,
            cluster.vpc,
            subnet_selection=subnet_selection,
            assign_public_ip=assign_public_ip,
        )
        self._scheduled_task = ecs_patterns.ScheduledFargateTask(
            self,
            "Default",
            cluster=cluster,
            schedule=run_schedule.for_pattern(),
            scheduled_fargate_task_definition_options=(
                ecs_patterns.ScheduledFargateTaskDefinitionOptions(
                    task_definition=self._task_definition
                )
            ),
            subnet_selection=network.selection,
            security_groups=list(security_groups) if security_groups else None,
        )
        # The pattern gives an address to subnets selected by type only.
        if network.assign_public_ip:
            _rule_resource(self._scheduled_task.event_rule).add_property_override(
                f"{_NETWORK}.AssignPublicIp", "ENABLED"
            )
        self._connections = ec2.Connections(
            security_groups=self._scheduled_task.task.security_groups
        )
        self._launch = TaskLaunch(
            region=Stack.of(self).region,
            cluster_arn=cluster.cluster_arn,
            task_definition_arn=self._task_definition.task_definition_arn,
            container_name=CONTAINER_NAME,
            subnet_ids=network.subnet_ids,
            security_group_ids=[
                group.security_group_id for group in self._connections.security_groups
            ],
            assign_public_ip=network.assign_public_ip,
        )
        TaskOutputs(self, "Outputs", values=self._output_values())

    @property
    def cluster(self) -> ecs.ICluster:
        """The cluster that the task runs in."""
        return self._scheduled_task.cluster

    @property
    def connections(self) -> ec2.Connections:
        """The network connections of the task."""
        return self._connections

    @property
    def event_rule(self) -> events.Rule:
        """The rule that starts the task. Do not add a target: that is a second run."""
        return self._scheduled_task.event_rule

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The task role: what the program in the container is allowed to do."""
        return self._task_definition.task_role.grant_principal

    @property
    def log_group(self) -> logs.ILogGroup:
        """The log group of the worker."""
        return self._log_group

    @property
    def log_tail_command(self) -> str:
        """The command line that follows the worker's log."""
        return log_tail_command(
            region=Stack.of(self).region, log_group_name=self._log_group.log_group_name
        )

    @property
    def run_task_command(self) -> str:
        """The command line that runs the task now, as the schedule would."""
        return self._launch.command

    @property
    def task_definition(self) -> ecs.FargateTaskDefinition:
        """The task definition, with its roles and containers."""
        return self._task_definition

    def _output_values(self) -> dict[str, str]:
        return {
            "TaskDefinitionArn": self._task_definition.task_definition_arn,
            "TaskDefinitionFamily": self._task_definition.family,
            "ContainerName": CONTAINER_NAME,
            "ClusterArn": self.cluster.cluster_arn,
            "RuleName": self.event_rule.rule_name,
            "LogGroupName": self._log_group.log_group_name,
            "LogTailCommand": self.log_tail_command,
            "RunTaskCommand": self.run_task_command,
        }


def _rule_resource(rule: events.Rule) -> events.CfnRule:
    resource = rule.node.default_child
    if not isinstance(resource, events.CfnRule):
        raise TypeError(f"{rule.node.path} has no AWS::Events::Rule of its own")
    return resource


publication.publish()
