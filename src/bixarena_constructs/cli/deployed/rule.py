"""The deployed rule and its one target, and what that target's input becomes for a given time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bixarena_constructs.cli.errors import NotFoundError

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
        target: What it starts, as the Events API tells it.
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
        targets = events.list_targets_by_rule(Rule=task.rule_name)["Targets"]
    except events.exceptions.ResourceNotFoundException as error:
        raise NotFoundError(
            f"the rule {task.rule_name} of stack {task.stack} is gone; deploy the stack again"
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
    """Return what EventBridge would send to a target for an event.

    Args:
        target: With a constant input, an input transformer, or neither.
        event: Top-level fields of the event that a transformer may ask for.
    """
    if "InputTransformer" not in target:
        constant: dict[str, Any] = json.loads(target.get("Input", "{}"))
        return constant
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
        # Inside of quotes EventBridge puts the bare text, elsewhere a JSON string.
        inside = template[: found.start()].replace('\\"', "").count('"') % 2
        return value[1:-1] if inside else value

    rendered: dict[str, Any] = json.loads(_PLACEHOLDER.sub(value_of, template))
    return rendered
