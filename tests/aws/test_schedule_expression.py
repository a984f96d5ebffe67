"""EventBridge's schedule expressions."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from aws_cron_expression_validator.validator import (
    AWSCronExpressionError,
    AWSCronExpressionValidator,
)
from cronsim import CronSim
from hypothesis import assume, given
from hypothesis import strategies as st

from bixarena_constructs.aws.run_times import CronSchedule, RateSchedule
from bixarena_constructs.aws.schedule_expression import UncertainScheduleError, parse_expression

START = datetime(2026, 3, 6, 10, 0, tzinfo=UTC)  # a Friday


def runs(expression: str, count: int) -> list[str]:
    schedule = parse_expression(expression)
    assert isinstance(schedule, CronSchedule)
    return [f"{run:%Y-%m-%d %H:%M}" for run in islice(schedule.runs_after(START), count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", ["2026-03-07 10:00", "2026-03-08 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-03-06 12:15", "2026-03-07 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-03-06 18:00", "2026-03-09 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-04-01 08:00", "2026-05-01 08:00"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-03-06 10:10", "2026-03-06 10:20"]),
        ("cron(0/30 20-22 ? * SAT,sun *)", ["2026-03-07 20:00", "2026-03-07 20:30"]),
        ("cron(0 0 L * ? *)", ["2026-03-31 00:00", "2026-04-30 00:00"]),
        # The 1st of August 2026 is a Saturday and stays in its month; 1 November is a Sunday.
        ("cron(0 0 1W 8,11 ? *)", ["2026-08-03 00:00", "2026-11-02 00:00"]),
        ("cron(0 0 15W 3,8 ? *)", ["2026-03-16 00:00", "2026-08-14 00:00"]),
        # The 2nd of May 2026 is a Saturday, and the 1st is a weekday.
        ("cron(0 0 2W 5 ? *)", ["2026-05-01 00:00", "2027-05-03 00:00"]),
        ("cron(0 0 31W 5 ? *)", ["2026-05-29 00:00", "2027-05-31 00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-03-31 00:00", "2026-04-30 00:00"]),
        # The 31st of May 2026 is a Sunday.
        ("cron(0 0 LW 5 ? *)", ["2026-05-29 00:00", "2027-05-31 00:00"]),
        ("cron(0 0 ? * L *)", ["2026-03-07 00:00", "2026-03-14 00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-03-27 00:00", "2026-04-24 00:00"]),
        ("cron(0 0 ? * 1,7 *)", ["2026-03-07 00:00", "2026-03-08 00:00"]),
        # Of the Fridays in July 2026, the 24th is not the last.
        ("cron(0 0 ? 7 6L *)", ["2026-07-31 00:00", "2027-07-30 00:00"]),
        ("cron(0 0 ? * FRIL *)", ["2026-03-27 00:00", "2026-04-24 00:00"]),
        ("cron(0 0 ? * SAT#1 *)", ["2026-03-07 00:00", "2026-04-04 00:00"]),
        ("cron(0 0 ? * THU#2 *)", ["2026-03-12 00:00", "2026-04-09 00:00"]),
        ("cron(0 0 ? * FRI#3 *)", ["2026-03-20 00:00", "2026-04-17 00:00"]),
        ("cron(0 0 ? * 2#1 *)", ["2026-04-06 00:00", "2026-05-04 00:00"]),
        ("cron(0 0 29 FEB ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2027)", ["2027-01-01 00:00"]),
        ("cron(0 0 31 12 ? 2027)", ["2027-12-31 00:00"]),
        # The guide's own example of a range past midnight.
        ("cron(0/30 20-2 ? * MON-FRI *)", ["2026-03-06 20:00", "2026-03-06 20:30"]),
        ("cron(0 22-5 * * ? *)", ["2026-03-06 22:00", "2026-03-06 23:00", "2026-03-07 00:00"]),
        ("cron(0 10 ? * SAT-SUN *)", ["2026-03-07 10:00", "2026-03-08 10:00", "2026-03-14 10:00"]),
        ("cron(0 9 ? * FRI-MON/2 *)", ["2026-03-08 09:00", "2026-03-13 09:00"]),
        ("cron(0 0 31-1 NOV-FEB ? *)", ["2026-11-01 00:00", "2026-12-01 00:00"]),
        ("cron(58-1 10 * * ? *)", ["2026-03-06 10:01", "2026-03-06 10:58"]),
        ("cron(0/90 10 * * ? *)", ["2026-03-07 10:00"]),
    ],
)
def test_runs_at_the_times_that_the_user_guide_gives(expression: str, expected: list[str]) -> None:
    assert runs(expression, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "shortest", "longest"),
    [
        ("cron(0 10 * * ? *)", timedelta(days=1), timedelta(days=1)),
        ("cron(0 9,18 * * ? *)", timedelta(hours=9), timedelta(hours=15)),
        ("cron(0 10 ? * MON-FRI *)", timedelta(days=1), timedelta(days=3)),
        ("cron(0/15 * * * ? *)", timedelta(minutes=15), timedelta(minutes=15)),
        ("cron(0 0 1 * ? *)", timedelta(days=28), timedelta(days=31)),
        ("cron(0 0 1 1 ? 2027)", timedelta.max, timedelta.max),
        ("cron(0 22-5 * * ? *)", timedelta(hours=1), timedelta(hours=17)),
        ("rate(90 minutes)", timedelta(minutes=90), timedelta(minutes=90)),
        ("rate(1 minute)", timedelta(minutes=1), timedelta(minutes=1)),
        ("rate(1 hour)", timedelta(hours=1), timedelta(hours=1)),
        ("rate(1 day)", timedelta(days=1), timedelta(days=1)),
    ],
)
def test_knows_the_shortest_and_the_longest_gap(
    expression: str, shortest: timedelta, longest: timedelta
) -> None:
    schedule = parse_expression(expression)
    assert (schedule.shortest_gap, schedule.longest_gap) == (shortest, longest)


def test_reads_a_rate() -> None:
    assert parse_expression("rate(5 minutes)") == RateSchedule(timedelta(minutes=5))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "is not a schedule expression"),
        ("every day", "is not a schedule expression"),
        ("0 10 * * ? *", "is not a schedule expression"),
        ("cron(0 10 * * ? *) ", "is not a schedule expression"),
        ("at(2026-03-06T10:00:00)", "runs once"),
        ("rate(0 minutes)", "value '0'"),
        ("rate(1.5 hours)", "value '1.5'"),
        ("rate(1 minutes)", "unit 'minutes'; with 1 it must be one of minute, hour, day"),
        ("rate(2 minute)", "unit 'minute'; with 2 it must be one of minutes, hours, days"),
        ("rate(30 seconds)", "unit 'seconds'"),
        ("cron(0 10 * * ?)", "has 5 fields"),
        ("cron(0 0 10 * * ? *)", "has 7 fields"),
        ("cron(0 10 * * * *)", "exactly one of them must be '\\?'"),
        ("cron(0 10 ? * ? *)", "exactly one of them must be '\\?'"),
        ("cron(60 10 * * ? *)", "'60' as minutes; it must be from 0 to 59"),
        ("cron(0 24 * * ? *)", "'24' as hours; it must be from 0 to 23"),
        ("cron(0 10 0 * ? *)", "'0' as day of month; it must be from 1 to 31"),
        ("cron(0 10 0W * ? *)", "'0' as day of month; it must be from 1 to 31"),
        ("cron(0 10 W * ? *)", "'' as day of month; it must be from 1 to 31"),
        ("cron(0 10 32W * ? *)", "'32' as day of month; it must be from 1 to 31"),
        ("cron(0 10 * 13 ? *)", "'13' as month; it must be from 1 to 12"),
        ("cron(0 10 * JANUARY ? *)", "'JANUARY' as month"),
        ("cron(0 10 ? * 0 *)", "'0' as day of week; it must be from 1 to 7"),
        ("cron(0 10 ? * 2#6 *)", "'6' as day of week; it must be from 1 to 5"),
        ("cron(0 10 * * ? 1969)", "'1969' as year; it must be from 1970 to 2199"),
        ("cron(0 10 * * ? 2030-2026)", "'2030-2026' as year"),
        ("cron(*/0 10 * * ? *)", "'0' as a step of minutes; it must be a whole number from 1"),
        ("cron(0 10 ? * MON#1,WED#2 *)", "'#' it must be one day, as in MON#1"),
        ("cron(0 10 ? * MON,WED#2 *)", "'#' it must be one day, as in WED#2"),
        ("cron(, 10 * * ? *)", "'' as minutes"),
        ("cron(0 10 30 2 ? *)", "a date that never comes"),
        ("cron(0 10 29 2 ? 2027)", "a date that never comes"),
    ],
)
def test_refuses_what_eventbridge_would_and_says_which_part(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_expression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 10 L-3 * ? *)",
        "cron(0 10 1,L * ? *)",
        "cron(0 10 1,15W * ? *)",
        "cron(0 10 ? * L-2 *)",
        "cron(0 10 ? * MON,6L *)",
        "cron(0 10 ? * MON,FRIL *)",
        "cron(0 *-5 * * ? *)",
        "cron(0 *,5 * * ? *)",
    ],
)
def test_is_not_sure_of_what_the_user_guide_leaves_open(expression: str) -> None:
    with pytest.raises(UncertainScheduleError, match="EventBridge's guide says nothing"):
        parse_expression(expression)


# Against two libraries: one knows which expressions EventBridge takes, the other when they run.

HOURS = [str(hour) for hour in (0, 5, 9, 23)]
DAYS = ["SUN", "TUE", "5", "SAT"]
MONTHS = ["1", "FEB", "9", "DEC"]


def ranges(values: list[str], *, may_wrap: bool) -> st.SearchStrategy[str]:
    spans = [
        f"{low}-{high}"
        for low in values
        for high in values
        if low != high and (may_wrap or values.index(low) < values.index(high))
    ]
    stepped = st.builds(str.__add__, st.sampled_from(spans), st.sampled_from(["", "/2"]))
    lists = st.lists(st.one_of(st.sampled_from(values), stepped), min_size=1, max_size=2)
    return st.one_of(st.sampled_from(["*", "*/2"]), lists.map(",".join))


def expressions(*, may_wrap: bool) -> st.SearchStrategy[str]:
    of_month = st.one_of(
        ranges(["1", "5", "28", "31"], may_wrap=may_wrap), st.sampled_from(["L", "LW", "15W"])
    )
    of_week = st.one_of(
        st.lists(st.sampled_from([*DAYS, "MON-FRI"]), min_size=1, max_size=2).map(",".join),
        st.sampled_from(["*", "L", "2#1", "FRI#3", "6L"]),
    )
    days = st.one_of(st.tuples(of_month, st.just("?")), st.tuples(st.just("?"), of_week))
    return st.builds(
        lambda minute, hour, day, month, year: f"{minute} {hour} {day[0]} {month} {day[1]} {year}",
        ranges(["0", "15", "59"], may_wrap=may_wrap),
        ranges(HOURS, may_wrap=may_wrap),
        days,
        ranges(MONTHS, may_wrap=may_wrap),
        st.sampled_from(["*", "2026-2199"]),
    )


@given(expressions(may_wrap=True))
def test_takes_what_a_validator_of_eventbridge_takes(expression: str) -> None:
    assert AWSCronExpressionValidator.validate(expression) == expression
    with suppress(UncertainScheduleError):
        parse_expression(f"cron({expression})")


@given(st.lists(st.text("0159*?/,-LW#A", max_size=4), min_size=5, max_size=7).map(" ".join))
def test_refuses_what_a_validator_of_eventbridge_refuses(expression: str) -> None:
    try:
        AWSCronExpressionValidator.validate(expression)
    except AWSCronExpressionError:
        with pytest.raises(ValueError, match="schedule"):
            parse_expression(f"cron({expression})")


def as_unix(expression: str) -> str:
    minute, hour, of_month, month, of_week, _year = expression.split()
    days = {name: str(index) for index, name in enumerate(DAYS_OF_WEEK)}

    def day(text: str) -> str:
        return days.get(text, str(int(text) - 1) if text.isdecimal() else text)

    of_week = re.sub(r"(?<!#)\b(\d|[A-Z]{3})", lambda found: day(found[1]), of_week)
    return " ".join([minute, hour, of_month.replace("?", "*"), month, of_week.replace("?", "*")])


DAYS_OF_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@given(expressions(may_wrap=False))
def test_runs_when_a_cron_of_unix_runs(expression: str) -> None:
    assume("L" not in expression.split()[4] and "15W" not in expression)
    expected = [f"{run:%Y-%m-%d %H:%M}" for run in islice(CronSim(as_unix(expression), START), 9)]
    assert runs(f"cron({expression})", 9) == expected
