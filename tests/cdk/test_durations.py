"""Lengths of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import CfnParameter, Duration

from bixarena_constructs.cdk.durations import require_seconds_within, seconds_as_text

if TYPE_CHECKING:
    from aws_cdk import Stack


@pytest.mark.parametrize("length", [Duration.seconds(1), Duration.minutes(2)])
def test_takes_whole_seconds_within_the_limits(length: Duration) -> None:
    require_seconds_within("stop_timeout", length, range(1, 121))


@pytest.mark.parametrize(
    "length", [Duration.seconds(0), Duration.seconds(121), Duration.millis(1500)]
)
def test_refuses_others_and_names_the_prop(length: Duration) -> None:
    with pytest.raises(
        ValueError, match=r"stop_timeout is .*; it must be a whole number of seconds from 1 to 120"
    ):
        require_seconds_within("stop_timeout", length, range(1, 121))


def test_lets_a_token_through(stack: Stack) -> None:
    token = Duration.seconds(CfnParameter(stack, "Length", type="Number").value_as_number)
    require_seconds_within("stop_timeout", token, range(1, 121))
    assert stack.resolve(seconds_as_text(token)) == {"Ref": "Length"}


def test_writes_seconds_without_a_fraction() -> None:
    assert seconds_as_text(Duration.minutes(15)) == "900"
