"""The RunTask request that starts a deployed task as its rule, or its output, says."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from bixarena_constructs.cli.deployed.rule import read_rule
from bixarena_constructs.cli.errors import NotFoundError
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bixarena_constructs.cli.deployed.rule import DeployedRule
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = [
    "override_of",
    "request_for",
    "request_of_command",
    "request_of_rule",
    "set_variables",
]

# Fields of an ECS target, and RunTask's names for them.
_OF_TARGET: Final = {
    "TaskDefinitionArn": "taskDefinition",
    "LaunchType": "launchType",
    "PlatformVersion": "platformVersion",
    "Group": "group",
    "EnableECSManagedTags": "enableECSManagedTags",
    "EnableExecuteCommand": "enableExecuteCommand",
    "PropagateTags": "propagateTags",
    "PlacementConstraints": "placementConstraints",
}
_OF_NETWORK: Final = {
    "Subnets": "subnets",
    "SecurityGroups": "securityGroups",
    "AssignPublicIp": "assignPublicIp",
}
# Options of `aws ecs run-task` with one value, and those without.
_OF_OPTION: Final = {
    "--cluster": "cluster",
    "--task-definition": "taskDefinition",
    "--launch-type": "launchType",
    "--platform-version": "platformVersion",
    "--propagate-tags": "propagateTags",
}
_OF_FLAG: Final = {
    "--enable-ecs-managed-tags": "enableECSManagedTags",
    "--enable-execute-command": "enableExecuteCommand",
}
_READ_APART: Final = {
    "--capacity-provider-strategy",
    "--network-configuration",
    "--overrides",
    "--region",
    "--tags",
}
_REQUIRED: Final = {"--cluster", "--network-configuration", "--overrides", "--task-definition"}
_NETWORK: Final = re.compile(
    r"awsvpcConfiguration=\{subnets=\[([^][]+)\],(?:securityGroups=\[([^][]+)\],)?"
    r"assignPublicIp=(ENABLED|DISABLED)\}"
)
_TAG: Final = re.compile(r"key=(.+?),value=(.*)")


# `Any`, here and below: the request's type in the stubs has no room for a key that is computed.
def request_for(task: DeployedTask, scheduled_at: datetime) -> dict[str, Any]:
    """Return the request that starts a task for a scheduled time.

    Args:
        task: What to start.
        scheduled_at: The time that the run is for.

    Raises:
        NotFoundError: The rule is gone, or the output cannot be read.
    """
    if task.rule_name is None:
        return request_of_command(task, scheduled_at)
    return request_of_rule(read_rule(task), scheduled_at)


def request_of_command(task: DeployedTask, scheduled_at: datetime) -> dict[str, Any]:
    """Return what the output `RunTaskCommand` starts.

    Raises:
        NotFoundError: The output cannot be read.
    """
    try:
        request = _read(task.outputs.get(Output.RUN_TASK_COMMAND, ""))
    except (IndexError, ValueError) as error:
        raise NotFoundError(
            f"the output {Output.RUN_TASK_COMMAND} of task {task.name} cannot be read ({error}); "
            f"deploy stack {task.stack} with this version of bixarena-constructs"
        ) from error
    variables: dict[str, str] = {Variable.SCHEDULED_AT: f"{scheduled_at:%Y-%m-%dT%H:%M:%SZ}"}
    set_variables(override_of(request["overrides"], task.container_name), variables)
    return request


def override_of(overrides: dict[str, Any], container: str) -> dict[str, Any]:
    """Return what a request overrides of a container; it is added if there is nothing yet."""
    containers: list[dict[str, Any]] = overrides.setdefault("containerOverrides", [])
    for each in containers:
        if each["name"] == container:
            return each
    containers.append({"name": container})
    return containers[-1]


def set_variables(override: dict[str, Any], variables: Mapping[str, str]) -> None:
    """Set variables in the override of a container, replacing those of the same names."""
    kept = [each for each in override.get("environment", ()) if each["name"] not in variables]
    added = [{"name": name, "value": value} for name, value in variables.items()]
    override["environment"] = kept + added


def request_of_rule(rule: DeployedRule, scheduled_at: datetime) -> dict[str, Any]:
    """Return what a rule starts."""
    parameters: dict[str, Any] = {**rule.ecs}
    network = parameters.get("NetworkConfiguration", {}).get("awsvpcConfiguration", {})
    return {
        **_renamed(parameters, _OF_TARGET),
        "cluster": rule.target["Arn"],
        "capacityProviderStrategy": [
            {key[:1].lower() + key[1:]: value for key, value in each.items()}
            for each in parameters.get("CapacityProviderStrategy", ())
        ],
        "networkConfiguration": network
        and {"awsvpcConfiguration": _renamed(network, _OF_NETWORK)},
        "tags": [
            {"key": each["Key"], "value": each["Value"]} for each in parameters.get("Tags", ())
        ],
        "overrides": rule.input_at(scheduled_at),
    }


def _read(command: str) -> dict[str, Any]:
    """Read what the construct writes as `RunTaskCommand`, the one form that is understood."""
    options: dict[str, list[str]] = {}
    for word in shlex.split(command)[3:]:
        if word.startswith("--"):
            options[word] = []
        else:
            options[list(options)[-1]].append(word)
    unknown = options.keys() - _OF_OPTION.keys() - _OF_FLAG.keys() - _READ_APART
    if unknown:
        raise ValueError(f"unknown options {', '.join(sorted(unknown))}")
    missing = _REQUIRED - options.keys()
    if missing:
        raise ValueError(f"options {', '.join(sorted(missing))} are missing")
    network = _matched(_NETWORK, options["--network-configuration"][0])
    addresses = {"subnets": network[1].split(","), "assignPublicIp": network[3]}
    if network[2]:
        addresses["securityGroups"] = network[2].split(",")
    tags = [_matched(_TAG, each) for each in options.get("--tags", ())]
    return {
        **{name: options[option][0] for option, name in _OF_OPTION.items() if option in options},
        **{name: True for option, name in _OF_FLAG.items() if option in options},
        "capacityProviderStrategy": [
            _share(each) for each in options.get("--capacity-provider-strategy", ())
        ],
        "networkConfiguration": {"awsvpcConfiguration": addresses},
        "tags": [{"key": tag[1], "value": tag[2]} for tag in tags],
        "overrides": json.loads(options["--overrides"][0]),
    }


def _share(text: str) -> dict[str, str | int]:
    name, *numbers = (part.partition("=") for part in text.split(","))
    return {name[0]: name[2], **{each[0]: int(each[2]) for each in numbers}}


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"unknown form {text!r}")
    return found


def _renamed(fields: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {ours: fields[theirs] for theirs, ours in names.items() if theirs in fields}
