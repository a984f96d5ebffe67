"""When a rule or a schedule runs, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CronSchedule", "DayTest", "RateSchedule"]

DayTest = Callable[[date], bool]
"""Whether a date is among a pattern's days."""

# Dates and weekdays repeat after 28 years while no century year without a leap day is crossed.
_CALENDAR_CYCLE_YEARS: Final = 28


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """Runs at a fixed interval, counted from when the rule was made.

    Attributes:
        interval: Time from one run to the next.
    """

    interval: timedelta

    @property
    def shortest_gap(self) -> timedelta:
        """The shortest time between two runs."""
        return self.interval

    @property
    def longest_gap(self) -> timedelta:
        """The longest time between two runs."""
        return self.interval


@dataclass(frozen=True)
class CronSchedule:
    """Runs at the minutes of a calendar pattern, in UTC.

    Attributes:
        minutes: Minutes of the hour, ascending.
        hours: Hours of the day, ascending.
        months: Months of the year, 1 to 12.
        years: Calendar years.
        is_day: Whether a date is among the pattern's days.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    is_day: DayTest

    @property
    def shortest_gap(self) -> timedelta:
        """The shortest time between two runs."""
        return min(self._gaps, default=timedelta.max)

    @property
    def longest_gap(self) -> timedelta:
        """The longest time between two runs; ``timedelta.max`` if there is but one."""
        return max(self._gaps, default=timedelta.max)

    def runs_after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the runs after a moment, in order, until the last year of the pattern.

        Args:
            moment: An aware time; a run at this very time is not yielded.
        """
        start = moment.astimezone(UTC)
        for day in self._days(start.date(), max(self.years)):
            for time in self._times_of_day():
                run = datetime(day.year, day.month, day.day, tzinfo=UTC) + time
                if run > start:
                    yield run

    def _times_of_day(self) -> list[timedelta]:
        return [timedelta(hours=h, minutes=m) for h in self.hours for m in self.minutes]

    def _days(self, first: date, last_year: int) -> Iterator[date]:
        for ordinal in range(first.toordinal(), date(last_year, 12, 31).toordinal() + 1):
            day = date.fromordinal(ordinal)
            if day.year in self.years and day.month in self.months and self.is_day(day):
                yield day

    @property
    def never_runs(self) -> bool:
        """Whether no date fits the pattern, such as the 30th of February."""
        return not self._sample_days

    @cached_property
    def _sample_days(self) -> list[date]:
        first_year = min(self.years)
        last_year = min(first_year + _CALENDAR_CYCLE_YEARS, max(self.years))
        return list(self._days(date(first_year, 1, 1), last_year))

    @cached_property
    def _gaps(self) -> frozenset[timedelta]:
        times = self._times_of_day()
        within_a_day = {later - earlier for earlier, later in pairwise(times)}
        overnight = {
            (later - earlier) + times[0] - times[-1]
            for earlier, later in pairwise(self._sample_days)
        }
        return frozenset(within_a_day | overnight)
