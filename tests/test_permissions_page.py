"""docs/permissions.md has every permission of a template, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, aws_kms, aws_scheduler, aws_secretsmanager
from aws_cdk.assertions import Template

from bixarena_constructs import (
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    postgres_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk import Stack
    from aws_cdk.aws_ecs import ICluster

PAGE = (Path(__file__).parents[1] / "docs" / "permissions.md").read_text()
# How the page names a role, by a part of its logical id.
ROLES = {
    "MissedRunLook": "Machine role",
    "TaskRole": "Task role",
    "ExecutionRole": "Execution role",
    "EventsRole": "Events role",
    "ScheduleRole": "Schedule role",
    "MachineRole": "Machine role",
    "MachineStartRole": "Machine's start role",
}
# `Any` below: properties of a template, any JSON.


def test_lists_what_each_role_may(stack: Stack, cluster: ICluster) -> None:
    allowed: dict[str, set[str]] = {}
    for name, actions in actions_of_roles(template_with_everything(stack, cluster)):
        allowed.setdefault(name, set()).update(actions)
    assert actions_on_the_page() == allowed


def test_lists_what_resources_let_services_do(stack: Stack, cluster: ICluster) -> None:
    resources = template_with_everything(stack, cluster)["Resources"].values()
    documents = [
        resource["Properties"].get("PolicyDocument") or resource["Properties"].get("KeyPolicy")
        for resource in resources
        if resource["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::KMS::Key"}
    ]
    allowed = {action for document in documents for action in allowed_by(document)}
    history = {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert codes(section("Policies of resources")) == allowed | history


def template_with_everything(stack: Stack, cluster: ICluster) -> dict[str, Any]:
    key = aws_kms.Key.from_key_arn(
        stack, "Key", f"arn:aws:kms:{stack.region}:{stack.account}:key/0123"
    )
    secret = aws_secretsmanager.Secret.from_secret_attributes(
        stack,
        "Secret",
        secret_complete_arn=f"arn:aws:secretsmanager:{stack.region}:{stack.account}:secret:a-AbCdEf",
        encryption_key=key,
    )
    ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        secrets=postgres_secrets(secret),
        registry_credentials=secret,
        monitoring=SnapshotMonitoring(
            email="team@example.org", retry_after=Duration.minutes(10), dashboard=True
        ),
    )
    local = SnapshotTask(
        stack, "Local", cluster=cluster, image="ghcr.io/a/b:1.0.0", enable_execute_command=True
    )
    aws_scheduler.Schedule(
        stack,
        "Schedule",
        schedule=aws_scheduler.ScheduleExpression.cron(hour="10", minute="0"),
        target=local.schedule_target(),
    )
    return dict(Template.from_stack(stack).to_json())


def actions_of_roles(template: dict[str, Any]) -> Iterator[tuple[str, set[str]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] not in {"AWS::IAM::Role", "AWS::IAM::Policy"}:
            continue
        properties = resource["Properties"]
        documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::Policy":
            documents.append(properties["PolicyDocument"])
        for document in documents:
            yield role_named(name), set(allowed_by(document))


def role_named(logical_id: str) -> str:
    (name,) = (name for part, name in ROLES.items() if part in logical_id)
    return name


def allowed_by(document: dict[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions


def actions_on_the_page() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    role = ""
    for row in re.findall(r"^\|.+\|$", section("Roles"), re.MULTILINE):
        named = re.match(r"\| \*\*(.+?)\*\*", row)
        role = named[1] if named else role
        found.setdefault(role, set()).update(codes(row))
    return {role: actions for role, actions in found.items() if actions}


def codes(text: str) -> set[str]:
    return set(re.findall(r"`([a-z]+:[A-Za-z*]+)`", text))


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].partition("\n[`")[0]
