"""Typed values from environment variables, with every fault collected instead of the first."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["MASK", "MOST_AHEAD", "EnvironmentReader"]

MOST_AHEAD: Final = timedelta(minutes=5)
"""How far ahead of the clock a time may be, since clocks differ."""

MASK: Final = "***"
"""What a message shows of a value that may contain a password."""

_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

# An identifier of SQL, in quotes or not, and up to three of them with dots between.
_PART = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')
_NAME = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern})){{0,2}}")

# A whole secret where one of its fields belongs: a URL, a JSON object, a connection string. Bytes
# that are not UTF-8 are read as surrogates.
_SECRET = re.compile(r'://|^\s*\{\s*"|\bpassword\s*=|[\ud800-\udfff]', re.IGNORECASE)

# The names of snapshots have years of four digits, by which they are compared as text.
_EARLIEST: Final = datetime(1000, 1, 1, tzinfo=UTC)

_T = TypeVar("_T")
_D = TypeVar("_D")
_Word = TypeVar("_Word", bound=str)


class EnvironmentReader:
    """Reads variables one by one and collects what is wrong with them.

    A faulty variable reads as its default, so that the next ones are read too.

    Attributes:
        faults: One sentence for each faulty variable so far: its name, its value, what is valid.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.faults: list[str] = []

    def text(self, name: str) -> str | None:
        """Read any text; empty or blank means unset."""

        def parse(text: str) -> str:
            if _SECRET.search(text):
                raise ValueError("perhaps a secret")
            return text

        expected = "UTF-8 text, and not a URL, a JSON object or a connection string"
        return self._read(name, None, parse=parse, expected=expected)

    def host(self, name: str) -> str | None:
        """Read the name or address of a host, several of them, or a socket's folder."""

        def parse(text: str) -> str:
            for host in () if text.startswith("/") else text.split(","):
                # No part of a URL, no port.
                if re.search(r"[^\w.:%-]", host) or host.count(":") == 1 or not host:
                    raise ValueError("not a host")
                host.encode("idna")
            return text

        return self._read(name, None, parse=parse, expected="the name or address of a host")

    def secret(self, name: str) -> str | None:
        """Read a text without stripping it: a password may begin or end with a blank."""
        text = self._environment.get(name)
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            self.reject(name, MASK, "UTF-8 text")
            return None
        return text or None

    def choice(self, name: str, default: _D, *, allowed: Sequence[_Word]) -> _Word | _D:
        """Read one of several words."""

        def parse(text: str) -> _Word:
            return next(word for word in allowed if word == text)

        return self._read(name, default, parse=parse, expected=f"one of {', '.join(allowed)}")

    def relation(self, name: str) -> tuple[str, ...] | None:
        """Read the name of a table or view, as SQL writes it, into its parts."""
        expected = (
            "VIEW, SCHEMA.VIEW or DATABASE.SCHEMA.VIEW, each a plain word or in double quotes,"
            ' such as analytics.votes or "My schema"."My.view"'
        )
        return self._read(name, None, parse=_parts, expected=expected)

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a boolean, in upper or lower case."""

        def parse(text: str) -> bool:
            return _FLAGS[text.lower()]

        return self._read(name, default, parse=parse, expected="true or false")

    def integer(self, name: str, default: _D, *, low: int, high: int) -> int | _D:
        """Read a whole number from ``low`` to ``high``."""

        def parse(text: str) -> int:
            return _within(int(text), low, high)

        expected = f"a whole number from {low} to {high}"
        return self._read(name, default, parse=parse, expected=expected)

    def number(
        self, name: str, default: float, *, low: float, high: float, or_zero: bool = False
    ) -> float:
        """Read a number from ``low`` to ``high``, or 0 where that is special."""

        def parse(text: str) -> float:
            value = float(text)
            return value if or_zero and value == 0 else _within(value, low, high)

        expected = f"{'0 or ' if or_zero else ''}a number from {low:g} to {high:g}"
        return self._read(name, default, parse=parse, expected=expected)

    def moment(self, name: str, *, now: datetime) -> datetime | None:
        """Read a time with its offset that is not in the future, and convert it to UTC."""

        def parse(text: str) -> datetime:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise ValueError("no offset")
            return moment.astimezone(UTC)

        expected = "a time with its offset, such as 2026-03-06T10:00:00Z"
        moment = self._read(name, None, parse=parse, expected=expected)
        latest = now.astimezone(UTC) + MOST_AHEAD
        if moment is None or _EARLIEST <= moment <= latest:
            return moment
        bounds = f"from the year 1000 to {latest:%Y-%m-%dT%H:%M:%SZ}"
        self.reject(name, _shown(self._environment[name]), f"a time {bounds}")
        return None

    def reject(self, name: str, value: str, expected: str) -> None:
        """Add a fault; ``value`` must contain no secret."""
        self.faults.append(f"{name} is {value}; it must be {expected}")

    def _read(
        self, name: str, default: _D, *, parse: Callable[[str], _T], expected: str
    ) -> _T | _D:
        text = self._environment.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, KeyError, OverflowError, StopIteration):
            self.reject(name, _shown(text), expected)
            return default


def _shown(text: str) -> str:
    return MASK if "@" in text or _SECRET.search(text) else repr(text.strip())


def _parts(text: str) -> tuple[str, ...]:
    """Split a name at the dots outside of quotes; as in SQL, ASCII there is in lower case."""
    if _NAME.fullmatch(text) is None:
        raise ValueError("not a name")
    return tuple(
        quoted.replace('""', '"') if quoted else re.sub("[A-Z]+", lambda it: it[0].lower(), plain)
        for quoted, plain in _PART.findall(text)
    )


def _within(value: _T, low: _T, high: _T) -> _T:
    # In this form NaN is refused too.
    if not low <= value <= high:  # type: ignore[operator]  # int or float
        raise ValueError("out of range")
    return value
