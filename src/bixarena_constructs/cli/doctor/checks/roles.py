"""Checks that EventBridge's role may start the task, and the execution role prepare it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.cli.doctor.checks.permissions import Permission, check_permission
from bixarena_constructs.cli.doctor.checks.secret_references import references_of
from bixarena_constructs.cli.doctor.findings import not_checked, problem
from bixarena_constructs.cli.errors import AWS_ERRORS, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_events_role", "check_execution_role"]

_EVENTS = "events role"
_EXECUTION = "execution role"
_FIX = "deploy the stack again, and look for policies that were changed by hand"


def check_events_role(subject: Subject) -> Iterator[Finding]:
    """Check that EventBridge may start the task and pass its roles; else each run is refused."""
    if subject.rule is None:
        yield not_checked(_EVENTS, "no rule starts the task")
        return
    role_arn = subject.rule.target.get("RoleArn")
    if role_arn is None:
        yield problem(_EVENTS, "the rule's target has no role", fix="deploy the stack again")
        return
    yield check_permission(
        subject,
        _EVENTS,
        Permission(
            role_arn=role_arn,
            actions=("ecs:RunTask",),
            resource=subject.definition["taskDefinitionArn"],
            context={"ecs:cluster": subject.cluster_arn},
            purpose="start the task",
            fix=_FIX,
        ),
    )
    for name in ("executionRoleArn", "taskRoleArn"):
        passed = subject.definition.get(name)
        if passed:
            yield check_permission(
                subject,
                _EVENTS,
                Permission(
                    role_arn=role_arn,
                    actions=("iam:PassRole",),
                    resource=str(passed),
                    context={"iam:PassedToService": "ecs-tasks.amazonaws.com"},
                    purpose=f"pass the task its {name.removesuffix('RoleArn')} role",
                    fix="deploy the stack again: a role that was set after the task was made a "
                    "target cannot be passed",
                ),
            )


def check_execution_role(subject: Subject) -> Iterator[Finding]:
    """Check that ECS may read the secrets, decrypt them, and write the log."""
    role_arn = subject.definition.get("executionRoleArn")
    if role_arn is None:
        yield problem(_EXECUTION, "the task has no execution role", fix="deploy the stack again")
        return
    for arn in sorted({each.arn for each in references_of(subject) if not each.is_parameter}):
        yield from _secret(subject, role_arn, arn)
    yield from _log(subject, role_arn)


def _secret(subject: Subject, role_arn: str, arn: str) -> Iterator[Finding]:
    name = arn.rpartition(":")[2]
    yield check_permission(
        subject,
        _EXECUTION,
        Permission(
            role_arn=role_arn,
            actions=("secretsmanager:GetSecretValue",),
            resource=arn,
            context={},
            purpose=f"read the secret {name}",
            fix=_FIX,
        ),
    )
    try:
        key_arn = _customer_key(subject, arn)
    except AWS_ERRORS as error:
        yield not_checked(
            _EXECUTION, f"whether the role may decrypt the secret {name}: {explained(error)}"
        )
        return
    if key_arn is not None:
        service = f"secretsmanager.{subject.session.region_name}.amazonaws.com"
        yield check_permission(
            subject,
            _EXECUTION,
            Permission(
                role_arn=role_arn,
                actions=("kms:Decrypt",),
                resource=key_arn,
                context={"kms:ViaService": service},
                purpose=f"decrypt the secret {name}",
                fix="pass the key to the construct in secret_keys, which grants its use",
            ),
        )


def _customer_key(subject: Subject, arn: str) -> str | None:
    """Return the key of a secret; None for AWS's own, which needs no permission."""
    secrets = subject.session.client("secretsmanager")
    key = secrets.describe_secret(SecretId=arn).get("KmsKeyId")
    if not key or key.endswith("alias/aws/secretsmanager"):
        return None
    metadata = subject.session.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    return None if metadata.get("KeyManager") == "AWS" else metadata["Arn"]


def _log(subject: Subject, role_arn: str) -> Iterator[Finding]:
    options = subject.container.get("logConfiguration", {}).get("options", {})
    if "awslogs-group" not in options:
        return
    _, partition, _, _, account, _ = subject.definition["taskDefinitionArn"].split(":", 5)
    region = options.get("awslogs-region", subject.session.region_name)
    group = f"arn:{partition}:logs:{region}:{account}:log-group:{options['awslogs-group']}"
    yield check_permission(
        subject,
        _EXECUTION,
        Permission(
            role_arn=role_arn,
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resource=f"{group}:*",
            context={},
            purpose="write the log",
            fix=_FIX,
        ),
    )
