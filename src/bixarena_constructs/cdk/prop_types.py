"""Refuses props of the wrong kind, in a sentence, before anything is defined.

What is allowed is read from the annotations. jsii checks few of them, and what it does not check
ends in an AttributeError, or in twenty lines about its kernel.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache, wraps
from types import NoneType
from typing import Final, TypeVar, cast, get_args, get_origin, get_type_hints

from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.cdk.tokens import is_token, parts_of

__all__ = ["checked", "described"]

_Checked = TypeVar("_Checked", bound=Callable[..., object])

# Their own checks know a way out.
_CHECKED_ELSEWHERE: Final = {"schedule", "trigger"}

_VARIABLE: Final = ("[^=\0]+", "the name of a variable, without '='")
_DIMENSION: Final = (r"[ -~]{1,255}", "1 to 255 characters of ASCII")
_ACCOUNT: Final = ("[0-9]{12}", "the 12 digits of an account")
_REGION: Final = (r"[a-z]{2,}(-[a-z]+)+-[0-9]+", "a region such as us-east-1")
# Those of aws_cloudwatch.Stats, in either case.
_STATISTIC: Final = (
    r"(?i:average|avg|minimum|min|maximum|max|samplecount|n|sum|iqm"
    r"|(p|tm|wm|tc|ts)[0-9]{1,2}(\.[0-9]+)?|(p|tm|wm|tc|ts)100"
    r"|(pr|tc|tm|ts|wm)\([^()]*:[^()]*\))"
)
_TAG_CHARACTERS: Final = "letters, digits, spaces and any of + - = . _ : / @"
# What AWS takes as text, by prop, where the prop's module has no more to say of it.
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "a key of build_args": _VARIABLE,
    "a key of dimensions_map": _DIMENSION,
    "a key of environment": _VARIABLE,
    "a key of secrets": _VARIABLE,
    "a key of task_tags": (
        r"(?!(?i:aws:))[\w +\-=.:/@]{1,128}",
        f"1 to 128 {_TAG_CHARACTERS}, and not begin with aws:",
    ),
    "a value of task_tags": (r"[\w +\-=.:/@]{0,256}", f"up to 256 {_TAG_CHARACTERS}"),
    "a value of dimensions_map": _DIMENSION,
    "account": _ACCOUNT,
    "color": (r"#[0-9a-fA-F]{6}", "six hexadecimal digits as in #1f77b4"),
    "construct_id": (r"(?s:(?!.*\$\{Token\[).+)", "text that is neither empty nor a token"),
    "container_name": (r"[A-Za-z0-9_-]{1,255}", "1 to 255 letters, digits, '_' and '-'"),
    "email": (r"[^@\s]+@[^@\s]+", "an address such as team@example.org"),
    "export_prefix": (r"[A-Za-z0-9:-]{1,200}", "1 to 200 letters, digits, ':' and '-'"),
    "family": (r"[A-Za-z0-9_-]{1,255}", "1 to 255 letters, digits, '_' and '-'"),
    "id": (r"[a-z]\w*", "a lower-case letter, and letters, digits and '_'"),
    "log_stream_prefix": (r"[^:*]{1,200}", "1 to 200 characters without ':' and '*'"),
    # EventBridge takes 512 in the description of a rule, which names the task as well.
    "meaning": (r"(?=.*\S).{1,200}", "a line of 1 to 200 characters"),
    "region": _REGION,
    "rule_name": (r"[.A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, '.', '_' and '-'"),
    "stack_account": _ACCOUNT,
    "stack_region": _REGION,
    "statistic": (_STATISTIC, "a statistic such as Sum, Maximum or p99"),
    "user": (r"[^\s:]+(:[^\s:]+)?", "a user, or a user and a group as in 1000:1000"),
}
# Lists that do something else when they are left out than when they are empty.
_NOT_EMPTY: Final = {"capacity_provider_strategies", "command", "entry_point", "security_groups"}
# Most elements that ECS takes.
_MOST: Final = {"security_groups": 5}
_EXAMPLES: Final[Mapping[object, str]] = {
    Duration: "Duration.minutes(15)",
    ecs.FargateTaskDefinition: "FargateTaskDefinition(...) of the app",
    ecs.PropagatedTagSource: "PropagatedTagSource.TASK_DEFINITION",
    ecs.Secret: "Secret.from_ssm_parameter(...)",
}
# Protocols of this library, by what users know.
_NAMES: Final[Mapping[str, str]] = {"OwnTask": "SnapshotTask"}
_PLAIN: Final[Mapping[object, str]] = {bool: "True or False", int: "a whole number", str: "text"}
_LONGEST_SHOWN: Final = 60


def checked(of: _Checked) -> _Checked:
    """Check the arguments of a function, a method or a class against their annotations.

    The annotations are evaluated at the first call, so their names must exist by then.

    Args:
        of: What to check; a class by its constructor.
    """
    if isinstance(of, type):
        of.__init__ = _checking(of.__init__)  # type: ignore[misc] # of this very class
        return of
    return cast("_Checked", _checking(of))


def described(value: object) -> str:
    """Return a value as a message names it, after "is".

    Args:
        value: What a prop was given.
    """
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance"
    if isinstance(value, str) and not isinstance(value, Enum):
        shown = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."
        return f"the text {shown!r}"
    if isinstance(value, float) and is_token(value):
        return "the token of a number"
    if isinstance(value, Enum | int | float | NoneType):
        return str(value)
    if isinstance(value, list | dict | set | tuple):
        return f"a {type(value).__name__}" + (f" of {len(value)}" if type(value) is tuple else "")
    # Of a proxy of the CDK the last name says most: its interface.
    (*_, jsii_name) = ("", *(names[0] for names in _jsii_names(value)))
    kind = type(value)
    own_name = kind.__qualname__ if kind.__module__ == "builtins" else _path_of(kind)
    return f"of class {_in_python(jsii_name) or own_name}"


def _checking(call: Callable[..., object]) -> Callable[..., object]:
    signature = inspect.signature(call)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    options = [name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD]

    @cache
    def hints() -> dict[str, object]:
        found = get_type_hints(call)
        for name in options:
            # `**options: Unpack[...]`
            (of_options,) = get_args(found.pop(name))
            found |= get_type_hints(of_options)
        return found

    @wraps(call)
    def check_and_call(*args: object, **props: object) -> object:
        try:
            given = signature.bind(*args, **props).arguments
        except TypeError:
            # Python says it best.
            return call(*args, **props)
        for name in options:
            given |= given.pop(name, {})
        for name, value in given.items():
            if name in hints() and name not in _CHECKED_ELSEWHERE:
                _check(name, value, hints()[name])
        return call(*args, **props)

    return check_and_call


def _check(name: str, value: object, hint: object) -> None:
    choices = list(get_args(hint) or (hint,)) if _is_union(hint) else [hint]
    for choice in choices:
        if _fits(value, choice):
            _check_inside(name, value, choice)
            return
    allowed = [_named(choice) for choice in choices if choice is not NoneType]
    raise TypeError(f"{name} is {_shown(name, value)}; it must be {_either(allowed)}")


def _check_inside(name: str, value: object, choice: object) -> None:
    parts = get_args(choice)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check(f"a key of {name}", key, parts[0])
            _check_text(f"a value of {name}", inner)
            _check(f"{name}[{key!r}]", inner, parts[1])
    elif isinstance(value, str):
        _check_text(name, value)
    elif isinstance(value, tuple) and get_origin(choice) is tuple:
        for index, (inner, hint) in enumerate(zip(value, parts, strict=True)):
            _check(f"{name}[{index}]", inner, hint)
    elif isinstance(value, Sequence):
        if not value and name in _NOT_EMPTY:
            raise ValueError(f"{name} is empty; name at least one, or leave it out")
        if len(value) > _MOST.get(name, len(value)):
            raise ValueError(f"{name} has {len(value)} elements; it must have up to {_MOST[name]}")
        for index, inner in enumerate(value):
            _check(f"{name}[{index}]", inner, parts[0])


def _check_text(name: str, value: object) -> None:
    if name not in _TEXTS or not isinstance(value, str):
        return
    pattern, allowed = _TEXTS[name]
    if re.fullmatch(pattern, value) is None and (name == "construct_id" or not is_token(value)):
        raise ValueError(f"{name} is {value!r}; it must be {allowed}")


def _fits(value: object, choice: object) -> bool:
    """Return whether a value is of a kind, without a look at what is inside of it."""
    origin = get_origin(choice)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(get_args(choice))
    if origin is Sequence:
        return isinstance(value, Sequence) and not isinstance(value, str | bytes)
    kind = origin or choice
    if kind is int:
        # A number's token is a float, and a whole one.
        return (isinstance(value, float) and value.is_integer()) or type(value) is int
    if not isinstance(kind, type):
        raise TypeError(f"{kind} is not a kind of prop")
    jsii_name = vars(kind).get("__jsii_type__")
    if jsii_name is not None and not issubclass(kind, Enum):
        return any(jsii_name in names for names in _jsii_names(value))
    if getattr(kind, "_is_protocol", False):
        return all(hasattr(type(value), name) for name in vars(kind) if not name.startswith("_"))
    return isinstance(value, kind)


def _jsii_names(value: object) -> Iterator[list[str]]:
    """Yield the jsii classes and interfaces of a value, for each object that stands for it.

    Where the CDK's own class is hidden, Python has an object for each interface that it shows.
    """
    for part in parts_of(value):
        kind = type(part)
        interfaces = getattr(kind, "__jsii_ifaces__", ())
        found = (
            vars(each).get("__jsii_type__") for one in (kind, *interfaces) for each in one.__mro__
        )
        names = [name for name in found if isinstance(name, str)]
        if names:
            yield names


def _is_union(hint: object) -> bool:
    return type(hint).__name__ in {"Union", "UnionType", "_UnionGenericAlias"}


def _named(choice: object) -> str:
    """Return a kind of value as a message names it, after "must be"."""
    if choice in _PLAIN:
        return _PLAIN[choice]
    name = _kind(choice)
    return name if get_origin(choice) else f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def _kind(choice: object) -> str:
    origin, parts = get_origin(choice), get_args(choice)
    if origin is tuple:
        return f"a pair of {' and '.join(map(_kind, parts))}"
    if origin is Sequence:
        return f"a list of {_kind(parts[0])}"
    if origin is Mapping:
        return f"a dict from {_kind(parts[0])} to {_kind(parts[1])}"
    if _is_union(choice):
        return _either([_kind(part) for part in parts])
    if choice in _PLAIN:
        return _PLAIN[choice].removeprefix("a ")
    own_name = getattr(choice, "__name__", "")
    example = _EXAMPLES.get(choice)
    if example is None and isinstance(choice, type) and issubclass(choice, Enum):
        example = str(next(iter(choice)))
    name = _in_python(getattr(choice, "__jsii_type__", "")) or own_name
    return _NAMES.get(own_name, name) + ("" if example is None else f" such as {example}")


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _shown(name: str, value: object) -> str:
    # Text in place of a secret may be the secret.
    is_secret = isinstance(value, str) and name.startswith(("secret", "registry_credentials"))
    return "text" if is_secret else described(value)


def _in_python(jsii_name: str) -> str:
    name = jsii_name.removeprefix("aws-cdk-lib.")
    return f"aws_cdk.{name}" if name != jsii_name and "." not in name else name


def _path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
