"""Round trips between Python and the CDK in Node.js, which the machine's load does not blur."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from jsii._kernel.providers.process import _NodeProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Trips", "counted"]


class Trips:
    """How many requests were sent.

    Attributes:
        count: So far.
    """

    def __init__(self) -> None:
        """Start at none."""
        self.count = 0


@contextmanager
def counted() -> Iterator[Trips]:
    """Count the requests that Python sends to Node.js, of which each is a round trip."""
    trips = Trips()
    send = _NodeProcess.send

    # `Any`: jsii's own types of requests.
    def count_and_send(process: Any, request: Any, response_type: Any) -> Any:
        trips.count += 1
        return send(process, request, response_type)

    _NodeProcess.send = count_and_send  # type: ignore[assignment, method-assign] # for as long as it counts
    try:
        yield trips
    finally:
        _NodeProcess.send = send  # type: ignore[method-assign] # as it was
