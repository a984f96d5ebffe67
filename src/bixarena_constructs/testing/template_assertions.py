"""Assertions on the template of a stack with scheduled tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import publication

from bixarena_constructs.aws.secret_arn import SecretArn

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Template",
    "assert_complete_secret_arns",
    "assert_finite_log_retention",
    "assert_schedule_can_start_its_task",
    "assert_single_target",
]

# `Any`: CloudFormation is untyped.
Template: TypeAlias = Mapping[str, Any]
"""A synthesised template, or a part of it."""


def assert_schedule_can_start_its_task(template: Template) -> None:
    """Check that every rule's role may run the rule's task and pass it each of its roles.

    A schedule without these deploys, and each of its runs is refused.

    Args:
        template: A template with at least one rule that has an ECS target.

    Raises:
        AssertionError: A role may not, or there is no such rule.
    """
    checked = 0
    for rule, target in _ecs_targets(template):
        definition = target["EcsParameters"]["TaskDefinitionArn"]
        allowed = _allowed(template, target["RoleArn"])
        wanted = [("ecs:RunTask", definition)]
        wanted += [("iam:PassRole", role) for role in _roles_of(template, definition)]
        for action, resource in wanted:
            if (action, str(resource)) not in allowed:
                raise AssertionError(f"{rule}: its role may not {action} {resource}")
        checked += 1
    if not checked:
        raise AssertionError("no rule has an ECS target")


def assert_complete_secret_arns(template: Template) -> None:
    """Check that no container takes a secret from an ARN that lacks its end.

    Args:
        template: A synthesised template.

    Raises:
        AssertionError: One does; ECS could not find the secret when a task starts.
    """
    for name, definition in _of_type(template, "AWS::ECS::TaskDefinition"):
        for container in definition["ContainerDefinitions"]:
            for arn in _secret_arns(container):
                secret = SecretArn.find(_literal_end(arn))
                if secret is not None and not secret.is_complete:
                    raise AssertionError(
                        f"{name}: container {container['Name']} takes a secret from {arn}, "
                        "which lacks the six characters at the end of its ARN"
                    )


def assert_finite_log_retention(template: Template) -> None:
    """Check that every log group of the template deletes its entries some day.

    Args:
        template: A synthesised template.

    Raises:
        AssertionError: One keeps them for ever.
    """
    for name, group in _of_type(template, "AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group:
            raise AssertionError(f"{name} has no RetentionInDays: it keeps its entries for ever")


def assert_single_target(template: Template) -> None:
    """Check that every rule that starts a task starts one, and keeps events that start none.

    Args:
        template: A synthesised template.

    Raises:
        AssertionError: A rule has a second target, which is a second run, or its target has no
            dead-letter queue.
    """
    for rule, target in _ecs_targets(template):
        targets = template["Resources"][rule]["Properties"]["Targets"]
        if len(targets) != 1:
            raise AssertionError(f"{rule} has {len(targets)} targets: each is a run of its own")
        if "DeadLetterConfig" not in target:
            raise AssertionError(f"{rule} drops the events whose run could not be started")


def _of_type(template: Template, kind: str) -> Iterator[tuple[str, Template]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def _ecs_targets(template: Template) -> Iterator[tuple[str, Template]]:
    for name, rule in _of_type(template, "AWS::Events::Rule"):
        for target in rule.get("Targets", []):
            if "EcsParameters" in target:
                yield name, target


def _allowed(template: Template, role_arn: object) -> set[tuple[object, str]]:
    # As text, since intrinsic functions are dicts and no keys.
    policies = [
        policy["PolicyDocument"]
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for _, policy in _of_type(template, kind)
        if role_arn in [_arn_of(role) for role in policy.get("Roles", [])]
    ]
    return {
        (action, str(resource))
        for document in policies
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in _as_list(statement["Action"])
        for resource in _as_list(statement["Resource"])
    }


def _arn_of(role: object) -> object:
    return {"Fn::GetAtt": [role["Ref"], "Arn"]} if isinstance(role, dict) else role


def _roles_of(template: Template, definition: Mapping[str, str]) -> list[object]:
    properties = template["Resources"][definition["Ref"]]["Properties"]
    names = ("TaskRoleArn", "ExecutionRoleArn")
    return [properties[name] for name in names if name in properties]


def _secret_arns(container: Template) -> Iterator[object]:
    if "RepositoryCredentials" in container:
        yield container["RepositoryCredentials"]["CredentialsParameter"]
    for secret in container.get("Secrets", []):
        yield secret["ValueFrom"]


def _literal_end(arn: object) -> str:
    # After the last reference; what CloudFormation fills in is complete.
    last = arn["Fn::Join"][1][-1] if isinstance(arn, dict) and "Fn::Join" in arn else arn
    return last if isinstance(last, str) else ""


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


publication.publish()
