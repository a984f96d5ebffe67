"""Permissions of a task's execution role for the sidecar that GuardDuty injects.

GuardDuty Runtime Monitoring adds a container to every Fargate task of an account where it is
enabled. Its image is in a private ECR repository of AWS, in one account per region, and the task's
own execution role pulls it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import publication
from aws_cdk import Arn, ArnComponents, CfnMapping, Stack
from aws_cdk import aws_iam as iam

from bixarena_constructs.aws.guardduty_accounts import AGENT_ACCOUNTS, AGENT_REPOSITORY
from bixarena_constructs.cdk.tokens import is_token, read

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["GuardDutyAgentPull", "agent_pull_statements"]

_MAPPING_ID = "BixarenaGuardDutyAgentAccounts"


class GuardDutyAgentPull(Enum):
    """From where the execution role may pull GuardDuty's sidecar."""

    AGENT_REPOSITORY = "agent-repository"
    """The agent's own repository in the stack's region, and no other."""

    ANY_REPOSITORY = "any-repository"
    """Any ECR repository: for a region that the table of accounts does not list yet."""

    NONE = "none"
    """Nothing: GuardDuty Runtime Monitoring is disabled, or another policy grants the pull."""


# The same for all tasks of a stack, and ten round trips to make.
_Statements = dict[GuardDutyAgentPull, tuple[iam.PolicyStatement, ...]]
_STATEMENTS: WeakKeyDictionary[Stack, _Statements] = WeakKeyDictionary()


def agent_pull_statements(
    scope: Construct, pull: GuardDutyAgentPull
) -> tuple[iam.PolicyStatement, ...]:
    """Return the statements that let an execution role pull GuardDuty's sidecar.

    Args:
        scope: A construct in the stack whose region and partition the statements name.
        pull: The repositories to allow.

    Raises:
        ValueError: The pull is limited to the agent's repository, and the stack's region is not
            in `AGENT_ACCOUNTS`.
    """
    if pull is GuardDutyAgentPull.NONE:
        return ()
    stack = scope if isinstance(scope, Stack) else Stack.of(scope)
    known = _STATEMENTS.setdefault(stack, {})
    if pull not in known:
        known[pull] = _statements(stack, pull)
    return known[pull]


def _statements(stack: Stack, pull: GuardDutyAgentPull) -> tuple[iam.PolicyStatement, ...]:
    anywhere = pull is GuardDutyAgentPull.ANY_REPOSITORY
    return (
        # The one ECR action that takes no resource: IAM allows it on "*" only.
        iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        iam.PolicyStatement(
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=["*" if anywhere else _agent_repository_arn(stack)],
        ),
    )


def _agent_repository_arn(stack: Stack) -> str:
    return Arn.format(
        ArnComponents(
            service="ecr",
            region=read(stack, "region"),
            account=_agent_account(stack),
            resource="repository",
            resource_name=AGENT_REPOSITORY,
        ),
        stack,
    )


def _agent_account(stack: Stack) -> str:
    region = read(stack, "region")
    if is_token(region):
        return _account_mapping(stack).find_in_map(region, "accountId")
    if region in AGENT_ACCOUNTS:
        return AGENT_ACCOUNTS[region]
    reason = (
        "GuardDuty Runtime Monitoring does not support Fargate in China"
        if region.startswith("cn-")
        else "the account of GuardDuty's agent is not known there"
    )
    raise ValueError(
        f"guardduty_agent_pull cannot be limited to the agent's repository in {region}: "
        f"{reason}; choose GuardDutyAgentPull.NONE, or ANY_REPOSITORY if GuardDuty has since "
        "come to the region"
    )


def _account_mapping(stack: Stack) -> CfnMapping:
    # One for the stack, not one for each task: the table is the same and templates have a limit.
    existing = read(stack, "node").try_find_child(_MAPPING_ID)
    if isinstance(existing, CfnMapping):
        return existing
    table = {region: {"accountId": account} for region, account in AGENT_ACCOUNTS.items()}
    return CfnMapping(stack, _MAPPING_ID, mapping=table)


publication.publish()
