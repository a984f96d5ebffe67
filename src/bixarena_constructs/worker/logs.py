"""One JSON object a line for machines, or plain text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

__all__ = ["open_log"]


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
