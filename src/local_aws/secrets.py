"""Secrets as the agent reads them for a task, with the rights of its execution role."""

from __future__ import annotations

import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, secretsmanager, ssm

from local_aws.answers import RefusedError
from local_aws.permissions import require_role

__all__ = ["check_registry_credentials", "read_value"]


def read_value(value_from: str, role_arn: str) -> str:
    """Return the value of a secret, of a field of its JSON, or of an SSM parameter.

    Args:
        value_from: As in a container definition: a secret's ARN with an optional
            ``:json-key:version-stage:version-id``, or a parameter's name or ARN.
        role_arn: The execution role.

    Raises:
        RefusedError: It is not there, or not for this role.
    """
    if ":secretsmanager:" not in value_from:
        return _parameter(value_from, role_arn)
    # arn:partition:secretsmanager:region:account:secret:name[:json-key:stage:version-id]
    parts = value_from.split(":")
    json_key, stage, version = (*parts[7:], "", "", "")[:3]
    text = _secret(":".join(parts[:7]), role_arn, stage=stage, version=version)
    return _field(text, json_key) if json_key else text


def _parameter(name_or_arn: str, role_arn: str) -> str:
    name = name_or_arn.rpartition(":parameter/")[2].lstrip("/")
    arn = f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter/{name}"
    require_role(role_arn, "ssm:GetParameters", arn)
    value = ssm.resolve_parameter_value(name_or_arn, decrypt=True)
    if value is None:
        raise RefusedError("InvalidParameters", f"invalid ssm parameters: {name_or_arn}")
    return str(value)


def _secret(arn: str, role_arn: str, *, stage: str = "", version: str = "") -> str:
    """Return a secret's text for the role.

    AWS wants the whole ARN of a secret, and honours the version's stage and id. Ministack is
    content with the beginning of an ARN and always takes the current version.
    """
    require_role(role_arn, "secretsmanager:GetSecretValue", arn)
    secrets = [each for each in secretsmanager._secrets.values() if each["ARN"] == arn]
    text = None
    if secrets and secrets[0].get("DeletedDate"):
        raise RefusedError(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    if secrets:
        key_id = secrets[0].get("KmsKeyId")
        if key_id:
            key_arn = (kms._resolve_key(key_id) or {}).get("Arn", key_id)
            via = f"secretsmanager.{get_region()}.amazonaws.com"
            require_role(role_arn, "kms:Decrypt", key_arn, kms_ViaService=via)
        text = secretsmanager.resolve_secret_string(arn, stage or "AWSCURRENT", version or None)
    if text is None:
        raise RefusedError(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    return str(text)


def _field(text: str, json_key: str) -> str:
    try:
        value = json.loads(text)[json_key]
    except (ValueError, KeyError, TypeError):
        # `from None`: the parser's message holds the secret's text.
        raise RefusedError(
            "InvalidParameterException",
            f"retrieved secret from Secrets Manager did not contain json key {json_key}",
        ) from None
    return value if isinstance(value, str) else json.dumps(value)


def check_registry_credentials(secret_arn: str, role_arn: str) -> None:
    """Read the credentials as the agent does before it asks the registry for anything.

    Raises:
        RefusedError: They are not there, not complete, or not for this role.
    """
    text = _secret(secret_arn, role_arn)
    for json_key in ("username", "password"):
        _field(text, json_key)
