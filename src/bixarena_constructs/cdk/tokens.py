"""Questions to the CDK that are asked only where Python cannot answer: each costs a round trip."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from aws_cdk import Fn, Stack, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import IConstruct

__all__ = [
    "is_looked_up",
    "is_token",
    "joined",
    "parts_of",
    "path_below",
    "read",
    "resolved",
    "resource_of",
    "stack_of",
]

_MARK: Final = "{Token["
_STACK: Final = "Stack.of"
_KNOWN: WeakKeyDictionary[object, dict[str, Any]] = WeakKeyDictionary()


def is_token(value: str | float) -> bool:
    """Return whether a value stands for one that is not known yet.

    Args:
        value: Text, or a number; a number's token is a float.
    """
    if isinstance(value, str) and (f"#{_MARK}" in value or is_looked_up(value)):
        # The element of a list's token, which the CDK recognises inside its list only.
        return True
    may_be = _MARK in value if isinstance(value, str) else not isinstance(value, int)
    return may_be and _is_unresolved(value)


def resolved(scope: IConstruct, text: str) -> object:
    """Return a text as the template has it; only a token is asked for.

    Args:
        scope: A construct in the stack of the template.
        text: Any text.
    """
    return read(scope, "stack").resolve(text) if is_token(text) else text


def is_looked_up(text: str) -> bool:
    """Return whether a text stands for a parameter that the next synthesis knows.

    The CDK looks parameters up after the first synthesis, which must not fail.

    Args:
        text: Any text.
    """
    return "dummy-value-for-" in text


@lru_cache
def _is_unresolved(value: str | float) -> bool:
    return Token.is_unresolved(value)


def joined(texts: Sequence[str]) -> str:
    """Return texts with commas between them, as ``Fn.join`` does.

    Args:
        texts: May hold tokens, or be a list's token.
    """
    is_plain = len(texts) == 1 and f"#{_MARK}" not in texts[0]
    if not is_plain and any(_MARK in text for text in texts):
        return Fn.join(",", list(texts))
    return ",".join(texts)


def parts_of(value: object) -> Sequence[object]:
    """Return the objects that stand for an object of the CDK.

    Where the CDK hides its own class, jsii has an object for each interface of it.

    Args:
        value: The object.
    """
    parts: Sequence[object] = getattr(value, "_delegates", (value,))
    return parts


# `Any`: whatever the property is.
def read(value: object, name: str) -> Any:
    """Return a property of a neighbour, which does not change, in one round trip for all tasks.

    jsii asks for a property of an imported neighbour twice: whether it exists, and for its value.

    Args:
        value: The neighbour.
        name: Name of the property.
    """
    known = _KNOWN.setdefault(value, {})
    if name not in known:
        part = next((part for part in parts_of(value) if hasattr(type(part), name)), value)
        known[name] = getattr(part, name)
    return known[name]


def resource_of(construct: IConstruct) -> IConstruct | None:
    """Return the resource that a construct of the CDK stands for.

    Args:
        construct: The construct; its resource stays the same.
    """
    resource: IConstruct | None = read(read(construct, "node"), "default_child")
    return resource


def path_below(stack: Stack, construct: IConstruct) -> str:
    """Return the path of a construct below its stack.

    Args:
        stack: Its stack.
        construct: The construct.
    """
    path, of_stack = (read(read(each, "node"), "path") for each in (construct, stack))
    below: str = path.removeprefix(of_stack).strip("/")
    return below


def stack_of(construct: IConstruct) -> Stack:
    """Return the stack of a construct, in one round trip for all that ask.

    Args:
        construct: The construct.
    """
    known = _KNOWN.setdefault(construct, {})
    if _STACK not in known:
        known[_STACK] = Stack.of(construct)
    stack: Stack = known[_STACK]
    return stack
