"""Rules on events of a task, without the Lambda functions and policies of the CDK's targets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_events as events
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["define_event_rule"]

_DETAIL: Final = "<detail>"


def define_event_rule(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    pattern: events.EventPattern,
    target_arn: str,
    role_arn: str | None = None,
    added: Mapping[str, object] | None = None,
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
        added: What is sent next to the event's detail. Default: - the event is sent.
    """
    transformer = None
    if added is not None:
        template = json.dumps({**added, "detail": _DETAIL}, ensure_ascii=False)
        transformer = events.CfnRule.InputTransformerProperty(
            input_paths_map={"detail": "$.detail"},
            # EventBridge fills in an object, which has no quotes round it.
            input_template=template.replace(f'"{_DETAIL}"', _DETAIL),
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
