"""The worker's JSON lines as text for people."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final, TypeAlias

from rich.text import Text

from bixarena_constructs.cli.printable import printable
from bixarena_constructs.worker.contract import LAST_EVENTS, EntryField, Event, Field

__all__ = ["ENDS", "Fields", "fields_of", "readable"]

Fields: TypeAlias = dict[str, Any]
"""Fields of an event, which differ from event to event."""

ENDS: Final = frozenset(
    {
        *LAST_EVENTS,
        Event.CHECK_FINISHED,
        Event.CHECK_FAILED,
        Event.PUBLISHED,
        Event.PUBLISH_FAILED,
        Event.UNPUBLISHED,
        Event.UNPUBLISH_FAILED,
    }
)
"""Last events of a run of any of the worker's commands."""

_STYLES: Final = {"error": "bold red", "warning": "yellow"}
# Shown at the head of the line, or for machines only.
_LEFT_OUT: Final = frozenset(
    {
        Field.CORRELATION_ID,
        Field.ENTRIES,
        Field.EVENT,
        Field.LEVEL,
        Field.TIME,
        Field.LEADERBOARD,
    }
)
_OF_ENTRY: Final = (
    *(EntryField.RANK, EntryField.MODEL, EntryField.SCORE),
    *(EntryField.LOWER, EntryField.UPPER, EntryField.VOTES),
)
_TIME: Final = slice(19)
_EMPTY: Final[tuple[object, ...]] = ("", None, [], {})


def fields_of(line: str) -> Fields:
    """Return the fields of a worker's line; none if it is another text, such as a traceback."""
    try:
        fields = json.loads(line)
    except (RecursionError, ValueError):
        return {}
    is_event = isinstance(fields, dict) and isinstance(fields.get(Field.EVENT), str)
    return fields if is_event else {}


def readable(line: str) -> Text:
    """Return a worker's line as text for people, and any other line as it is, but printable."""
    fields = fields_of(line)
    if not fields:
        return Text(printable(line.rstrip("\r\n")))
    text = Text()
    moment = printable(str(fields.get(Field.TIME, "")))[_TIME]
    text.append(moment.replace("T", " "), style="dim")
    style = _STYLES.get(str(fields.get(Field.LEVEL)), "")
    text.append(f"  {printable(fields[Field.EVENT]).replace('_', ' ')}", style=style or "bold")
    if Field.LEADERBOARD in fields:
        text.append(f" {printable(str(fields[Field.LEADERBOARD]))}", style="cyan")
    board = _board(fields.get(Field.ENTRIES))
    for name, value in {**_why(fields), **fields}.items():
        is_shown = name not in _LEFT_OUT or (name == Field.ENTRIES and not board)
        if is_shown and value not in _EMPTY:
            text.append(f"  {printable(name).replace('_', ' ')} ", style="dim")
            text.append(printable(_shown(name, value)), style=style)
    for entry in board:
        text.append(f"\n          {printable(entry)}")
    return text


def _why(fields: Fields) -> Fields:
    """Return why a run failed, which comes before what it counted."""
    return {name: fields[name] for name in (Field.CAUSE, Field.ERROR) if name in fields}


# The log may hold JSON of other programs, whose fields are not the worker's.
def _board(entries: object) -> list[str]:
    try:
        return [_entry(entry) for entry in entries] if isinstance(entries, list) else []
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return []


def _entry(entry: Fields) -> str:
    place, model, score, lower, upper, votes = (entry[name] for name in _OF_ENTRY)
    return f"{place:>3}  {model}  {score:.1f}  ({lower:.1f} to {upper:.1f})  {votes} votes"


def _shown(name: str, value: object) -> str:
    if name == Field.MOVED and isinstance(value, list):
        with suppress(LookupError, TypeError):
            return ", ".join(
                f"{each[EntryField.MODEL]} {each[EntryField.FROM]}→{each[EntryField.TO]}"
                for each in value
            )
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_of_list, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _of_list(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(each) for each in value.values())
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value)
