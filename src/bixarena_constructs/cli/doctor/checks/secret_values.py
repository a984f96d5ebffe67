"""Whether the secrets are there and have the fields; no value leaves this module but by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from bixarena_constructs.cli.doctor.checks.secret_references import references_of
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import explained, is_denied

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from bixarena_constructs.cli.doctor.checks.secret_references import SecretReference
    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_secrets", "fields_of_secret"]

_CHECK = "secrets"


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """Is each secret there, with the field that is asked of it, and something in that?"""
    by_arn: dict[str, list[SecretReference]] = {}
    for reference in references_of(subject):
        by_arn.setdefault(reference.arn, []).append(reference)
    if not by_arn:
        yield not_checked(
            _CHECK, "the task has none; is the database's password a plain variable?"
        )
    for arn, references in by_arn.items():
        if references[0].is_parameter:
            yield _parameter(subject, references[0])
        else:
            yield from _secret(subject, arn, references)


def fields_of_secret(session: boto3.Session, arn: str) -> dict[str, str]:
    """Return the fields of a secret; none if it is not a JSON object.

    Raises:
        ClientError: It is not there, or not for the caller to read.
    """
    value = session.client("secretsmanager").get_secret_value(SecretId=arn).get("SecretString", "")
    try:
        fields = json.loads(value)
    except ValueError:
        return {}
    return (
        {str(key): str(each) for key, each in fields.items()} if isinstance(fields, dict) else {}
    )


def _secret(subject: Subject, arn: str, references: list[SecretReference]) -> Iterator[Finding]:
    name = arn.rpartition(":")[2]
    secrets = subject.session.client("secretsmanager")
    try:
        fields = fields_of_secret(subject.session, arn)
    except secrets.exceptions.ResourceNotFoundException:
        used = ", ".join(sorted({each.purpose for each in references}))
        yield problem(
            _CHECK,
            f"{name} is not there, and {used} come from it",
            fix="create it, or give the construct the complete ARN of the one that is meant",
        )
        return
    except ClientError as error:
        if not is_denied(error):
            raise
        yield not_checked(_CHECK, f"the fields of {name}: {explained(error)}")
        return
    wanted = {each.field: each.purpose for each in references if each.field is not None}
    bad = {
        field: "is missing" if field not in fields else "is empty"
        for field in wanted
        if not fields.get(field, "").strip()
    }
    for field, what in bad.items():
        yield problem(
            _CHECK,
            f"{name}: the field {field} {what}, and {wanted[field]} needs it",
            fix=f"put {field} into the secret; a run takes the new value without a deployment",
        )
    if not bad:
        yield fine(_CHECK, f"{name} is there" + (f", with {', '.join(wanted)}" if wanted else ""))


def _parameter(subject: Subject, reference: SecretReference) -> Finding:
    ssm = subject.session.client("ssm")
    name = reference.arn.partition(":parameter")[2] or reference.arn
    try:
        ssm.get_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        return problem(
            _CHECK,
            f"the parameter {name} is not there, and {reference.purpose} comes from it",
            fix="create it",
        )
    return fine(_CHECK, f"the parameter {name} is there")
