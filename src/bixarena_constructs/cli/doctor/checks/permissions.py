"""Asks IAM's policy simulator whether a role may do something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import AWS_ERRORS, explained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["Permission", "check_permission"]


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A permission that a role needs.

    Attributes:
        role_arn: ARN of the role.
        actions: Actions such as ``iam:PassRole``.
        resource: ARN of the resource that the actions are on.
        context: Values of condition keys.
        purpose: What the permission is for, as a verb phrase: ``start the task``.
        fix: How to give the permission.
    """

    role_arn: str
    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, str]
    purpose: str
    fix: str


def check_permission(subject: Subject, check: str, permission: Permission) -> Finding:
    """Report whether a role's own policies and its boundary allow something.

    The simulator sees neither the policies of the resource nor those of the organisation.
    """
    iam = subject.session.client("iam")
    role, purpose = permission.role_arn.rpartition("/")[2], permission.purpose
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
            check, f"the role {permission.role_arn} does not exist", fix="deploy the stack again"
        )
    except AWS_ERRORS as error:
        return not_checked(check, f"whether the role {role} may {purpose}: {explained(error)}")
    decisions = {
        result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]
    }
    denied = [name for name, decision in decisions.items() if decision != "allowed"]
    if denied:
        return problem(
            check,
            f"the role {role} may not {purpose}: its policies do not allow {', '.join(denied)} on "
            f"{permission.resource}",
            fix=permission.fix,
        )
    undecided = [name for name in permission.actions if name not in decisions]
    if undecided:
        return not_checked(
            check,
            f"whether the role {role} may {purpose}: IAM's simulator has no result for "
            f"{', '.join(undecided)}",
        )
    return fine(check, f"the role {role} may {purpose}")
