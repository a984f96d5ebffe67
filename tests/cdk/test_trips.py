"""What the construct costs a synthesis: round trips to the CDK in Node.js, not time."""

from __future__ import annotations

import pytest
from benchmarks.synthesis import by_hand, ours, trips

# Of the first task of a stack, and of each further one.
_MOST = (74, 52)


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    # A process keeps what is the same for all of its tasks.
    trips(ours)


def test_asks_the_cdk_no_more_often_than_the_same_by_hand() -> None:
    first, further = trips(ours)
    assert first <= _MOST[0]
    assert further <= _MOST[1]
    assert further <= trips(by_hand)[1]
