"""Secrets that a task definition refers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bixarena_constructs.aws.secret_arn import SecretArn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Subject

__all__ = ["SecretReference", "credentials_arn", "references_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """A secret or a field of one, and its purpose.

    Attributes:
        arn: ARN of the secret, or ARN or name of a parameter of Systems Manager.
        field: Field of the secret's JSON; None for the whole value.
        purpose: The variable that takes the value, or ``registry credentials``.
        is_parameter: Whether it is a parameter of Systems Manager.
    """

    arn: str
    field: str | None
    purpose: str
    is_parameter: bool


def credentials_arn(subject: Subject) -> str | None:
    """Return the ARN of the secret with the registry's user name and password, if any."""
    return subject.container.get("repositoryCredentials", {}).get("credentialsParameter")


def references_of(subject: Subject) -> Iterator[SecretReference]:
    """Yield the secrets of the worker's container, with the registry's credentials."""
    for secret in subject.container.get("secrets", ()):
        yield _reference(secret["valueFrom"], secret["name"])
    credentials = credentials_arn(subject)
    if credentials is not None:
        for field in ("username", "password"):
            yield SecretReference(
                arn=credentials,
                field=field,
                purpose="registry credentials",
                is_parameter=False,
            )


def _reference(value_from: str, purpose: str) -> SecretReference:
    secret = SecretArn.find(value_from)
    if secret is None:
        return SecretReference(arn=value_from, field=None, purpose=purpose, is_parameter=True)
    return SecretReference(arn=secret.arn, field=secret.field, purpose=purpose, is_parameter=False)
