"""Assertions on the template of a stack with scheduled tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import publication

from bixarena_constructs.aws.secret_arn import SecretArn
from bixarena_constructs.testing.template_roles import (
    Template,
    as_text,
    is_allowed,
    is_elsewhere,
    names_of,
    of_type,
    statements_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Template",
    "assert_complete_secret_arns",
    "assert_finite_log_retention",
    "assert_schedule_can_start_its_task",
    "assert_single_target",
]

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


def assert_schedule_can_start_its_task(template: Template) -> None:
    """Check that the role of every rule and schedule may run its task and pass the task's roles.

    A schedule without these deploys, and each of its runs is refused.

    Args:
        template: A template with at least one rule or schedule that has an ECS target.

    Raises:
        AssertionError: A role may not, or the template does not show it; or nothing is scheduled.
    """
    checked = 0
    for name, target in _ecs_targets(template):
        _require_start(template, name, target)
        checked += 1
    if not checked:
        raise AssertionError("no rule or schedule has an ECS target")


def assert_complete_secret_arns(template: Template) -> None:
    """Check that no container takes a secret from an ARN that lacks its end.

    Args:
        template: A synthesised template.

    Raises:
        AssertionError: One does; ECS could not find the secret when a task starts.
    """
    for name, definition in of_type(template, "AWS::ECS::TaskDefinition"):
        for container in _branches(definition["ContainerDefinitions"]):
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
    for name, group in of_type(template, "AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group:
            raise AssertionError(f"{name} has no RetentionInDays: it keeps its entries for ever")


def assert_single_target(template: Template) -> None:
    """Check that what starts a task starts one, and keeps the events of runs that did not start.

    Args:
        template: A synthesised template.

    Raises:
        AssertionError: A rule has a second target, which is a second run; or the target of a
            rule or a schedule has no dead-letter queue.
    """
    for name, target in _ecs_targets(template):
        targets = template["Resources"][name]["Properties"].get("Targets", [target])
        if len(targets) != 1:
            raise AssertionError(f"{name} has {len(targets)} targets: each is a run of its own")
        if "DeadLetterConfig" not in target:
            raise AssertionError(f"{name} drops the events whose run could not be started")


def _ecs_targets(template: Template) -> Iterator[tuple[str, Template]]:
    for kind, prop in (("AWS::Events::Rule", "Targets"), ("AWS::Scheduler::Schedule", "Target")):
        for name, properties in of_type(template, kind):
            for target in _branches(properties.get(prop, [])):
                if "EcsParameters" in target:
                    yield name, target


def _branches(value: object) -> Iterator[Template]:
    """Yield each object that a value may have, whatever the template's conditions are."""
    match value:
        case list():
            for each in value:
                yield from _branches(each)
        case {"Fn::If": [_, one, other]}:
            yield from _branches([one, other])
        case Mapping():
            yield value


def _require_start(template: Template, name: str, target: Template) -> None:
    if "RoleArn" not in target:
        raise AssertionError(f"{name}: its target has no RoleArn, so ECS refuses it")
    definition = as_text(target["EcsParameters"]["TaskDefinitionArn"])
    defined, definition_names = names_of(template, definition)
    _require_allowed(template, name, target, "ecs:RunTask", definition_names)
    if defined is None:
        raise AssertionError(
            f"{name}: {definition} is defined elsewhere, so this template does not show which "
            "roles must be passed; check the template that defines it"
        )
    for role in _roles_of(template["Resources"][defined]["Properties"]):
        _require_allowed(template, name, target, "iam:PassRole", names_of(template, role)[1])


def _require_allowed(
    template: Template, name: str, target: Template, action: str, names: list[str]
) -> None:
    role = as_text(target["RoleArn"])
    statements, unseen = statements_of(template, role)
    context = {
        "ecs:cluster": as_text(target["Arn"]),
        "iam:PassedToService": "ecs-tasks.amazonaws.com",
    }
    if is_allowed(statements, action, names, context=context):
        return
    if is_elsewhere(template, role):
        unseen = [f"those of {role}, which is defined elsewhere"]
    if unseen:
        raise AssertionError(
            f"{name}: no policy of this template lets its role {action} {names[0]}; check "
            f"the policies that it does not show: {', '.join(unseen)}"
        )
    raise AssertionError(f"{name}: its role may not {action} {names[0]}")


def _roles_of(definition: Template) -> Iterator[str]:
    for name in ("TaskRoleArn", "ExecutionRoleArn"):
        role = definition.get(name, _NO_VALUE)
        if role != _NO_VALUE:
            yield as_text(role)


def _secret_arns(container: Template) -> Iterator[object]:
    for credentials in _branches(container.get("RepositoryCredentials")):
        yield credentials["CredentialsParameter"]
    for secret in _branches(container.get("Secrets")):
        if "ValueFrom" in secret:
            yield secret["ValueFrom"]


def _literal_end(arn: object) -> str:
    # What CloudFormation fills in is complete.
    return as_text(arn).rpartition("}")[2]


publication.publish()
