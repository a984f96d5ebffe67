"""Checks that the secrets exist and have the fields that the task takes. It shows no value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bixarena_constructs.cli.doctor.checks.secret_references import references_of
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import AWS_ERRORS, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from bixarena_constructs.cli.doctor.checks.secret_references import SecretReference
    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_secrets", "fields_of_secret"]

_CHECK = "secrets"


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """Check that each secret exists and that each field the task takes has a value."""
    by_arn: dict[str, list[SecretReference]] = {}
    for reference in references_of(subject):
        by_arn.setdefault(reference.arn, []).append(reference)
    if not by_arn:
        yield not_checked(
            _CHECK, "the task takes no secrets; is the database's password a plain variable?"
        )
    for arn, references in by_arn.items():
        try:
            if references[0].is_parameter:
                yield _parameter(subject, references[0])
            else:
                yield from _secret(subject, arn, references)
        except AWS_ERRORS as error:
            yield not_checked(_CHECK, f"the value of {_name(arn)}: {explained(error)}")


def fields_of_secret(session: boto3.Session, arn: str) -> dict[str, str]:
    """Return the fields of a secret; none if its value is not a JSON object.

    Raises:
        ClientError: The secret does not exist, or the caller may not read it.
    """
    answer = session.client("secretsmanager").get_secret_value(SecretId=arn)
    value = "" if answer.get("SecretBinary") else answer["SecretString"]
    try:
        fields = json.loads(value)
    except ValueError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {str(key): "" if each is None else str(each) for key, each in fields.items()}


def _secret(subject: Subject, arn: str, references: list[SecretReference]) -> Iterator[Finding]:
    name = _name(arn)
    secrets = subject.session.client("secretsmanager")
    used = ", ".join(sorted({each.purpose for each in references}))
    try:
        fields = fields_of_secret(subject.session, arn)
    except secrets.exceptions.ResourceNotFoundException:
        yield problem(
            _CHECK,
            f"{name} does not exist or has no value; the task takes {used} from it",
            fix="create it, or pass the construct the complete ARN of the right secret",
        )
        return
    except secrets.exceptions.InvalidRequestException as error:
        # So Secrets Manager answers for a secret that is marked for deletion.
        yield problem(
            _CHECK,
            f"{name} cannot be read; the task takes {used} from it: {explained(error)}",
            fix="restore the secret, or pass the construct the complete ARN of another",
        )
        return
    wanted = {each.field: each.purpose for each in references if each.field is not None}
    if wanted and not fields:
        yield problem(
            _CHECK,
            f"{name} is not a JSON object with {', '.join(wanted)}; the task takes {used} from it",
            fix=f"make it a JSON object with {', '.join(wanted)}",
        )
        return
    bad = {
        field: "is missing" if field not in fields else "is empty"
        for field in wanted
        if not fields.get(field, "").strip()
    }
    for field, state in bad.items():
        yield problem(
            _CHECK,
            f"{name}: the field {field} {state}, and {wanted[field]} needs it",
            fix=f"put {field} into the secret; the next run reads it without a deployment",
        )
    if not bad:
        yield fine(_CHECK, f"{name} exists" + (f", with {', '.join(wanted)}" if wanted else ""))


def _parameter(subject: Subject, reference: SecretReference) -> Finding:
    ssm = subject.session.client("ssm")
    name = _name(reference.arn)
    try:
        # By its ARN: that of the parameter `a` and that of `/a` are written alike.
        found = ssm.get_parameter(Name=reference.arn)["Parameter"]
    except ssm.exceptions.ParameterNotFound:
        return problem(
            _CHECK,
            f"{name} does not exist; the task takes {reference.purpose} from it",
            fix="create the parameter",
        )
    return fine(_CHECK, f"{name} exists, of type {found['Type']}")


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]
