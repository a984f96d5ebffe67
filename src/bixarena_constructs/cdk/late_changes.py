"""What was set past the props, on the resources of a task, and cannot work.

Properties that were set on a resource are seen here, and raw overrides are not: those are in the
template only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from bixarena_constructs.cdk.tokens import read, resource_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from constructs import IConstruct

__all__ = ["PartsCheck", "RuleCheck", "TrustCheck"]

_AGENT: Final = "ecs-tasks.amazonaws.com"


class PartsCheck:
    """Fails the synthesis if a part of a task was removed, to which the template still refers."""

    def __init__(self, scopes: Sequence[IConstruct], parts: Sequence[IConstruct]) -> None:
        """Take the parts.

        Args:
            scopes: Where they were defined.
            parts: Read at synthesis, when all are defined.
        """
        self._scopes = scopes
        self._parts = parts

    def validate(self) -> list[str]:
        """Return one sentence for each part that is no longer there."""
        there = [child for each in self._scopes for child in read(each, "node").children]
        return [
            f"{part.node.path} is removed from the app, and the task refers to it; leave it, or "
            "pass another to the task instead"
            for part in self._parts
            if part not in there
        ]


class TrustCheck:
    """Fails the synthesis if ECS may not assume a role of the app that it was given."""

    def __init__(self, **roles: iam.IRole | None) -> None:
        """Take the roles.

        Args:
            **roles: By prop; of an imported one the trust is not known.
        """
        self._roles = roles

    def validate(self) -> list[str]:
        """Return one sentence for each role."""
        return [
            f"{prop} is {role.node.path}, which {_AGENT} may not assume; add "
            f'iam.ServicePrincipal("{_AGENT}") to assumed_by'
            for prop, role in self._roles.items()
            if isinstance(role, iam.Role) and not _trusts_agent(role)
        ]


class RuleCheck:
    """Fails the synthesis if the rule was changed to start another task, or at other times."""

    def __init__(
        self, rule: events.Rule, *, expression: str, enabled: bool, task_definition_arn: str
    ) -> None:
        """Take the rule and what it was defined for.

        Args:
            rule: It has one target, the task.
            expression: Its schedule expression.
            enabled: Whether it starts runs.
            task_definition_arn: What it starts.
        """
        self._rule = rule
        self._expression = expression
        self._enabled = enabled
        self._task_definition_arn = task_definition_arn

    def validate(self) -> list[str]:
        """Return one sentence for each fault."""
        resource = resource_of(self._rule)
        if not isinstance(resource, events.CfnRule):
            return []
        resolve = read(self._rule, "stack").resolve
        return [
            *self._faults_of_targets(
                resolve(resource.targets) or [], resolve(self._task_definition_arn)
            ),
            *self._faults_of_time(resource, resolve(resource.event_pattern)),
        ]

    def _faults_of_targets(
        self, targets: list[dict[str, Any]], definition: object
    ) -> Iterator[str]:
        started = [
            (target.get("ecsParameters") or {}).get("taskDefinitionArn") for target in targets[:1]
        ]
        if started != [definition]:
            yield (
                "the first target of the rule is no longer the task; leave targets as they are, "
                "and define a rule of its own for another target"
            )
        if others := ", ".join(str(target["id"]) for target in targets[1:]):
            yield (
                f"the rule that starts the task has the target {others}, too, which may start a "
                "second run; define a rule of its own with the same schedule for it"
            )

    def _faults_of_time(self, resource: events.CfnRule, pattern: object) -> Iterator[str]:
        if resource.schedule_expression != self._expression:
            yield (
                f"the schedule of the rule is set to {resource.schedule_expression}, which is not "
                f"checked, and alarms follow {self._expression}; set schedule instead"
            )
        if (resource.state != "DISABLED") is not self._enabled:
            yield (
                f"the state of the rule is set to {resource.state}, which alarms do not follow; "
                f"set enabled={not self._enabled} instead"
            )
        if pattern is not None:
            yield (
                "the rule has an event pattern, too, and a run that an event starts is for no "
                "scheduled time; define a rule of its own for it"
            )


def _trusts_agent(role: iam.Role) -> bool:
    document = role.assume_role_policy
    # One that is made outside of the app has none.
    trust = json.dumps(role.stack.resolve(document)) if document is not None else _AGENT
    # Text that is known at deployment may be anything.
    return any(each in trust for each in (_AGENT, '"*"', '"Ref"', '"Fn::'))
