"""Ways to break a stage.

Each is a generator that breaks something, yields, and repairs it; `broken` makes a ``with`` block
of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bixarena_demo.breaks import alerts, database, schedule, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_demo.stage import Stage

__all__ = ["BREAKS", "broken"]

BREAKS: Final[dict[str, Callable[[Stage], Iterator[None]]]] = {
    name.replace("_", "-"): getattr(module, name)
    for module in (schedule, start, database, alerts)
    for name in module.__all__
}
"""The breaks by name; each docstring says what it does."""


@contextmanager
def broken(stage: Stage, name: str) -> Iterator[None]:
    """Break a stage for the length of a ``with`` block.

    Args:
        stage: What to break.
        name: One of `BREAKS`.
    """
    play = BREAKS[name](stage)
    next(play)
    try:
        yield
    finally:
        next(play, None)
