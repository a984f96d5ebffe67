"""What the roles of a template may do, by its policies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Template",
    "as_list",
    "as_text",
    "is_allowed",
    "is_elsewhere",
    "names_of",
    "of_type",
    "statements_of",
]

# `Any`: CloudFormation is untyped.
Template: TypeAlias = Mapping[str, Any]
"""A synthesised template, or a part of it."""

_ROLE: Final = "AWS::IAM::Role"
_DEFINITION: Final = "AWS::ECS::TaskDefinition"
# AWS's own policy for what starts tasks.
_EVENTS_ROLE_POLICY: Final = "service-role/AmazonEC2ContainerServiceEventsRole"
_EVENTS_ROLE_STATEMENT: Final[Template] = {
    "Effect": "Allow",
    "Action": ["ecs:RunTask", "iam:PassRole"],
    "Resource": "*",
}
_VARIABLE: Final = re.compile(r"\$\{(\w[^}.]*)(?:\.\w*Arn)?\}")
_PSEUDO_PARAMETER: Final = re.compile(r"\$\{AWS::\w+\}")
_ANY: Final = "\0"
_PARTS_OF_ARN: Final = 6


def of_type(template: Template, kind: str) -> Iterator[tuple[str, Template]]:
    """Yield the name and the properties of each resource of a type.

    Args:
        template: A synthesised template.
        kind: The type, such as ``AWS::IAM::Role``.
    """
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def as_list(value: object) -> list[Any]:  # CloudFormation is untyped
    """Return a list, or a list of the one value that stands for it."""
    return value if isinstance(value, list) else [value]


def as_text(value: object) -> str:
    """Return a value as one text in the form of ``Fn::Sub``, the same for each way to write it.

    Args:
        value: Text, or what CloudFormation fills in.
    """
    match value:
        case str():
            text = value
        # A role is given by its name or its ARN, and a task definition's reference is its ARN.
        case {"Ref": str(name)}:
            text = f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]} if attribute.endswith("Arn"):
            text = f"${{{name}}}"
        case {"Fn::GetAtt": str(path)}:
            text = as_text({"Fn::GetAtt": path.split(".", 1)})
        case {"Fn::Join": [str(separator), list(parts)]}:
            text = separator.join(map(as_text, parts))
        case {"Fn::Sub": str() | list() as parts}:
            template, values = (parts, {}) if isinstance(parts, str) else parts
            text = _VARIABLE.sub(
                lambda found: as_text(values.get(found[1], {"Ref": found[1]})), template
            )
        case _:
            text = f"${{{json.dumps(value, sort_keys=True)}}}"
    return text


def names_of(template: Template, text: str) -> tuple[str | None, list[str]]:
    """Return the role or the task definition that a text names, and all texts that do.

    Args:
        template: A synthesised template.
        text: What `as_text` returns of a reference or an ARN.

    Returns:
        Name of the resource, None if the template does not define it; and the texts.
    """
    for kind in (_ROLE, _DEFINITION):
        for name, properties in of_type(template, kind):
            texts = [f"${{{name}}}", *_physical_names(kind, properties)]
            # A task definition's ARN may leave out the revision.
            if any(_covers(named, each) for named in (text, f"{text}:*") for each in texts):
                return name, [text, *texts]
    # Policies name a role by the end of its ARN.
    return None, [text, text.rpartition("/")[2]]


def is_elsewhere(template: Template, text: str) -> bool:
    """Return whether a text names something that the template does not define.

    Args:
        template: A synthesised template.
        text: What `as_text` returns of a reference or an ARN.
    """
    reference = _VARIABLE.fullmatch(text)
    is_own = reference is not None and reference[1] not in template.get("Parameters", {})
    return not is_own and names_of(template, text)[0] is None


def _physical_names(kind: str, properties: Template) -> list[str]:
    if kind == _ROLE and "RoleName" in properties:
        name, path = as_text(properties["RoleName"]), as_text(properties.get("Path", "/"))
        return [name, f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role{path}{name}"]
    if kind == _DEFINITION and "Family" in properties:
        place = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}"
        family = f"{place}:task-definition/{as_text(properties['Family'])}"
        return [f"{family}:${{Revision}}"]
    return []


def statements_of(template: Template, role: str) -> tuple[list[Template], list[str]]:
    """Return the policy statements of a role, and its policies that the template does not show.

    Args:
        template: A synthesised template.
        role: What `as_text` returns of its ARN.
    """
    name, names = names_of(template, role)
    properties = template["Resources"][name].get("Properties", {}) if name else {}
    managed = {as_text(arn) for arn in as_list(properties.get("ManagedPolicyArns", []))}
    policies = as_list(properties.get("Policies", []))
    policies += [
        policy
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
        for policy_name, policy in of_type(template, kind)
        if f"${{{policy_name}}}" in managed
        or any(
            as_text(each) in names
            for each in as_list(policy.get("Roles", policy.get("RoleName", [])))
        )
    ]
    statements = [
        statement
        for policy in policies
        for statement in as_list(policy["PolicyDocument"]["Statement"])
    ]
    known = {arn for arn in managed if arn.endswith(_EVENTS_ROLE_POLICY)}
    shown = {f"${{{each}}}" for each, _ in of_type(template, "AWS::IAM::ManagedPolicy")}
    return (
        [*statements, *(_EVENTS_ROLE_STATEMENT for _ in known)],
        sorted(managed - known - shown),
    )


def is_allowed(
    statements: list[Template], action: str, names: list[str], *, context: Mapping[str, str]
) -> bool:
    """Return whether statements allow an action on a resource, and none denies it.

    Args:
        statements: Those of a role; ``NotAction`` and ``NotResource`` are not read.
        action: The action.
        names: The texts that name the resource.
        context: Values of the keys of conditions; what other keys ask for is taken as met.
    """
    effects = {
        statement["Effect"]
        for statement in statements
        if any(
            _covers(each.lower(), action.lower()) for each in as_list(statement.get("Action", []))
        )
        and any(
            _covers(as_text(each), name)
            for each in as_list(statement.get("Resource", []))
            for name in names
        )
        and _is_met(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _is_met(conditions: Template, context: Mapping[str, str]) -> bool:
    return all(
        any(_covers(as_text(value), context[key]) for value in as_list(values))
        for operator, keys in conditions.items()
        if operator in {"ArnEquals", "ArnLike", "StringEquals", "StringLike"}
        for key, values in keys.items()
        if key in context
    )


def _covers(pattern: str, text: str) -> bool:
    """Return whether a text, which may have IAM's wildcards, may stand for another one."""
    pattern, text = (_PSEUDO_PARAMETER.sub(_ANY, each) for each in (pattern, text))
    patterns, parts = (each.split(":", _PARTS_OF_ARN - 1) for each in (pattern, text))
    if not len(patterns) == len(parts) == _PARTS_OF_ARN:
        return _is_like(pattern, text)
    return all(
        _ANY in (wanted, part) or _is_like(wanted, part)
        for wanted, part in zip(patterns, parts, strict=True)
    )


def _is_like(pattern: str, text: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None
