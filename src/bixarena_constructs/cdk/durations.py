"""Lengths of time, as AWS takes them: in whole seconds and within limits."""

from __future__ import annotations

from functools import lru_cache
from weakref import WeakKeyDictionary

from aws_cdk import Duration, Tokenization

__all__ = ["duration_of", "require_seconds_within", "seconds_as_text", "seconds_of"]


_SECONDS: WeakKeyDictionary[Duration, float | None] = WeakKeyDictionary()


@lru_cache
def duration_of(seconds: int) -> Duration:
    """Return a length of time as the CDK takes it, the same object for the same length.

    Args:
        seconds: The length.
    """
    duration = Duration.seconds(seconds)
    _SECONDS[duration] = float(seconds)
    return duration


def seconds_of(duration: Duration) -> float | None:
    """Return a length of time in seconds, or None for a token.

    Args:
        duration: The length, which does not change; the CDK is asked once.
    """
    if duration not in _SECONDS:
        is_token = duration.is_unresolved()
        _SECONDS[duration] = None if is_token else float(duration.to_seconds(integral=False))
    return _SECONDS[duration]


def require_seconds_within(prop: str, duration: Duration, allowed: range) -> None:
    """Check a length of time; a token passes.

    Args:
        prop: Name of the prop that it was given to.
        duration: The length.
        allowed: The whole seconds that AWS takes.

    Raises:
        ValueError: It is not a whole number of seconds within the limits.
    """
    seconds = seconds_of(duration)
    if seconds is None:
        _require_unit_of_seconds(prop, duration)
        return
    if not seconds.is_integer() or int(seconds) not in allowed:
        raise ValueError(
            f"{prop} is {duration.to_human_string()}; it must be a whole number of seconds from "
            f"{allowed[0]} to {allowed[-1]}"
        )


def _require_unit_of_seconds(prop: str, duration: Duration) -> None:
    # CloudFormation cannot multiply.
    try:
        duration.to_seconds()
    except RuntimeError as error:  # of jsii, whatever the CDK raises
        raise ValueError(
            f"{prop} is a token in {duration.unit_label()}; it must be one in seconds, as in "
            "Duration.seconds(token)"
        ) from error


def seconds_as_text(duration: Duration) -> str:
    """Return a length of time in seconds as an environment variable holds it.

    Args:
        duration: The length; a token gives a text that stands for it.
    """
    seconds = seconds_of(duration)
    if seconds is None:
        return Tokenization.stringify_number(duration.to_seconds())
    return str(int(seconds))
