"""Whether the task can use a neighbour that lies in another account or region."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aws_cdk import Resource, Stack

from bixarena_constructs.cdk.tokens import is_token, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import IResource

__all__ = ["require_near", "resolved_name"]

_PARTS_OF_ARN: Final = 6
# As the CDK says that a name is made in another account or region.
_CROSS: Final = re.compile("(?i)cross[- ](environment|stack|region|account)")
_BOTH: Final = ("region", "account")
# By prop: what names it, what must be the same as of the task, and why.
_NEIGHBOURS: Final[Mapping[str, tuple[str, Sequence[str], str]]] = {
    "cluster": ("cluster_arn", _BOTH, "a rule starts tasks there only"),
    "dead_letter_queue": ("queue_arn", ("region",), "EventBridge sends dead letters there only"),
    "execution_role": ("role_arn", ("account",), "ECS takes no role of another account"),
    "log_group": ("log_group_arn", _BOTH, "the worker logs there only"),
    "security_groups": ("security_group_id", ("region",), "the task is in a VPC of that region"),
    "task_definition": ("task_definition_arn", _BOTH, "ECS finds it there only"),
    "task_role": ("role_arn", ("account",), "ECS takes no role of another account"),
    "topic": ("topic_arn", _BOTH, "define one there, and let the other account subscribe to it"),
    "VPC of cluster": ("vpc_id", ("region",), "the task is in a VPC of that region"),
}


def require_near(stack: Stack, prop: str, neighbour: IResource | None) -> None:
    """Check that a task can use a neighbour where that lies.

    Args:
        stack: The stack of the task.
        prop: Name of the prop that the neighbour was given to, a key of `_NEIGHBOURS`.
        neighbour: A resource of the app, or an imported one. Default: - nothing is checked.

    Raises:
        ValueError: It lies in another account or region, which would only show when deployed or
            run; or its name is not known in the task's stack.
    """
    # Python has an interface of the CDK in place of an imported resource.
    is_defined = isinstance(neighbour, Resource)
    if neighbour is None or (is_defined and Stack.of(neighbour) is stack):
        return
    name, same, why = _NEIGHBOURS[prop]
    for dimension in same:
        here = read(stack, dimension)
        if is_token(here):
            # A stack without a region has no account either.
            break
        there = _place_of(neighbour, name)[dimension]
        if there != here and not is_token(there):
            raise ValueError(
                f"{prop} is in the {dimension} {there}; it must be in {here}, that of the task: "
                f"{why}"
            )
    if is_defined:
        resolved_name(stack, prop, getattr(neighbour, name))


def _place_of(neighbour: IResource, name: str) -> dict[str, str]:
    # An ARN knows better than the CDK, which takes some imports for the importing stack's.
    parts = read(neighbour, name).split(":")
    if len(parts) >= _PARTS_OF_ARN:
        return {"region": parts[3], "account": parts[4]}
    env = read(neighbour, "env")
    return {"region": env.region, "account": env.account}


def resolved_name(stack: Stack, prop: str, name: object) -> object:
    """Return what names something in another stack as the template of the task has it.

    Args:
        stack: The stack of the task.
        prop: Name of the prop that it was given to.
        name: An ARN, an id, or what holds one.

    Raises:
        ValueError: CloudFormation makes the name in another account or region.
    """
    try:
        return stack.resolve(name)
    except RuntimeError as error:  # of jsii, whatever the CDK raises
        if not _CROSS.search(str(error)):
            raise ValueError(
                f"{prop} is a value that the CDK cannot resolve: {str(error).splitlines()[0]}"
            ) from error
        raise ValueError(
            f"{prop} is of a stack in another account or region, and CloudFormation makes its "
            "name there; give it a physical name, such as PhysicalName.GENERATE_IF_NEEDED, or "
            "import it by the ARN that it has"
        ) from error
