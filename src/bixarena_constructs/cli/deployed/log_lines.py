"""The worker's JSON lines as text for people."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from rich.text import Text

from bixarena_constructs.worker.contract import Field

__all__ = ["Fields", "fields_of", "readable"]

Fields: TypeAlias = dict[str, Any]
"""Fields of an event, which differ from event to event."""

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
_TIME: Final = slice(11, 19)
_EMPTY: Final[tuple[object, ...]] = ("", None, [], {})


def fields_of(line: str) -> Fields:
    """Return the fields of a worker's line; none if it is another text, such as a traceback."""
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) and Field.EVENT in fields else {}


def readable(line: str) -> Text:
    """Return a worker's line as text for people, and any other line unchanged."""
    fields = fields_of(line)
    if not fields:
        return Text(line)
    text = Text()
    text.append(str(fields.get(Field.TIME, ""))[_TIME], style="dim")
    style = _STYLES.get(str(fields.get(Field.LEVEL)), "")
    text.append(f"  {str(fields[Field.EVENT]).replace('_', ' ')}", style=style or "bold")
    if Field.LEADERBOARD in fields:
        text.append(f" {fields[Field.LEADERBOARD]}", style="cyan")
    for name, value in fields.items():
        if name not in _LEFT_OUT and value not in _EMPTY:
            text.append(f"  {name.replace('_', ' ')} ", style="dim")
            text.append(_shown(name, value), style=style)
    for entry in fields.get(Field.ENTRIES) or ():
        text.append(f"\n          {_entry(entry)}")
    return text


def _entry(entry: Fields) -> str:
    return (
        f"{entry['rank']:>3}  {entry['model']}  {entry['score']:.1f}"
        f"  ({entry['lower']:.1f} to {entry['upper']:.1f})  {entry['votes']} votes"
    )


def _shown(name: str, value: object) -> str:
    if name == Field.MOVED and isinstance(value, list):
        return ", ".join(f"{each['model']} {each['from']}→{each['to']}" for each in value)
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
