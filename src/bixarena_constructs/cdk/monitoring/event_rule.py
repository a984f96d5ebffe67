"""Rules on events of a task, without the Lambda functions and policies of the CDK's targets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_events as events
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["define_event_rule", "event_field"]

_FIELD: Final = re.compile(r"<(detail-[\w-]+)>")


def event_field(path: str) -> str:
    """Return what stands for a field of the event in a line of a message.

    Args:
        path: Names of the field and what it lies in, as in ``detail.taskArn``.
    """
    return f"<{path.replace('.', '-')}>"


def define_event_rule(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    pattern: events.EventPattern,
    target_arn: str,
    role_arn: str | None = None,
    lines: Sequence[str] = (),
) -> events.CfnRule:
    """Define a rule with one target, and return it.

    It has the logical ID of an ``events.Rule``, which would ask for its target in Python.

    Args:
        scope: The construct that it is defined in.
        construct_id: Id below that scope.
        description: What it is for.
        pattern: Which events it matches.
        target_arn: Where they go; the policy of the target is the caller's business.
        role_arn: Role that EventBridge assumes for it. Default: - none.
        lines: What is sent, with fields of the event. Default: - the event.
    """
    transformer = None
    if lines:
        fields = {name for line in lines for name in _FIELD.findall(line)}
        transformer = events.CfnRule.InputTransformerProperty(
            input_paths_map={name: f"$.{name.replace('-', '.')}" for name in sorted(fields)},
            input_template="\n".join(json.dumps(line, ensure_ascii=False) for line in lines),
        )
    return events.CfnRule(
        Construct(scope, construct_id),
        "Resource",
        description=description,
        event_pattern={
            "source": pattern.source,
            "detail-type": pattern.detail_type,
            "detail": pattern.detail,
        },
        state="ENABLED",
        targets=[
            events.CfnRule.TargetProperty(
                id="Target0", arn=target_arn, role_arn=role_arn, input_transformer=transformer
            )
        ],
    )
