"""Whether the schedule may pass the task its roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import IValidation

from bixarena_constructs.cdk.permissions import policies_of
from bixarena_constructs.cdk.tokens import read, resource_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["PassRoleCheck"]


@jsii.implements(IValidation)
class PassRoleCheck:
    """Fails the synthesis if the schedule may not pass the task its roles.

    ``EcsTask`` allows the roles that exist when it is made. With an execution role that is added
    later the stack would deploy, and ECS would refuse each of its runs.
    """

    def __init__(self, task_definition: ecs.FargateTaskDefinition) -> None:
        """Take what is checked at synthesis.

        Args:
            task_definition: A task definition that the app defines.
        """
        self._task_definition = task_definition

    def validate(self) -> list[str]:
        """Return one sentence for each role that cannot be passed."""
        roles = {
            "task_role": self._task_definition.task_role,
            "execution_role": self._task_definition.execution_role,
        }
        arns = {prop: role.role_arn for prop, role in roles.items() if role is not None}
        return [*self._replaced_roles(arns), *self._roles_that_came_late(arns.values())]

    def _replaced_roles(self, arns: Mapping[str, str]) -> Iterator[str]:
        # What was set on the resource, where no grant sees it. A raw property override is not
        # visible here; `testing.assert_schedule_can_start_its_task` finds it in the template.
        resource = resource_of(self._task_definition)
        if not isinstance(resource, ecs.CfnTaskDefinition):
            return
        stack = read(self._task_definition, "stack")
        found = {
            "task_role": resource.task_role_arn,
            "execution_role": resource.execution_role_arn,
        }
        for prop, arn in arns.items():
            # Most often it is the same token, and so the same role.
            if found[prop] != arn and stack.resolve(found[prop]) != stack.resolve(arn):
                yield (
                    f"{prop}_arn of the task definition's resource is set to "
                    f"{stack.resolve(found[prop])}, a role that the schedule may not pass and "
                    f"that nothing is granted to; set {prop} instead"
                )

    def _roles_that_came_late(self, arns: Iterable[str]) -> list[str]:
        policies = self._policies_of_events_role()
        # Before they are resolved, statements are as they were added: neither merged nor joined.
        passed = {
            resource
            for policy in policies
            for statement in policy.document.to_json()["Statement"]
            if "iam:PassRole" in _as_list(statement["Action"])
            for resource in _as_list(statement["Resource"])
        }
        stack = read(self._task_definition, "stack")
        return [
            f"the schedule may not pass the role {stack.resolve(arn)} to the task: it "
            "came after the task was made the target of the rule"
            for arn in arns
            if policies and arn not in passed
        ]

    def _policies_of_events_role(self) -> list[iam.Policy | iam.ManagedPolicy]:
        # EcsTask keeps its role as this child of the task definition, once that is the target of
        # a rule. Its policies are below it: one, or more where the CDK splits a large one; none
        # where roles are made outside of the app (Role.customize_roles).
        role = read(self._task_definition, "node").try_find_child("EventsRole")
        return [] if role is None else policies_of(role)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
