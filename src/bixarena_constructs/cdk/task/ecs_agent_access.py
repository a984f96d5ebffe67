"""What the ECS agent needs for the containers of a task as they are at synthesis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Aspects, IAspect, Resource, Stack
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.cdk.neighbours import resolved_name
from bixarena_constructs.cdk.permissions import warn_of_an_immutable_role
from bixarena_constructs.cdk.resolved_text import as_text
from bixarena_constructs.cdk.task.image import check_reference
from bixarena_constructs.cdk.task.image_pull import note_granted_pull, pull_statements
from bixarena_constructs.cdk.task.secret_arns import CREDENTIALS, secret_arns
from bixarena_constructs.cdk.task.secret_decryption import (
    decrypt_statements,
    is_key_of_another_stack,
    key_of_another_stack,
)
from bixarena_constructs.cdk.tokens import read, resolved, resource_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms
    from constructs import Construct, IConstruct

__all__ = ["AgentAccess"]


@jsii.implements(IAspect)
class AgentAccess:
    """Grants the execution role what no prop showed.

    The CDK grants neither the pull of an image in ECR that a text names, nor the use of a key
    that was imported with its secret. The props of the container are covered when the task is
    defined; this covers a task definition of the user's, sidecars, and what was added later.
    """

    def __init__(
        self,
        scope: Construct,
        task_definition: ecs.FargateTaskDefinition,
        *,
        worker: str,
        has_settled_image: bool,
        granted_secrets: Collection[str],
        granted_keys: Collection[kms.IKey],
    ) -> None:
        """Take what is granted to at synthesis.

        Args:
            scope: The construct that warnings are attached to.
            task_definition: A task definition that the app defines.
            worker: Name of the worker's container.
            has_settled_image: Whether the worker's image is checked and its pull granted already.
            granted_secrets: Names of the secrets whose keys are granted already.
            granted_keys: Keys that are granted already.
        """
        self._scope = scope
        self._task_definition = task_definition
        self._worker = worker
        self._has_settled_image = has_settled_image
        self._granted_secrets = frozenset(granted_secrets)
        self._granted_keys = granted_keys
        self._faults: list[str] = []

    def bind(self) -> None:
        """Have it done before the template is written."""
        resource = resource_of(self._task_definition)
        if resource is not None:
            # Of the resource alone: an aspect calls back for every construct below its scope.
            Aspects.of(resource).add(self)

    def visit(self, node: IConstruct) -> None:
        """Grant what is missing.

        Args:
            node: The task definition's resource.
        """
        if not isinstance(node, ecs.CfnTaskDefinition):
            return
        stack = read(self._task_definition, "stack")
        # `Any`: CloudFormation's JSON.
        containers: Any = resolved_name(
            stack, f"a setting of {node.node.path}", node.container_definitions
        )
        for container in containers:
            self._grant_pull(container)
        arns = {
            name: as_text(arn)
            for container in containers
            for name, arn in secret_arns(container).items()
            if name not in self._granted_secrets
        }
        if arns:
            self._grant_keys(arns)

    def validate(self) -> list[str]:
        """Return one sentence for each image whose pull cannot be granted."""
        return self._faults

    def _definition_of(self, name: object) -> ecs.ContainerDefinition | None:
        if isinstance(name, str):
            return self._task_definition.find_container(name)
        return next(
            (
                child
                for child in self._task_definition.node.children
                if isinstance(child, ecs.ContainerDefinition)
                and resolved(self._task_definition, child.container_name) == name
            ),
            None,
        )

    # `Any`: CloudFormation's JSON.
    def _grant_pull(self, container: Mapping[str, Any]) -> None:
        name = container["name"]
        has_credentials = "repositoryCredentials" in container
        is_worker = name == resolved(self._task_definition, self._worker)
        if is_worker and self._has_settled_image:
            return
        definition = self._definition_of(name)
        if definition is None:
            return
        try:
            if is_worker:
                check_reference(
                    self._scope, definition.image_name, has_credentials=has_credentials
                )
            if not has_credentials:
                role = self._task_definition.obtain_execution_role()
                place = f"the image of the container {as_text(name)!r}"
                statements = pull_statements(definition, place, definition.image_name, role=role)
                self._grant(statements)
                if statements:
                    note_granted_pull(definition)
        except ValueError as fault:
            self._faults.append(str(fault))

    def _grant_keys(self, wanted: Mapping[str, str]) -> None:
        stack = Stack.of(self._task_definition)
        granted = {key.key_arn for key in self._granted_keys}
        keys = []
        for name, secret in _secrets_of(stack, wanted):
            key = getattr(secret, "encryption_key", None)
            if key is None:
                continue
            if is_key_of_another_stack(stack, key):
                # Here, as the cycle that the CDK finds next names neither secret nor way out.
                what = f"the secret {'of ' if name == CREDENTIALS else ''}{name}"
                raise ValueError(key_of_another_stack(what, key))
            if not Resource.is_owned_resource(key) and key.key_arn not in granted:
                keys.append(key)
        self._grant(decrypt_statements(self._task_definition, keys))

    def _grant(self, statements: Sequence[iam.PolicyStatement]) -> None:
        for statement in statements:
            self._task_definition.add_to_execution_role_policy(statement)
        if statements:
            role = self._task_definition.obtain_execution_role()
            warn_of_an_immutable_role(self._scope, "execution_role", role, statements)


def _secrets_of(stack: Stack, wanted: Mapping[str, str]) -> Iterable[tuple[str, IConstruct]]:
    secrets = [
        (Stack.of(construct) is stack, as_text(stack.resolve(arn)), construct)
        for construct in stack.node.root.node.find_all()
        if (arn := getattr(construct, "secret_arn", None)) is not None
    ]
    for name, text in wanted.items():
        # ECS's reference may go on with the field of the secret's JSON.
        found = [each for each in secrets if text.startswith(each[1])]
        # Secrets of two stacks may have one logical ID, and an import has the ARN of its original.
        own = [each for each in found if each[0]]
        yield from ((name, secret) for _, _, secret in own or found)
