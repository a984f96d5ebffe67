"""The RunTask request that starts a deployed task as its rule, or its output, says."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from botocore import xform_name

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

_REQUIRED: Final = {"--cluster", "--network-configuration", "--overrides", "--task-definition"}
_STRUCTURED: Final = {"capacityProviderStrategy", "networkConfiguration", "overrides", "tags"}
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
        request = _read(task.outputs.get(Output.RUN_TASK_COMMAND, ""), _fields_of_run_task(task))
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
    request: dict[str, Any] = _as_run_task_names_it({**rule.ecs})
    request["taskDefinition"] = request.pop("taskDefinitionArn")
    request.pop("taskCount", None)
    overrides = rule.input_at(scheduled_at)
    return {**request, "cluster": rule.target["Arn"], "overrides": overrides}


def _as_run_task_names_it(value: Any) -> Any:
    """Rename the fields of an ECS target, whose names RunTask has with a small initial."""
    if isinstance(value, list):
        return [_as_run_task_names_it(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name[0].lower() + name[1:]: _as_run_task_names_it(each) for name, each in value.items()
    }


def _fields_of_run_task(task: DeployedTask) -> dict[str, str]:
    """Return the fields of RunTask that are read, by their options, as in ``--launch-type``."""
    model: Any = task.session.client("ecs").meta.service_model.operation_model("RunTask")
    return {
        f"--{xform_name(name, '-')}": name
        for name, shape in model.input_shape.members.items()
        if name in _STRUCTURED or shape.type_name in ("boolean", "string")
    }


def _read(command: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Read what the construct writes as `RunTaskCommand`, the one form that is understood."""
    options: dict[str, list[str]] = {}
    for word in shlex.split(command)[3:]:
        if word.startswith("--"):
            options[word] = []
        else:
            options[list(options)[-1]].append(word)
    options.pop("--region", None)
    if unknown := options.keys() - fields.keys():
        raise ValueError(f"unknown options {', '.join(sorted(unknown))}")
    if missing := _REQUIRED - options.keys():
        raise ValueError(f"options {', '.join(sorted(missing))} are missing")
    return {fields[option]: _value(fields[option], words) for option, words in options.items()}


def _value(field: str, words: list[str]) -> Any:
    match field:
        case "capacityProviderStrategy":
            return [_share(each) for each in words]
        case "networkConfiguration":
            subnets, groups, public = _matched(_NETWORK, words[0]).groups()
            addresses = {"subnets": subnets.split(","), "assignPublicIp": public}
            if groups:
                addresses["securityGroups"] = groups.split(",")
            return {"awsvpcConfiguration": addresses}
        case "overrides":
            return json.loads(words[0])
        case "tags":
            tags = (_matched(_TAG, each) for each in words)
            return [{"key": tag[1], "value": tag[2]} for tag in tags]
    return words[0] if words else True


def _share(text: str) -> dict[str, str | int]:
    name, *numbers = (part.partition("=") for part in text.split(","))
    return {name[0]: name[2], **{each[0]: int(each[2]) for each in numbers}}


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"unknown form {text!r}")
    return found
