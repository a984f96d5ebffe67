"""Lengths of time, as AWS takes them: in whole seconds and within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Tokenization

if TYPE_CHECKING:
    from aws_cdk import Duration

__all__ = ["require_seconds_within", "seconds_as_text"]


def require_seconds_within(prop: str, duration: Duration, allowed: range) -> None:
    """Check a length of time; a token passes.

    Args:
        prop: Name of the prop that it was given to.
        duration: The length.
        allowed: The whole seconds that AWS takes.

    Raises:
        ValueError: It is not a whole number of seconds within the limits.
    """
    if duration.is_unresolved():
        return
    seconds = float(duration.to_seconds(integral=False))
    if not seconds.is_integer() or int(seconds) not in allowed:
        raise ValueError(
            f"{prop} is {duration.to_human_string()}; it must be a whole number of seconds from "
            f"{allowed[0]} to {allowed[-1]}"
        )


def seconds_as_text(duration: Duration) -> str:
    """Return a length of time in seconds as an environment variable holds it.

    Args:
        duration: The length; a token gives a text that stands for it.
    """
    if duration.is_unresolved():
        return Tokenization.stringify_number(duration.to_seconds())
    return str(int(duration.to_seconds()))
