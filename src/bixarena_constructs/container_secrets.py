"""How a container's secrets are named: ready made, or by a secret and one of its JSON fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import publication
from aws_cdk import Token
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SecretSource",
    "container_secrets",
    "postgres_secrets",
    "require_complete_arn",
    "visible_secrets",
]

_COMPLETE_ARN = re.compile(r"arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:.+-[A-Za-z0-9]{6}")

SecretSource: TypeAlias = ecs.Secret | secretsmanager.ISecret | tuple[secretsmanager.ISecret, str]
"""What an environment variable's value is taken from when the task starts.

A secret stands for its whole text, a pair of a secret and a name for that field of its JSON; an
``ecs.Secret`` passes as it is, for Systems Manager parameters and pinned versions.
"""


def container_secrets(
    sources: Mapping[str, SecretSource], *, environment: Mapping[str, str]
) -> dict[str, ecs.Secret]:
    """Return the secrets of a container definition, by environment variable.

    Args:
        sources: The secrets that the user named.
        environment: The container's plain variables.

    Raises:
        ValueError: A name stands in both, a field's name is empty, or a secret's ARN is not
            complete.
    """
    twice = sorted(set(sources) & set(environment))
    if twice:
        raise ValueError(f"secrets and environment both set {', '.join(twice)}, keep one of them")
    return {name: _container_secret(name, source) for name, source in sources.items()}


def postgres_secrets(secret: secretsmanager.ISecret) -> dict[str, SecretSource]:
    """Return the worker's connection settings as fields of a secret of RDS's form.

    Args:
        secret: JSON with ``host``, ``port``, ``dbname``, ``username`` and ``password``, as RDS
            generates it.
    """
    return {
        "POSTGRES_DB": (secret, "dbname"),
        "POSTGRES_HOST": (secret, "host"),
        "POSTGRES_PASSWORD": (secret, "password"),
        "POSTGRES_PORT": (secret, "port"),
        "POSTGRES_USER": (secret, "username"),
    }


def visible_secrets(sources: Mapping[str, SecretSource]) -> list[secretsmanager.ISecret]:
    """Return the secrets whose encryption key can be seen: all but those made ready before."""
    named = (source[0] if isinstance(source, tuple) else source for source in sources.values())
    return [secret for secret in named if not isinstance(secret, ecs.Secret)]


def require_complete_arn(prop: str, secret: secretsmanager.ISecret) -> None:
    """Check that ECS will be told where the secret is.

    Args:
        prop: Name of the prop that the secret was given to.
        secret: The secret; an ARN that is a token passes.

    Raises:
        ValueError: The ARN lacks the six characters that Secrets Manager ends it with. ECS
            refuses such a secret when a task starts, not when the stack is deployed.
    """
    arn = secret.secret_full_arn
    if arn is None or not (Token.is_unresolved(arn) or _COMPLETE_ARN.fullmatch(arn)):
        raise ValueError(
            f"{prop} has a secret without its complete ARN ({secret.node.path}), which ECS cannot "
            "find; import it with Secret.from_secret_complete_arn and the ARN that Secrets "
            "Manager shows, hyphen and six characters at its end included"
        )


def _container_secret(name: str, source: SecretSource) -> ecs.Secret:
    if isinstance(source, ecs.Secret):
        return source
    secret, field = source if isinstance(source, tuple) else (source, None)
    require_complete_arn(f"secrets[{name!r}]", secret)
    if field == "":
        raise ValueError(
            f"secrets[{name!r}] names an empty JSON field, name one or pass the secret"
        )
    return ecs.Secret.from_secrets_manager(secret, field)


publication.publish()
