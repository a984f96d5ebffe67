"""Changes of a deployed task that several breaks make, each undone at its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_demo.stage import Stage

__all__ = [
    "change_secret",
    "change_target",
    "definition_of",
    "secret_arn_of",
    "set_variable",
    "strip_role",
    "target_of",
]

# `Any` below: requests and answers of AWS, which each break changes as it likes.


def definition_of(stage: Stage) -> dict[str, Any]:
    """Return the deployed task definition."""
    ecs: Any = stage.aws.session.client("ecs")
    arn = stage.task.outputs[Output.TASK_DEFINITION_ARN]
    definition: dict[str, Any] = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return definition


def secret_arn_of(stage: Stage) -> str:
    """Return the ARN of the database's secret."""
    (worker,) = definition_of(stage)["containerDefinitions"]
    return ":".join(worker["secrets"][0]["valueFrom"].split(":")[:7])


def change_secret(stage: Stage, change: Callable[[dict[str, Any]], str]) -> Iterator[None]:
    """Store another value in the database's secret."""
    secrets, arn = stage.aws.session.client("secretsmanager"), secret_arn_of(stage)
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=change(json.loads(before)))
    yield
    secrets.put_secret_value(SecretId=arn, SecretString=before)


def target_of(stage: Stage) -> dict[str, Any]:
    """Return the rule's target."""
    events: Any = stage.aws.session.client("events")
    (target,) = events.list_targets_by_rule(Rule=stage.task.rule_name)["Targets"]
    return dict(target)


def change_target(stage: Stage, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Change the rule's target."""
    events: Any = stage.aws.session.client("events")
    rule, before = stage.task.rule_name, target_of(stage)
    target = json.loads(json.dumps(before))
    change(target)
    events.put_targets(Rule=rule, Targets=[target])
    yield
    events.put_targets(Rule=rule, Targets=[before])


def set_variable(stage: Stage, name: str, value: str) -> Iterator[None]:
    """Let the rule pass the worker one more variable."""
    variable = f'"environment":[{{"name":"{name}","value":"{value}"}},'

    def change(target: dict[str, Any]) -> None:
        transformer = target["InputTransformer"]
        transformer["InputTemplate"] = transformer["InputTemplate"].replace(
            '"environment":[', variable
        )

    return change_target(stage, change)


def strip_role(stage: Stage, arn: str) -> Iterator[None]:
    """Take the policies from a role."""
    iam = stage.aws.session.client("iam")
    role = arn.rpartition("/")[2]
    documents = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    for name in documents:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    yield
    for name, document in documents.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
