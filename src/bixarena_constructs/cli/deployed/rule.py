"""The deployed rule and its one target, and what that target's input becomes for a given time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bixarena_constructs.cli.errors import NotFoundError, NotStartedError

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_events.type_defs import EcsParametersOutputTypeDef, TargetOutputTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["DeployedRule", "read_rule"]

_PLACEHOLDER = re.compile(r"<([\w.-]+)>")


@dataclass(frozen=True, kw_only=True)
class DeployedRule:
    """What starts the task.

    Attributes:
        arn: Of the rule.
        expression: When it fires, in UTC, as in ``cron(0 10 * * ? *)``.
        enabled: Whether it fires at all.
        target: What it starts, as the Events API returns it.
    """

    arn: str
    expression: str
    enabled: bool
    target: TargetOutputTypeDef

    @property
    def ecs(self) -> EcsParametersOutputTypeDef:
        """How the target starts a task."""
        return self.target["EcsParameters"]

    def input_at(self, scheduled_at: datetime) -> dict[str, Any]:
        """Return the overrides that the rule hands to ECS for a scheduled time."""
        event = {"source": "aws.events", "time": f"{scheduled_at:%Y-%m-%dT%H:%M:%SZ}"}
        return _rendered_input(self.target, event)


def read_rule(task: DeployedTask) -> DeployedRule:
    """Read the rule of a task.

    Raises:
        NotFoundError: The task has no rule, or the rule is gone or starts no ECS task.
    """
    if task.rule_name is None:
        raise NotFoundError(f"no rule of stack {task.stack} starts the task {task.name}")
    events = task.session.client("events")
    try:
        rule = events.describe_rule(Name=task.rule_name)
        targets = events.list_targets_by_rule(Rule=task.rule_name).get("Targets", ())
    except events.exceptions.ResourceNotFoundException as error:
        raise NotFoundError(
            f"the rule {task.rule_name} of stack {task.stack} does not exist; deploy the "
            "stack again"
        ) from error
    for target in targets:
        if "EcsParameters" in target:
            return DeployedRule(
                arn=rule["Arn"],
                expression=rule.get("ScheduleExpression", ""),
                enabled=rule["State"] != "DISABLED",
                target=target,
            )
    raise NotFoundError(f"the rule {task.rule_name} starts no ECS task; deploy the stack again")


# `Any`: JSON of an override, whose shape is the user's.
def _rendered_input(target: TargetOutputTypeDef, event: dict[str, str]) -> dict[str, Any]:
    """Return what EventBridge sends to a target for an event.

    Args:
        target: A target with a constant input, an input transformer, or neither.
        event: Top-level fields of the event that a transformer may refer to.

    Raises:
        NotStartedError: The input is not a JSON object.
    """
    if "InputTransformer" not in target:
        return _overrides(target.get("Input", "{}"))
    transformer = target["InputTransformer"]
    template = transformer["InputTemplate"]
    values = {
        name: event.get(path.removeprefix("$."), "")
        for name, path in transformer.get("InputPathsMap", {}).items()
    }

    def value_of(found: re.Match[str]) -> str:
        if found[1] not in values:
            return found[0]
        value = json.dumps(values[found[1]])
        # EventBridge inserts the bare text inside quotes, and a JSON string elsewhere.
        inside = template[: found.start()].replace('\\"', "").count('"') % 2
        return value[1:-1] if inside else value

    return _overrides(_PLACEHOLDER.sub(value_of, template))


def _overrides(text: str) -> dict[str, Any]:
    try:
        overrides = json.loads(text)
    except ValueError:
        overrides = None
    if not isinstance(overrides, dict):
        raise NotStartedError(
            f"the input of the rule's target is {text!r}, which is not a JSON object; deploy the "
            "stack again"
        )
    return overrides
