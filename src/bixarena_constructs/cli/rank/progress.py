"""Progress of long work, on standard error and only where somebody watches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["rounds_on_stderr"]


@contextmanager
def rounds_on_stderr() -> Iterator[Callable[[int, int], None]]:
    """Show a bar while rounds are counted, and take it away afterwards."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("resampling", total=None)

        def tell(done: int, rounds: int) -> None:
            progress.update(task, completed=done, total=rounds)

        yield tell
