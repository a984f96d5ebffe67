"""Whether ECS can find a secret by the ARN that a template names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Annotations, Stack
from aws_cdk import aws_ecs as ecs
from constructs import IValidation

from bixarena_constructs.aws.secret_arn import SecretArn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

__all__ = ["CompleteArnCheck", "is_incomplete", "require_complete_arn"]

_WAY_OUT = (
    "import it with Secret.from_secret_complete_arn and the ARN that Secrets Manager shows, "
    "hyphen and six characters at its end included"
)


def require_complete_arn(
    scope: Construct, prop: str, secret: secretsmanager.ISecret | ecs.Secret
) -> None:
    """Check that ECS can find a secret.

    Args:
        scope: The construct that the ARN is resolved in and warnings are attached to.
        prop: Name of the prop that the secret was given to.
        secret: The secret; an ARN that is a token passes.

    Raises:
        ValueError: The ARN lacks the six characters that Secrets Manager ends it with. ECS
            refuses such a secret when a task starts, not when the stack is deployed.
    """
    arn = secret.arn if isinstance(secret, ecs.Secret) else secret.secret_full_arn
    resolved = Stack.of(scope).resolve(arn)
    if resolved is None or is_incomplete(resolved):
        raise ValueError(
            f"{prop} has a secret without its complete ARN, which ECS cannot find; {_WAY_OUT}"
        )
    secret_arn = _secret_in(resolved)
    if secret_arn is not None and secret_arn.may_end_in_a_word:
        name = secret_arn.name
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:doubtfulSecretArn",
            f"{prop} has a secret whose ARN ends in {name!r}: if {name[-6:]!r} is part of its "
            f"name, the ARN is not complete and ECS cannot find it; {_WAY_OUT}",
        )


def is_incomplete(resolved_arn: object) -> bool:
    """Return whether an ARN names a secret and visibly lacks the end that Secrets Manager adds.

    Args:
        resolved_arn: The ARN as the template has it: a text or an intrinsic function.
    """
    secret_arn = _secret_in(resolved_arn)
    return secret_arn is not None and not secret_arn.is_complete


@jsii.implements(IValidation)
class CompleteArnCheck:
    """Fails the synthesis if a container takes a secret from an incomplete ARN.

    It sees the secrets that no prop shows: those of the user's own task definition, and the
    credentials of an ``ecs.ContainerImage``.
    """

    def __init__(self, task_definition: ecs.FargateTaskDefinition) -> None:
        """Take what is checked at synthesis.

        Args:
            task_definition: A task definition that the app defines.
        """
        self._task_definition = task_definition

    def validate(self) -> list[str]:
        """Return one sentence for each secret that ECS could not find."""
        resource = self._task_definition.node.default_child
        if not isinstance(resource, ecs.CfnTaskDefinition):
            raise TypeError(f"{self._task_definition.node.path} has no AWS::ECS::TaskDefinition")
        containers = Stack.of(resource).resolve(resource.container_definitions)
        return [
            f"{place} of the container {container['name']!r} has no complete ARN, by which ECS "
            f"could find it; {_WAY_OUT}"
            for container in containers
            for place, arn in _secrets_of(container)
            if is_incomplete(arn)
        ]


def _secrets_of(container: dict[str, object]) -> Iterator[tuple[str, object]]:
    credentials = container.get("repositoryCredentials")
    if isinstance(credentials, dict):
        yield "the registry's credentials", credentials["credentialsParameter"]
    secrets = container.get("secrets")
    for secret in secrets if isinstance(secrets, list) else []:
        yield f"the secret {secret['name']}", secret["valueFrom"]


def _secret_in(resolved_arn: object) -> SecretArn | None:
    # The name is after the last token: "arn:", a partition's token, ":secret:name".
    if isinstance(resolved_arn, dict) and "Fn::Join" in resolved_arn:
        resolved_arn = resolved_arn["Fn::Join"][1][-1]
    return SecretArn.find(resolved_arn) if isinstance(resolved_arn, str) else None
