"""The secrets that a task definition names."""

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
    """A secret, or a field of it, and what it is for.

    Attributes:
        arn: Of the secret, or ARN or name of a parameter of Systems Manager.
        field: The field of its JSON; None for all of it.
        purpose: The variable that it becomes, or ``registry credentials``.
        is_parameter: Whether it is a parameter of Systems Manager.
    """

    arn: str
    field: str | None
    purpose: str
    is_parameter: bool


def credentials_arn(subject: Subject) -> str | None:
    """Return the secret with the registry's user name and password, if there is one."""
    return subject.container.get("repositoryCredentials", {}).get("credentialsParameter")


def references_of(subject: Subject) -> Iterator[SecretReference]:
    """Yield all that the worker's container is given, the registry's credentials too."""
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
