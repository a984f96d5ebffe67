"""What the execution role may pull for GuardDuty's sidecar."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from bixarena_constructs.aws.guardduty_accounts import AGENT_ACCOUNTS
from bixarena_constructs.cdk.task.guardduty import (
    GuardDutyAgentPull,
    agent_pull_statements,
)

LAYER_ACTIONS = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
]


def stack_in(region: str) -> Stack:
    return Stack(App(), "Stack", env=Environment(account="111122223333", region=region))


def resources_of(stack: Stack, pull: GuardDutyAgentPull) -> list[str]:
    return [
        resource
        for statement in agent_pull_statements(stack, pull)
        for resource in statement.resources
    ]


def test_limits_the_pull_to_the_agents_repository_in_the_stacks_region() -> None:
    stack = stack_in("ap-southeast-2")
    token, layers = agent_pull_statements(stack, GuardDutyAgentPull.AGENT_REPOSITORY)
    assert token.actions == ["ecr:GetAuthorizationToken"]
    assert token.resources == ["*"]
    assert layers.actions == LAYER_ACTIONS
    (repository,) = layers.resources
    assert stack.resolve(repository) == {
        "Fn::Join": [
            "",
            [
                "arn:",
                {"Ref": "AWS::Partition"},
                ":ecr:ap-southeast-2:005257825471:repository/aws-guardduty-agent-fargate",
            ],
        ]
    }


def test_leaves_the_account_to_a_mapping_where_the_region_is_not_known_yet(stack: Stack) -> None:
    _, layers = agent_pull_statements(stack, GuardDutyAgentPull.AGENT_REPOSITORY)
    (repository,) = layers.resources
    found = {
        "Fn::FindInMap": ["BixarenaGuardDutyAgentAccounts", {"Ref": "AWS::Region"}, "accountId"]
    }
    assert found in stack.resolve(repository)["Fn::Join"][1]
    (table,) = Template.from_stack(stack).find_mappings("*").values()
    assert table == {region: {"accountId": account} for region, account in AGENT_ACCOUNTS.items()}


def test_defines_one_mapping_for_all_tasks_of_a_stack(stack: Stack) -> None:
    for _ in range(2):
        agent_pull_statements(stack, GuardDutyAgentPull.AGENT_REPOSITORY)
    assert len(Template.from_stack(stack).find_mappings("*")) == 1


def test_writes_every_account_with_its_leading_zeros() -> None:
    assert all(account.isdigit() and len(account) == 12 for account in AGENT_ACCOUNTS.values())


def test_allows_any_repository_on_request() -> None:
    assert resources_of(stack_in("us-east-1"), GuardDutyAgentPull.ANY_REPOSITORY) == ["*", "*"]


def test_grants_nothing_on_request() -> None:
    assert agent_pull_statements(stack_in("cn-north-1"), GuardDutyAgentPull.NONE) == ()


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("cn-north-1", "does not support Fargate in China"),
        ("ap-southeast-6", "is not known there"),
    ],
)
def test_refuses_a_region_without_an_agent_and_says_what_to_choose(
    region: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=rf"guardduty_agent_pull .*{region}.*{reason}.*NONE"):
        agent_pull_statements(stack_in(region), GuardDutyAgentPull.AGENT_REPOSITORY)
