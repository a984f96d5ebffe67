"""One JSON object a line for machines, or plain text for a terminal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from structlog.typing import FilteringBoundLogger, Processor

__all__ = ["handed_on", "open_log"]


def open_log(
    stream: TextIO, *, log_format: str = "json", **context: object
) -> FilteringBoundLogger:
    """Make a logger that writes to ``stream``; no global configuration is touched.

    Args:
        stream: Where the lines go.
        log_format: ``json`` or ``plain``.
        context: Fields of every line.
    """
    last: Processor = structlog.processors.JSONRenderer(default=str)
    if log_format == "plain":
        last = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return logger.bind(**context)


def handed_on(
    log: FilteringBoundLogger, put: Callable[[Callable[[], object]], None]
) -> FilteringBoundLogger:
    """Make a logger for another thread; the thread that owns ``log`` writes its lines.

    Args:
        log: Where the lines go.
        put: Takes a callable for each line, which writes the line.
    """

    def hand_on(_: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        put(partial(getattr(log, method), **event))
        raise structlog.DropEvent

    logger: FilteringBoundLogger = structlog.wrap_logger(
        log, processors=[hand_on], wrapper_class=structlog.make_filtering_bound_logger("info")
    )
    return logger.bind()
