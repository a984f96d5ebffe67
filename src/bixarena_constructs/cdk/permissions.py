"""Permissions to start, watch and stop the task."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import Annotations, Fn, Names, Stack
from aws_cdk import aws_iam as iam

from bixarena_constructs.cdk.tokens import is_token, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_events as events
    from aws_cdk import aws_logs as logs
    from constructs import Construct, IConstruct

__all__ = [
    "RUN_TAG",
    "arns_like",
    "execute_command_statement",
    "grant_all",
    "operator_statements",
    "policies_of",
    "role_arns",
    "rule_statement",
    "run_statements",
    "run_tag_value",
    "scheduler_principal",
    "sources",
    "takes_policy",
    "warn_of_an_immutable_role",
]

RUN_TAG: Final = "bixarena-constructs:task"
"""Key of the tag that each run carries, whatever starts it."""

# Warning by the prop that the immutable role was given to.
_IMMUTABLE: Final = {
    "execution_role": "bixarena-constructs:executionRolePolicy",
    "grantee": "bixarena-constructs:granteePolicy",
    "task_role": "bixarena-constructs:taskRolePolicy",
}
_NEEDED_TOO: Final = {
    "execution_role": ", and read the task's secrets, write its log and pull its image",
    "grantee": "",
    "task_role": ", and all that the program is to do",
}


def run_tag_value(scope: Construct) -> str:
    """Return the value of the tag of a task's runs: its path, which starts with its stack's name.

    No other task of the account and region has it: stack names are unique there. It is known at
    synthesis, and changes with the path only, as logical IDs do.

    Args:
        scope: The construct that stands for the task.
    """
    # Only characters that tags take and that need no quotes in a shell; it ends in a hash of the
    # path, for what is left out of it.
    return Names.unique_resource_name(
        scope, separator="/", allowed_special_characters="_.-", max_length=256
    )


def run_statements(
    *, cluster_arn: str, task_definition: ecs.FargateTaskDefinition
) -> tuple[iam.PolicyStatement, ...]:
    """Return what it takes to start the task: to run it, to tag it, and to pass its roles on.

    Args:
        cluster_arn: Cluster that the task runs in.
        task_definition: The task definition, with its roles.
    """
    return (
        iam.PolicyStatement(
            actions=["ecs:RunTask"],
            resources=[task_definition.task_definition_arn],
            conditions={"ArnEquals": {"ecs:cluster": cluster_arn}},
        ),
        iam.PolicyStatement(
            actions=["ecs:TagResource"],
            resources=[_tasks_of(cluster_arn)],
            # Without it every task of the cluster could be given the tag of a run.
            conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=role_arns(task_definition),
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    )


def operator_statements(
    *,
    cluster: ecs.ICluster,
    task_definition: ecs.FargateTaskDefinition,
    log_group: logs.ILogGroup,
    run_tag: str,
) -> tuple[iam.PolicyStatement, ...]:
    """Return what an operator needs to run the task, watch it, stop it and read its log.

    With it ``bixarena run`` and ``bixarena logs`` find the task by its stack's outputs.

    Args:
        cluster: Cluster that the task runs in.
        task_definition: The task definition, with its roles.
        log_group: Log group of the worker.
        run_tag: Value of the tag of this task's runs; other tasks stay out of reach.
    """
    return (
        *run_statements(cluster_arn=cluster.cluster_arn, task_definition=task_definition),
        iam.PolicyStatement(
            actions=["cloudformation:DescribeStacks"],
            resources=[Stack.of(task_definition).stack_id],
        ),
        # It takes no resource: IAM allows it on "*" only.
        iam.PolicyStatement(actions=["ecs:DescribeTaskDefinition"], resources=["*"]),
        iam.PolicyStatement(
            actions=["ecs:DescribeTasks", "ecs:StopTask"],
            resources=[_tasks_of(cluster.cluster_arn)],
            # AWS's service authorization reference lists the key for both.
            conditions={"StringEquals": {f"aws:ResourceTag/{RUN_TAG}": run_tag}},
        ),
        iam.PolicyStatement(
            # ListTasks knows no task to name: the cluster is all that limits it.
            actions=["ecs:ListTasks"],
            resources=["*"],
            conditions={"ArnEquals": {"ecs:cluster": cluster.cluster_arn}},
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


def scheduler_principal(scope: Construct) -> iam.ServicePrincipal:
    """Return EventBridge Scheduler, for schedules of this account only.

    Args:
        scope: A construct in the stack of the role.
    """
    return iam.ServicePrincipal(
        "scheduler.amazonaws.com",
        conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )


def rule_statement(rule: events.IRule) -> iam.PolicyStatement:
    """Return what it takes to read how a rule starts the task.

    Args:
        rule: The rule.
    """
    return iam.PolicyStatement(
        actions=["events:DescribeRule", "events:ListTargetsByRule"], resources=[rule.rule_arn]
    )


def sources(
    scope: Construct, resource: IConstruct | None, arns: str | Sequence[str], *, kind: str
) -> dict[str, dict[str, str | Sequence[str]]]:
    """Return the condition that lets rules or alarms use a resource, in that resource's policy.

    One of another stack cannot name them, since their stack depends on its stack already; there
    the condition names all of their kind in their account and region.

    Args:
        scope: A construct in their stack.
        resource: What they use; None if it is one of their own stack for certain.
        arns: Their ARNs.
        kind: Service and type as in ARNs, with what separates the name, as in ``events:rule/``.
    """
    if resource is None or Stack.of(resource) is Stack.of(scope):
        return {"ArnEquals": {"aws:SourceArn": arns}}
    return {"ArnLike": {"aws:SourceArn": arns_like(Stack.of(scope), kind, "*")}}


def arns_like(stack: Stack, kind: str, name: str) -> str:
    """Return a pattern of ARNs in the account and region of a stack.

    Args:
        stack: The stack.
        kind: Service and type as in ARNs, with what separates the name, as in ``events:rule/``.
        name: The name, with ``*`` for any text.
    """
    partition, region, account = (read(stack, of) for of in ("partition", "region", "account"))
    service, _colon, resource_type = kind.partition(":")
    return f"arn:{partition}:{service}:{region}:{account}:{resource_type}{name}"


def grant_all(
    scope: Construct, grantee: iam.IGrantable, statements: Sequence[iam.PolicyStatement]
) -> iam.Grant:
    """Grant statements to a grantee.

    Args:
        scope: The task, which a warning is attached to.
        grantee: A role or user.
        statements: What it may do.

    Raises:
        ValueError: The grantee takes no policy, or is of another account.
    """
    principal = grantee.grant_principal
    _require_account(Stack.of(scope).account, getattr(principal, "principal_account", None))
    grants = (
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=statement.actions,
            resource_arns=statement.resources,
            conditions=statement.conditions,
        )
        for statement in statements
    )
    grant = reduce(iam.Grant.combine, grants)
    if not grant.success:
        raise ValueError(
            "grantee takes no policy of its own; it must be a role, a user or a group, or what "
            "has a role, and not a service, an account or an ARN"
        )
    if getattr(principal, "role_arn", None) is not None:
        warn_of_an_immutable_role(scope, "grantee", cast("iam.IRole", principal), statements)
    return grant


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


def warn_of_an_immutable_role(
    scope: Construct, prop: str, role: iam.IRole, needed: Iterable[iam.PolicyStatement]
) -> None:
    """Warn if a role that was granted something takes no policy, so that its owner must.

    An immutable role claims that a statement was added, and drops it.

    Args:
        scope: The construct that the warning is attached to.
        prop: Name of the prop that such a role is given to.
        role: The role.
        needed: What it was granted last.
    """
    if takes_policy(role):
        return
    actions = sorted({action for statement in needed for action in statement.actions})
    Annotations.of(scope).add_warning_v2(
        _IMMUTABLE[prop],
        f"{prop} is the role {role.node.path}, which takes no policy from here, so nothing is "
        f"granted; let it do {', '.join(actions) or 'that'} by a policy of its "
        f"own{_NEEDED_TOO[prop]}",
    )


def takes_policy(role: iam.IRole) -> bool:
    """Return whether a role keeps what it was granted; an immutable one drops it.

    Args:
        role: A role that was granted something.
    """
    return isinstance(role, iam.Role) or bool(policies_of(role))


def policies_of(role: IConstruct) -> list[iam.Policy | iam.ManagedPolicy]:
    """Return the policies that the app defines for a role."""
    return [one for one in role.node.find_all() if isinstance(one, iam.Policy | iam.ManagedPolicy)]


def role_arns(task_definition: ecs.FargateTaskDefinition) -> list[str]:
    """Return the ARNs of a task definition's roles."""
    roles = (task_definition.task_role, task_definition.execution_role)
    return [role.role_arn for role in roles if role is not None]


def _require_account(here: str, there: str | None) -> None:
    if there is None or is_token(there) or is_token(here) or there == here:
        return
    raise ValueError(
        f"grantee is of the account {there}, and ECS lets nobody of another account run a task; "
        f"it must be of {here}, such as a role that the grantee may assume"
    )


def _tasks_of(cluster_arn: str) -> str:
    # As in arn:aws:ecs:us-east-1:111122223333:cluster/arena, or a token for the whole of it.
    if ":cluster/" in cluster_arn:
        return f"{cluster_arn.replace(':cluster/', ':task/')}/*"
    return f"{Fn.join(':task/', Fn.split(':cluster/', cluster_arn))}/*"
