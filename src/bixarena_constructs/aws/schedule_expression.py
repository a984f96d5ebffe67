"""EventBridge's schedule expressions, read as EventBridge reads them.

The rules are those of the Amazon EventBridge User Guide, "Setting a schedule pattern"; all times
are UTC. Nothing here needs the CDK, so the command line reads a deployed rule with it too.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from bixarena_constructs.aws.run_times import CronSchedule, RateSchedule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from bixarena_constructs.aws.run_times import DayTest

__all__ = ["UncertainScheduleError", "parse_expression"]

_RATE = re.compile(r"rate\((\S+) (\S+)\)")
_CRON = re.compile(r"cron\((.*)\)")
_UNITS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS: Final = {
    name: number
    for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)
}
_YEARS: Final = (1970, 2199)

# Wildcards within a list, a range or a step, of which the guide says nothing: `1,L`, `L-3`, `*-5`.
_WILDCARD: Final = re.compile(rf"\*|([0-9]{{1,2}}|{'|'.join(_WEEKDAYS)})?L|(L|[0-9]{{1,2}})W")


class UncertainScheduleError(ValueError):
    """An expression that EventBridge may take, but whose times are not known here."""


@cache
def parse_expression(expression: str) -> CronSchedule | RateSchedule:
    """Read a ``cron(...)`` or ``rate(...)`` expression.

    Args:
        expression: As EventBridge takes it, for example ``cron(0 10 * * ? *)``.

    Raises:
        UncertainScheduleError: EventBridge may take the expression; its guide does not say.
        ValueError: EventBridge would refuse the expression, or it is a one-time ``at(...)``,
            or it names no date at all; the message says which part is at fault.
    """
    if rate := _RATE.fullmatch(expression):
        return _parse_rate(expression, *rate.groups())
    if cron := _CRON.fullmatch(expression):
        return _parse_cron(expression, cron[1].split())
    if expression.startswith("at("):
        raise ValueError(
            f"schedule {expression!r} runs once, and a rule repeats; use cron(...) or rate(...)"
        )
    raise ValueError(
        f"schedule {expression!r} is not a schedule expression; "
        "write it as cron(0 10 * * ? *) or rate(1 day)"
    )


def _parse_rate(expression: str, value: str, unit: str) -> RateSchedule:
    if not re.fullmatch(r"[1-9][0-9]*", value):
        raise ValueError(f"schedule {expression!r} has the value {value!r}; it must be 1 or more")
    units = _UNITS if value == "1" else {f"{name}s": length for name, length in _UNITS.items()}
    if unit not in units:
        raise ValueError(
            f"schedule {expression!r} has the unit {unit!r}; "
            f"with {value} it must be one of {', '.join(units)}"
        )
    return RateSchedule(int(value) * units[unit])


def _parse_cron(expression: str, fields: list[str]) -> CronSchedule:
    if len(fields) != 6:  # noqa: PLR2004 - named in the message
        raise ValueError(
            f"schedule {expression!r} has {len(fields)} fields; it must have 6: "
            "minutes, hours, day of month, month, day of week, year"
        )
    minutes, hours, month_day, month, week_day, year = (field.upper() for field in fields)
    if (month_day == "?") == (week_day == "?"):
        raise ValueError(
            f"schedule {expression!r} has {month_day!r} as day of month and {week_day!r} as day "
            "of week; exactly one of them must be '?'"
        )
    reader = _FieldReader(expression)
    schedule = CronSchedule(
        minutes=tuple(sorted(reader.values("minutes", minutes, (0, 59)))),
        hours=tuple(sorted(reader.values("hours", hours, (0, 23)))),
        months=reader.values("month", month, (1, 12), _MONTHS),
        years=reader.values("year", year, _YEARS),
        is_day=reader.month_days(month_day) if week_day == "?" else reader.week_days(week_day),
    )
    if schedule.never_runs:
        raise ValueError(f"schedule {expression!r} names a date that never comes")
    return schedule


@dataclass(frozen=True, slots=True)
class _FieldReader:
    """Reads one field at a time and names the whole expression when it cannot."""

    expression: str

    def values(
        self, field: str, text: str, limits: tuple[int, int], names: dict[str, int] | None = None
    ) -> frozenset[int]:
        """Read a list of values, ranges and steps."""
        found: set[int] = set()
        items = text.split(",")
        if len(items) > 1 and "*" in items:
            raise self._uncertain(field, "*")
        for item in items:
            found.update(self._item(field, item, limits, names or {}))
        return frozenset(found)

    def month_days(self, text: str) -> DayTest:
        """Read the day of the month: values, ``L`` for the last day, ``15W`` for a weekday."""
        if text == "L":
            return lambda day: day.day == _days_in_month(day)
        if text == "LW":
            return lambda day: day == _nearest_weekday(day, _days_in_month(day))
        if text.endswith("W") and "," not in text:
            wanted = self._number("day of month", text[:-1], (1, 31), {})
            return lambda day: (
                wanted <= _days_in_month(day) and day == _nearest_weekday(day, wanted)
            )
        numbers = self.values("day of month", text, (1, 31))
        return lambda day: day.day in numbers

    def week_days(self, text: str) -> DayTest:
        """Read the day of the week: values, ``L``, ``6L`` for a last, ``6#3`` for a third."""
        limits = (1, 7)
        if text == "L":
            return lambda day: _weekday(day) == _WEEKDAYS["SAT"]
        if text.endswith("L") and "," not in text:
            last = self._number("day of week", text[:-1], limits, _WEEKDAYS)
            return lambda day: _weekday(day) == last and day.day > _days_in_month(day) - 7
        if "#" in text:
            if "," in text:
                first = next(item for item in text.split(",") if "#" in item)
                raise ValueError(
                    f"schedule {self.expression!r} has {text!r} as day of week; with '#' it must "
                    f"be one day, as in {first}"
                )
            name, _, count = text.partition("#")
            wanted = self._number("day of week", name, limits, _WEEKDAYS)
            nth = self._number("day of week", count, (1, 5), {})
            return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == nth
        numbers = self.values("day of week", text, limits, _WEEKDAYS)
        return lambda day: _weekday(day) in numbers

    def _item(
        self, field: str, item: str, limits: tuple[int, int], names: dict[str, int]
    ) -> Iterator[int]:
        span, slash, text = item.partition("/")
        low, dash, high = span.partition("-")
        step = self._step(field, text) if slash else 1
        if span == "*":
            first, last = limits
        elif dash:
            first = self._number(field, low, limits, names)
            last = self._number(field, high, limits, names)
        else:
            first = self._number(field, low, limits, names)
            last = limits[1] if slash else first
        if first > last and field == "year":
            raise self._refused(field, item, limits)
        # A range may go past the end of its field, as in 22-5 or SAT-SUN.
        size = limits[1] - limits[0] + 1
        for value in range(first, last + 1 + (size if first > last else 0), step):
            yield (value - limits[0]) % size + limits[0]

    def _step(self, field: str, text: str) -> int:
        if not re.fullmatch(r"0*[1-9][0-9]{0,3}", text):
            raise ValueError(
                f"schedule {self.expression!r} has {text!r} as a step of {field}; it must be a "
                "whole number from 1"
            )
        return int(text)

    def _number(
        self, field: str, text: str, limits: tuple[int, int], names: dict[str, int]
    ) -> int:
        if text in names:
            return names[text]
        if _WILDCARD.fullmatch(text):
            raise self._uncertain(field, text)
        if not re.fullmatch(r"[0-9]{1,4}", text) or not limits[0] <= int(text) <= limits[1]:
            raise self._refused(field, text, limits)
        return int(text)

    def _uncertain(self, field: str, text: str) -> UncertainScheduleError:
        return UncertainScheduleError(
            f"schedule {self.expression!r} has {text!r} in a place of {field} of which "
            "EventBridge's guide says nothing"
        )

    def _refused(self, field: str, text: str, limits: tuple[int, int]) -> ValueError:
        return ValueError(
            f"schedule {self.expression!r} has {text!r} as {field}; "
            f"it must be from {limits[0]} to {limits[1]}"
        )


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _days_in_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> date:
    # A Saturday gives way to Friday, a Sunday to Monday, but never into another month.
    target = day.replace(day=wanted)
    saturday, sunday = 6, 7
    if target.isoweekday() == saturday:
        return target + timedelta(days=-1 if wanted > 1 else 2)
    if target.isoweekday() == sunday:
        return target + timedelta(days=1 if wanted < _days_in_month(day) else -2)
    return target
