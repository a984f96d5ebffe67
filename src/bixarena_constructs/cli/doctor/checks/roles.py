"""Whether the schedule may start the task, and ECS may start its container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.cli.doctor.checks.permissions import Permission, check_permission
from bixarena_constructs.cli.doctor.checks.secret_references import references_of
from bixarena_constructs.cli.doctor.findings import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_events_role", "check_execution_role"]

_AGAIN = "deploy the stack again, and look for policies that were changed by hand"


def check_events_role(subject: Subject) -> Iterator[Finding]:
    """May EventBridge start the task, and hand it its roles? If not, every run is refused."""
    check = "events role"
    role_arn = subject.rule.target.get("RoleArn")
    if role_arn is None:
        yield problem(check, "the rule's target has no role", fix="deploy the stack again")
        return
    yield check_permission(
        subject,
        check,
        Permission(
            role_arn=role_arn,
            actions=("ecs:RunTask",),
            resource=subject.definition["taskDefinitionArn"],
            context={"ecs:cluster": subject.rule.target["Arn"]},
            purpose="start the task",
            fix=_AGAIN,
        ),
    )
    for name in ("executionRoleArn", "taskRoleArn"):
        passed = subject.definition.get(name)
        if passed:
            yield check_permission(
                subject,
                check,
                Permission(
                    role_arn=role_arn,
                    actions=("iam:PassRole",),
                    resource=str(passed),
                    context={"iam:PassedToService": "ecs-tasks.amazonaws.com"},
                    purpose=f"pass the task its {name.removesuffix('RoleArn')} role",
                    fix="deploy the stack again: a role that came after the task's target is "
                    "not passed",
                ),
            )


def check_execution_role(subject: Subject) -> Iterator[Finding]:
    """May ECS read the secrets, decrypt them, and write the log?"""
    check = "execution role"
    role_arn = subject.definition.get("executionRoleArn")
    if role_arn is None:
        yield problem(check, "the task has no execution role", fix="deploy the stack again")
        return
    needs = [*_secret_permissions(subject, role_arn), *_log_permissions(subject, role_arn)]
    for permission in needs:
        yield check_permission(subject, check, permission)


def _secret_permissions(subject: Subject, role_arn: str) -> Iterator[Permission]:
    for arn in sorted({each.arn for each in references_of(subject) if not each.is_parameter}):
        yield Permission(
            role_arn=role_arn,
            actions=("secretsmanager:GetSecretValue",),
            resource=arn,
            context={},
            purpose=f"read the secret {arn.rpartition(':')[2]}",
            fix=_AGAIN,
        )
        key = (
            subject.session.client("secretsmanager").describe_secret(SecretId=arn).get("KmsKeyId")
        )
        # AWS's own key for Secrets Manager lets everyone in who may read the secret.
        if key and not key.endswith("alias/aws/secretsmanager"):
            metadata = subject.session.client("kms").describe_key(KeyId=key)["KeyMetadata"]
            yield Permission(
                role_arn=role_arn,
                actions=("kms:Decrypt",),
                resource=metadata["Arn"],
                context={
                    "kms:ViaService": f"secretsmanager.{subject.session.region_name}.amazonaws.com"
                },
                purpose=f"decrypt the secret {arn.rpartition(':')[2]}",
                fix="name the key to the construct with secret_keys, so that it is granted",
            )


def _log_permissions(subject: Subject, role_arn: str) -> Iterator[Permission]:
    options = subject.container.get("logConfiguration", {}).get("options", {})
    if "awslogs-group" not in options:
        return
    _, partition, _, _, account, _ = role_arn.split(":", 5)
    region = options.get("awslogs-region", subject.session.region_name)
    group = f"arn:{partition}:logs:{region}:{account}:log-group:{options['awslogs-group']}"
    yield Permission(
        role_arn=role_arn,
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        resource=f"{group}:*",
        context={},
        purpose="write the log",
        fix=_AGAIN,
    )
