"""One JSON object a line for machines, or plain text for a terminal."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO, TypeVar

import structlog

from bixarena_constructs.worker.contract import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping

    from structlog.typing import FilteringBoundLogger, Processor

__all__ = ["handed_on", "open_log", "parts_of"]

_T = TypeVar("_T")
# Docker splits longer lines into pieces of 16 KiB, none of which is valid JSON. A part of a list
# leaves room for the other fields.
_LINE_BYTES: Final = 16_000
_PART_BYTES: Final = 12_000


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
            structlog.processors.TimeStamper(fmt="iso", utc=True, key=Field.TIME),
            _shortened,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return logger.bind(**context)


def parts_of(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Split items into lists that each fit into a line; no items make one empty list."""
    part: list[_T] = []
    room = _PART_BYTES
    for item in items:
        size = _size(item)
        if part and size > room:
            yield part
            part, room = [], _PART_BYTES
        part.append(item)
        room -= size
    yield part


def _shortened(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut the longest fields in half until the line is short enough, and note by how much."""
    left_out: dict[str, int] = {}
    while _size({**event, "left_out": left_out}) > _LINE_BYTES:
        name = max(event, key=lambda each: _size(event[each]))
        value = event[name]
        if not isinstance(value, (list, tuple, dict)):
            value = str(value)
        half = len(value) // 2
        left_out[name] = left_out.get(name, 0) + len(value) - half
        is_table = isinstance(value, dict)
        event[name] = dict(list(value.items())[:half]) if is_table else value[:half]
    return {**event, "left_out": left_out} if left_out else event


def _size(value: object) -> int:
    return len(json.dumps(value, default=str)) + len(", ")


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
