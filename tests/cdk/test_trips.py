"""What the construct costs a synthesis: round trips to the CDK in Node.js, not time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.synthesis import by_hand, monitored, ours, trips, with_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import Stack
    from aws_cdk import aws_ecs as ecs

    Define = Callable[[Stack, ecs.ICluster, int], None]


@pytest.mark.parametrize(
    ("define", "of_first", "of_further"),
    [(ours, 67, 52), (monitored, 185, 160), (with_all, 227, 203)],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_asks_the_cdk_no_more_often(define: Define, of_first: int, of_further: int) -> None:
    trips(define)  # a process keeps what is the same for all of its tasks
    first, further = trips(define)
    assert first <= of_first
    assert further <= of_further


def test_asks_no_more_often_than_the_same_by_hand() -> None:
    trips(ours)
    assert trips(ours)[1] <= trips(by_hand)[1]
