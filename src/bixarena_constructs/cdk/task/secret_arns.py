"""Whether ECS can find a secret by the ARN that a template names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import jsii
from aws_cdk import Annotations, Stack
from aws_cdk import aws_ecs as ecs
from constructs import IValidation

from bixarena_constructs.aws.secret_arn import SecretArn
from bixarena_constructs.cdk.neighbours import resolved_name
from bixarena_constructs.cdk.resolved_text import as_text
from bixarena_constructs.cdk.tokens import read, resource_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

__all__ = [
    "CREDENTIALS",
    "SecretsCheck",
    "is_incomplete",
    "is_plain_secret",
    "require_complete_arn",
    "secret_arns",
]

CREDENTIALS: Final = "the registry's credentials"
"""Stands for the credentials of a container's image among its secrets."""

# A parameter that is no secure string is none: `{{resolve:ssm:...}}`.
_SECRET_VALUE: Final = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):")
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
    resolved = None if arn is None else resolved_name(Stack.of(scope), prop, arn)
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
class SecretsCheck:
    """Fails the synthesis if ECS cannot find a container's secret, or all can read it.

    It sees what no prop shows: the containers of the user's own task definition, the credentials
    of an ``ecs.ContainerImage``, and what was added after the task was defined.
    """

    def __init__(self, task_definition: ecs.FargateTaskDefinition) -> None:
        """Take what is checked at synthesis.

        Args:
            task_definition: A task definition that the app defines.
        """
        self._task_definition = task_definition

    def validate(self) -> list[str]:
        """Return one sentence for each fault."""
        resource = resource_of(self._task_definition)
        if not isinstance(resource, ecs.CfnTaskDefinition):
            raise TypeError(f"{self._task_definition.node.path} has no AWS::ECS::TaskDefinition")
        stack = read(self._task_definition, "stack")
        containers = stack.resolve(resource.container_definitions)
        return [fault for container in containers for fault in _faults_of(container)]


# `Any`: CloudFormation's JSON.
def secret_arns(container: Mapping[str, Any]) -> dict[str, object]:
    """Return the ARN of each secret by its variable; that of the registry by `CREDENTIALS`.

    Args:
        container: A resolved container definition.
    """
    found = {
        as_text(secret["name"]): secret["valueFrom"] for secret in container.get("secrets") or ()
    }
    credentials = container.get("repositoryCredentials")
    if credentials is not None:
        found[CREDENTIALS] = credentials["credentialsParameter"]
    return found


def is_plain_secret(resolved: object) -> bool:
    """Return whether CloudFormation would write a secret's value in place of this one.

    Args:
        resolved: The value as the template has it.
    """
    return _SECRET_VALUE.search(str(resolved)) is not None


def _faults_of(container: Mapping[str, Any]) -> Iterator[str]:
    of_container = f"of the container {container['name']!r}"
    for name, arn in secret_arns(container).items():
        if is_incomplete(arn):
            what = name if name == CREDENTIALS else f"the secret {name}"
            yield (
                f"{what} {of_container} has no complete ARN, by which ECS could find it; "
                f"{_WAY_OUT}"
            )
    for setting, value in _plain_settings(container):
        if is_plain_secret(value):
            yield (
                f"{setting} {of_container} takes a secret's value, which CloudFormation would "
                "write into the task definition; use secrets"
            )


def _plain_settings(container: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what anybody who may read the task definition reads, by what a message calls it."""
    for variable in container.get("environment") or ():
        yield f"the variable {variable['name']}", variable["value"]
    for name, value in container.items():
        if name not in ("environment", "secrets", "repositoryCredentials"):
            yield f"the setting {name}", value


def _secret_in(resolved_arn: object) -> SecretArn | None:
    # The name is after the last token: "arn:", a partition's token, ":secret:name".
    if isinstance(resolved_arn, dict) and "Fn::Join" in resolved_arn:
        resolved_arn = resolved_arn["Fn::Join"][1][-1]
    return SecretArn.find(resolved_arn) if isinstance(resolved_arn, str) else None
