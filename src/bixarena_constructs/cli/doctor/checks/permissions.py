"""Asks IAM's own simulator whether a role may do something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import explained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["Permission", "check_permission"]


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What a role needs.

    Attributes:
        role_arn: The role.
        actions: As in ``iam:PassRole``.
        resource: ARN of what is acted on.
        context: Values of condition keys.
        purpose: What it is for, to follow "may" and "may not".
        fix: What to do if it is missing.
    """

    role_arn: str
    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str]
    purpose: str
    fix: str


def check_permission(subject: Subject, check: str, permission: Permission) -> Finding:
    """Say whether a role's own policies and its boundary allow something.

    Policies of the resource and of the organisation are outside of what the simulator sees.
    """
    iam = subject.session.client("iam")
    context: list[ContextEntryTypeDef] = [
        {"ContextKeyName": name, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for name, value in permission.context.items()
    ]
    try:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=permission.role_arn,
            ActionNames=list(permission.actions),
            ResourceArns=[permission.resource],
            ContextEntries=context,
        )
    except iam.exceptions.NoSuchEntityException:
        return problem(
            check, f"the role {permission.role_arn} is gone", fix="deploy the stack again"
        )
    except (BotoCoreError, ClientError) as error:
        return not_checked(check, f"whether it may {permission.purpose}: {explained(error)}")
    denied = [
        result["EvalActionName"]
        for result in answer["EvaluationResults"]
        if result["EvalDecision"] != "allowed"
    ]
    if not denied:
        return fine(check, f"it may {permission.purpose}")
    return problem(
        check,
        f"the role {permission.role_arn.rpartition('/')[2]} may not {permission.purpose}: "
        f"{', '.join(denied)} on {permission.resource} is not allowed",
        fix=permission.fix,
    )
