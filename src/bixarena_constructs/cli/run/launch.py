"""Starts a deployed task as its schedule would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bixarena_constructs.cli.deployed.causes import fix_for_refusal
from bixarena_constructs.cli.errors import (
    NotStartedError,
    UnusableOptionError,
    explained,
    is_denied,
)
from bixarena_constructs.deployment import STARTED_BY_COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bixarena_constructs.cli.deployed.rule import DeployedRule
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["start"]

# Fields of an ECS target that RunTask takes under its own name for them.
_SAME = {
    "LaunchType": "launchType",
    "PlatformVersion": "platformVersion",
    "Group": "group",
    "EnableECSManagedTags": "enableECSManagedTags",
    "EnableExecuteCommand": "enableExecuteCommand",
    "PropagateTags": "propagateTags",
    "CapacityProviderStrategy": "capacityProviderStrategy",
    "PlacementConstraints": "placementConstraints",
}
_NETWORK = {
    "Subnets": "subnets",
    "SecurityGroups": "securityGroups",
    "AssignPublicIp": "assignPublicIp",
}


def start(
    task: DeployedTask,
    rule: DeployedRule,
    *,
    scheduled_at: datetime,
    environment: Mapping[str, str],
) -> str:
    """Start one run and return its task's ARN.

    Args:
        task: What to start.
        rule: Its rule, whose target says how.
        scheduled_at: The time that the run is for.
        environment: Variables of the worker that win over the deployed ones.

    Raises:
        UnusableOptionError: A variable is a secret of the task, which ECS lets nobody override.
        NotStartedError: ECS refused.
    """
    request = _request(task, rule, scheduled_at=scheduled_at, environment=environment)
    try:
        _refuse_secrets(task, rule, environment)
        answer = task.session.client("ecs").run_task(**request)
    except ClientError as error:
        if is_denied(error):
            raise
        fix = fix_for_refusal(str(error))
        raise NotStartedError(f"the run was refused: {explained(error)}{fix}") from error
    if not answer["tasks"]:
        reasons = "; ".join(
            " ".join(filter(None, (failure.get("reason"), failure.get("detail"))))
            for failure in answer["failures"]
        )
        raise NotStartedError(f"the run was refused: {reasons}{fix_for_refusal(reasons)}")
    return answer["tasks"][0]["taskArn"]


# `Any`: the request's type in the stubs has no room for a key that is computed.
def _request(
    task: DeployedTask,
    rule: DeployedRule,
    *,
    scheduled_at: datetime,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    parameters: dict[str, Any] = {**rule.ecs}
    request = {ours: parameters[theirs] for theirs, ours in _SAME.items() if theirs in parameters}
    request["capacityProviderStrategy"] = [
        {key[:1].lower() + key[1:]: value for key, value in each.items()}
        for each in request.get("capacityProviderStrategy", ())
    ]
    network = parameters.get("NetworkConfiguration", {}).get("awsvpcConfiguration", {})
    if network:
        request["networkConfiguration"] = {
            "awsvpcConfiguration": {
                ours: network[theirs] for theirs, ours in _NETWORK.items() if theirs in network
            }
        }
    tags = [{"key": each["Key"], "value": each["Value"]} for each in parameters.get("Tags", ())]
    overrides = rule.input_at(scheduled_at)
    _set(overrides, task.container_name, environment)
    given = {
        **request,
        "cluster": rule.target["Arn"],
        "taskDefinition": parameters["TaskDefinitionArn"],
        "overrides": overrides,
        "tags": tags,
        "startedBy": STARTED_BY_COMMAND_LINE,
    }
    return {key: value for key, value in given.items() if value not in ([], None)}


def _set(overrides: dict[str, Any], container: str, environment: Mapping[str, str]) -> None:
    """Add variables to the overrides of one container, in place of those of the same names."""
    containers = overrides.setdefault("containerOverrides", [])
    found = next((each for each in containers if each["name"] == container), None)
    if found is None:
        found = {"name": container}
        containers.append(found)
    kept = [each for each in found.get("environment", ()) if each["name"] not in environment]
    added = [{"name": name, "value": value} for name, value in environment.items()]
    found["environment"] = kept + added


def _refuse_secrets(
    task: DeployedTask, rule: DeployedRule, environment: Mapping[str, str]
) -> None:
    definition = task.session.client("ecs").describe_task_definition(
        taskDefinition=rule.ecs["TaskDefinitionArn"]
    )["taskDefinition"]
    secrets = {
        secret["name"]
        for container in definition["containerDefinitions"]
        if container["name"] == task.container_name
        for secret in container.get("secrets", ())
    }
    for name in sorted(secrets & environment.keys()):
        raise UnusableOptionError(
            f"{name} is a secret of the task, which ECS lets no run override; change the secret"
        )
