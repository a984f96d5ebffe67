"""Who may start the task, and whether the schedule may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
import publication
from aws_cdk import Arn, ArnComponents, ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import IValidation

if TYPE_CHECKING:
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_logs as logs

__all__ = ["PassRoleCheck", "execute_command_statement", "operator_statements"]


def operator_statements(
    *,
    cluster: ecs.ICluster,
    task_definition: ecs.FargateTaskDefinition,
    log_group: logs.ILogGroup,
) -> tuple[iam.PolicyStatement, ...]:
    """Return what an operator needs to run the task, watch it, stop it and read its log.

    Args:
        cluster: Cluster that the task runs in; tasks of other clusters stay out of reach.
        task_definition: The task definition, with its roles.
        log_group: Log group of the worker.
    """
    in_this_cluster = {"ArnEquals": {"ecs:cluster": cluster.cluster_arn}}
    return (
        iam.PolicyStatement(
            actions=["ecs:RunTask"],
            resources=[task_definition.task_definition_arn],
            conditions=in_this_cluster,
        ),
        iam.PolicyStatement(
            actions=["ecs:DescribeTasks", "ecs:StopTask", "ecs:TagResource"],
            resources=[_tasks_of(cluster)],
        ),
        iam.PolicyStatement(
            # ListTasks knows no task to name: the cluster is all that limits it.
            actions=["ecs:ListTasks"],
            resources=["*"],
            conditions=in_this_cluster,
        ),
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=_role_arns(task_definition),
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        iam.PolicyStatement(
            actions=[
                "logs:DescribeLogStreams",
                "logs:FilterLogEvents",
                "logs:GetLogEvents",
                "logs:StartLiveTail",
            ],
            resources=[log_group.log_group_arn, f"{log_group.log_group_arn}:*"],
        ),
    )


def execute_command_statement() -> iam.PolicyStatement:
    """Return what a task role needs for ECS Exec, by Systems Manager's message channels."""
    return iam.PolicyStatement(
        actions=[
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
        # The channels have no names that a policy could list.
        resources=["*"],
    )


@jsii.implements(IValidation)
class PassRoleCheck:
    """Fails the synthesis if the schedule could not hand the task its roles.

    ``EcsTask`` allows the roles that exist when it is made. An execution role that came later
    would leave a stack that deploys, and a schedule whose every run is refused.
    """

    def __init__(self, task_definition: ecs.FargateTaskDefinition) -> None:
        """Remember what to check.

        Args:
            task_definition: A task definition that is the target of a rule.
        """
        self._task_definition = task_definition

    def validate(self) -> list[str]:
        """Return one sentence for each role that cannot be passed."""
        stack = Stack.of(self._task_definition)
        passed = _passed_by_events_role(self._task_definition)
        return [
            f"the schedule may not pass the role {arn} to the task: it came after the task was "
            "made the target of the rule"
            for arn in map(stack.resolve, _role_arns(self._task_definition))
            if arn not in passed
        ]


def _passed_by_events_role(task_definition: ecs.FargateTaskDefinition) -> list[object]:
    # EcsTask keeps its role as this child of the task definition, and its policy in turn.
    policy = task_definition.node.find_child("EventsRole").node.find_child("DefaultPolicy")
    if not isinstance(policy, iam.Policy):
        raise TypeError(f"{policy.node.path} is no policy")
    document = Stack.of(policy).resolve(policy.document)
    return [
        resource
        for statement in document["Statement"]
        if "iam:PassRole" in _as_list(statement["Action"])
        for resource in _as_list(statement["Resource"])
    ]


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _role_arns(task_definition: ecs.FargateTaskDefinition) -> list[str]:
    roles = (task_definition.task_role, task_definition.execution_role)
    return [role.role_arn for role in roles if role is not None]


def _tasks_of(cluster: ecs.ICluster) -> str:
    return Arn.format(
        ArnComponents(
            service="ecs",
            resource="task",
            resource_name=f"{cluster.cluster_name}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        ),
        Stack.of(cluster),
    )


publication.publish()
