"""Decryption of secrets whose key was imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Resource, Stack
from aws_cdk import aws_iam as iam

from bixarena_constructs.cdk.tokens import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct, IConstruct

__all__ = [
    "decrypt_statements",
    "imported_keys",
    "is_key_of_another_stack",
    "key_of_another_stack",
    "refuse_keys_of_another_stack",
]


def imported_keys(secrets: Iterable[secretsmanager.ISecret]) -> list[kms.IKey]:
    """Return the customer keys of secrets that were imported with their key.

    The CDK grants the use of a key in the key's own policy, which it can only change for a key of
    the app. It drops the grant on an imported key without a warning.
    """
    keys = (read(secret, "encryption_key") for secret in secrets)
    return [key for key in keys if key is not None and not Resource.is_owned_resource(key)]


def refuse_keys_of_another_stack(
    scope: Construct, secrets: Mapping[str, secretsmanager.ISecret]
) -> None:
    """Refuse secrets whose key another stack of the app defines.

    The CDK grants the use of a key in the key's own policy, which would name the role of this
    stack, which needs the secret of that one.

    Args:
        scope: A construct in the stack of the task.
        secrets: The secrets, by the prop that names them.

    Raises:
        ValueError: There is one.
    """
    for prop, secret in secrets.items():
        key = read(secret, "encryption_key")
        if key is not None and is_key_of_another_stack(scope, key):
            raise ValueError(key_of_another_stack(prop, key))


def is_key_of_another_stack(scope: IConstruct, key: kms.IKey) -> bool:
    """Return whether the app defines a key in another stack.

    Args:
        scope: A construct in the stack of the task.
        key: The key.
    """
    return Resource.is_owned_resource(key) and Stack.of(key) is not Stack.of(scope)


def key_of_another_stack(what: str, key: kms.IKey) -> str:
    """Return a sentence about a secret under such a key.

    Args:
        what: The prop or the setting that names the secret.
        key: The key.
    """
    return (
        f"{what} is encrypted with {key.node.path} of another stack, whose policy would need this "
        "one; pass Secret.from_secret_attributes(self, id, secret_complete_arn=secret.secret_arn, "
        "encryption_key=kms.Key.from_key_arn(self, id, key.key_arn)), whose grants are in this "
        "stack"
    )


def decrypt_statements(
    scope: Construct, keys: Iterable[kms.IKey]
) -> tuple[iam.PolicyStatement, ...]:
    """Return the statement that lets an execution role decrypt secrets with these keys.

    Args:
        scope: A construct in the stack whose region the statement names.
        keys: Customer keys of the secrets; none gives no statement.
    """
    arns = sorted({key.key_arn for key in keys})
    if not arns:
        return ()
    region = Stack.of(scope).region
    # The two services that the ECS agent takes secrets from; the role decrypts nothing else.
    services = [f"secretsmanager.{region}.amazonaws.com", f"ssm.{region}.amazonaws.com"]
    return (
        iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=arns,
            conditions={"StringEquals": {"kms:ViaService": services}},
        ),
    )
