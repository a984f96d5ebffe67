"""The secrets of a container: an ``ecs.Secret``, or a secret and one of its JSON fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import publication
from aws_cdk import Reference, Stack, Tokenization
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager

from bixarena_constructs.cdk.prop_types import checked
from bixarena_constructs.cdk.task.secret_arns import require_complete_arn
from bixarena_constructs.worker.contract import RDS_CERTIFICATES, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs import Construct

__all__ = [
    "RdsConnection",
    "SecretSource",
    "container_secrets",
    "postgres_secrets",
    "visible_secrets",
]

SecretSource: TypeAlias = ecs.Secret | secretsmanager.ISecret | tuple[secretsmanager.ISecret, str]
"""What an environment variable's value is taken from when the task starts.

A secret stands for its whole text, a pair of a secret and a name for that field of its JSON. An
``ecs.Secret`` is for Systems Manager parameters and pinned versions.
"""


def container_secrets(
    scope: Construct, sources: Mapping[str, SecretSource], *, environment: Mapping[str, str]
) -> dict[str, ecs.Secret]:
    """Return the secrets of a container definition, by environment variable.

    Args:
        scope: The construct that warnings are attached to.
        sources: The secrets that the user named.
        environment: The container's plain variables.

    Raises:
        ValueError: A variable is set by both, a field's name is empty, or a secret's ARN is not
            complete.
    """
    twice = sorted(set(sources) & set(environment))
    if twice:
        raise ValueError(
            f"secrets and environment both set {', '.join(twice)}; set it in one of them"
        )
    return {name: _container_secret(scope, name, source) for name, source in sources.items()}


@checked
def postgres_secrets(
    secret: secretsmanager.ISecret, *, read: secretsmanager.ISecret | None = None
) -> dict[str, SecretSource]:
    """Return the worker's connection settings as fields of a secret.

    The CDK makes such a secret for a database that it defines. One that RDS manages itself has
    ``username`` and ``password`` only: name these two in ``secrets``, and the other three
    settings in ``environment``.

    Args:
        secret: Its JSON has ``host``, ``port``, ``dbname``, ``username`` and ``password``.
        read: The same for the server that counts the votes. Default: - ``secret``.
    """
    reading: dict[str, SecretSource] = {}
    if read is not None:
        reading = {
            Variable.POSTGRES_READ_DB: (read, "dbname"),
            Variable.POSTGRES_READ_HOST: (read, "host"),
            Variable.POSTGRES_READ_PASSWORD: (read, "password"),
            Variable.POSTGRES_READ_PORT: (read, "port"),
            Variable.POSTGRES_READ_USER: (read, "username"),
        }
    return reading | {
        Variable.POSTGRES_DB: (secret, "dbname"),
        Variable.POSTGRES_HOST: (secret, "host"),
        Variable.POSTGRES_PASSWORD: (secret, "password"),
        Variable.POSTGRES_PORT: (secret, "port"),
        Variable.POSTGRES_USER: (secret, "username"),
    }


class RdsConnection:
    """The worker's connection to a PostgreSQL in Amazon RDS, by a secret and over verified TLS.

    The certificates that sign those of RDS are part of the worker's image. A secret that RDS
    manages itself lacks three of the five settings; see `postgres_secrets`.

    Attributes:
        secrets: The five connection settings, for the prop ``secrets``.
        environment: The two variables of TLS, for the prop ``environment``.
    """

    secrets: dict[str, SecretSource]
    environment: dict[str, str]

    @checked
    def __init__(
        self, secret: secretsmanager.ISecret, *, read: secretsmanager.ISecret | None = None
    ) -> None:
        """Describe the connection.

        Args:
            secret: Its JSON has ``host``, ``port``, ``dbname``, ``username`` and ``password``.
            read: The same for the server that counts the votes. Default: - ``secret``.
        """
        self.secrets = postgres_secrets(secret, read=read)
        self.environment = {
            Variable.POSTGRES_SSLMODE: "verify-full",
            Variable.POSTGRES_SSLROOTCERT: RDS_CERTIFICATES,
        }


def visible_secrets(
    scope: Construct, sources: Mapping[str, SecretSource]
) -> dict[str, secretsmanager.ISecret]:
    """Return the secrets whose encryption key can be seen, by prop.

    Of an ``ecs.Secret`` it can be seen where the app defines the secret.

    Args:
        scope: A construct in the stack of the task.
        sources: The secrets that the user named.
    """
    found = {f"secrets[{name!r}]": _secret_of(scope, source) for name, source in sources.items()}
    return {prop: secret for prop, secret in found.items() if secret is not None}


def _secret_of(scope: Construct, source: SecretSource) -> secretsmanager.ISecret | None:
    if not isinstance(source, ecs.Secret):
        return source[0] if isinstance(source, tuple) else source
    # It hides the secret, and all that it shows is an ARN.
    for token in Tokenization.reverse_string(source.arn).tokens:
        defined = token.target.node.scope if isinstance(token, Reference) else None
        if isinstance(defined, secretsmanager.Secret):
            # One that is imported into the task's stack has the same ARN.
            return next(_secrets_with_arn(Stack.of(scope), source.arn), defined)
    return None


# `Any`: the walk returns constructs of every class.
def _secrets_with_arn(stack: Stack, arn: str) -> Iterator[Any]:
    for construct in stack.node.find_all():
        found = getattr(construct, "secret_arn", None)
        if found is not None and arn.startswith(found):
            yield construct


def _container_secret(scope: Construct, name: str, source: SecretSource) -> ecs.Secret:
    prop = f"secrets[{name!r}]"
    if isinstance(source, ecs.Secret):
        require_complete_arn(scope, prop, source)
        return source
    secret, field = source if isinstance(source, tuple) else (source, None)
    require_complete_arn(scope, prop, secret)
    if field == "":
        raise ValueError(f"{prop} names an empty JSON field; name one, or pass the secret alone")
    return ecs.Secret.from_secrets_manager(secret, field)


publication.publish()
