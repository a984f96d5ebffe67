"""The alarm that no snapshot came in time: when it looks, and what it makes of a year of runs."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Token
from aws_cdk import aws_events as events

from bixarena_constructs import SnapshotMonitoring
from bixarena_constructs.aws.run_times import CronSchedule
from bixarena_constructs.aws.schedule_expression import parse_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    # Seconds after the time of a check between which it looks for an outcome.
    Window = tuple[int, int]

PAGE = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text()
DAILY = "cron(0 10 * * ? *)"
SCHEDULES = [
    DAILY,
    "cron(0 10 ? * MON-FRI *)",
    "cron(0 8,18 * * ? *)",
    "cron(30 0/6 * * ? *)",
    "cron(0 * * * ? *)",
    "cron(0/10 * * * ? *)",
    "cron(0 10 ? * SUN *)",
    "cron(0 10 1 * ? *)",
    "cron(0 10 L 2 ? *)",
    "rate(10 minutes)",
    "rate(12 hours)",
    "rate(7 days)",
]
DEPLOYED = datetime(2026, 1, 1, 11, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RUN = timedelta(minutes=15)
# An image to pull and a metric to arrive; the rest of the window's ten minutes is to spare.
TRIFLES = timedelta(minutes=4)


def due_times(expression: str, *, first: datetime, count: int) -> list[datetime]:
    """The first times of a schedule; those of a rate come an interval after it was made."""
    schedule = parse_expression(expression)
    if isinstance(schedule, CronSchedule):
        runs = schedule.runs_after(first)
        return [next(runs) for _ in range(count)]
    return [first + number * schedule.interval for number in range(1, count + 1)]


def check_times(expression: str, *, first: datetime, count: int) -> list[datetime]:
    """The first times of EventBridge Scheduler, which starts a rate as soon as it is made."""
    if expression.startswith("cron"):
        return due_times(expression, first=first, count=count)
    return [first, *due_times(expression, first=first, count=count - 1)]


def missed(
    window: Window, checks: Sequence[datetime], outcomes: Collection[datetime]
) -> list[int]:
    """Return the numbers of the checks that find no outcome."""
    start, end = (seconds * SECOND for seconds in window)
    return [
        number
        for number, check in enumerate(checks)
        if not any(check + start <= outcome < check + end for outcome in outcomes)
    ]


@pytest.fixture(scope="module")
def window_of(define: Any, evaluate: Any) -> Callable[..., Window]:
    """When the check of a schedule looks for an outcome, evaluated from the state machine."""
    known: dict[str, Window] = {}

    def window(
        expression: str = DAILY, *, monitoring: SnapshotMonitoring | None = None, **props: Any
    ) -> Window:
        is_plain = monitoring is None and not props
        if is_plain and expression in known:
            return known[expression]
        schedule = events.Schedule.expression(expression)
        monitored = define(schedule=schedule, monitoring=monitoring, **props)
        properties = monitored.one("AWS::StepFunctions::StateMachine")
        states = json.loads(monitored.deployed(properties["DefinitionString"]))["States"]
        question = states["AskForOutcome"]["Arguments"]
        due = "2026-03-06T10:00:00Z"
        context = {"context": {"Execution": {"Input": {"due": due}}}}
        start, end = (
            int(
                (
                    datetime.fromisoformat(evaluate(question[name], context))
                    - datetime.fromisoformat(due)
                ).total_seconds()
            )
            for name in ("StartTime", "EndTime")
        )
        assert states["WaitForOutcome"]["Seconds"] == end
        assert (end - start) / question["Period"] <= 1440, "GetMetricStatistics returns no more"
        if is_plain:
            known[expression] = start, end
        return start, end

    return window


def latest_of(expression: str) -> timedelta:
    """How long after its time a run may come to its end: EventBridge's tries, and the run."""
    schedule = parse_expression(expression)
    tries = min(timedelta(hours=1), schedule.shortest_gap / 2)
    return tries + RUN + TRIFLES


@pytest.mark.parametrize("expression", SCHEDULES)
@pytest.mark.parametrize("skew", [-90, 0, 90])
def test_is_quiet_in_a_new_stack_and_for_runs_on_time_and_late(
    window_of: Callable[..., Window], expression: str, skew: int
) -> None:
    # CloudFormation makes the rule and the schedule of the checks a little apart.
    checks = check_times(expression, first=DEPLOYED, count=60)
    due = due_times(expression, first=DEPLOYED + skew * SECOND, count=65)
    chance = random.Random(skew)  # noqa: S311 - no secret
    late = [40 * SECOND, RUN, latest_of(expression)]
    ends = [moment + chance.choice(late) for moment in due]
    assert missed(window_of(expression), checks, ends) == []
    always_late = [moment + latest_of(expression) for moment in due]
    assert missed(window_of(expression), checks, always_late) == []


def row_of(expression: str, window: Window) -> tuple[str, str]:
    """How many runs in a row must be missed, and how long after the first that is known."""
    checks = check_times(expression, first=DEPLOYED, count=80)
    due = due_times(expression, first=DEPLOYED, count=80)
    for in_a_row in range(1, 20):
        gone = range(40, 40 + in_a_row)
        ends = [moment + 40 * SECOND for number, moment in enumerate(due) if number not in gone]
        found = missed(window, checks[:70], ends)
        if found:
            known = checks[found[0]] + window[1] * SECOND
            return str(in_a_row), as_text(known - due[40])
    raise AssertionError(expression)


def as_text(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    parts = [(minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def test_reports_a_missed_run_as_soon_as_the_page_says(window_of: Callable[..., Window]) -> None:
    rows = re.findall(r"^\| `((?:cron|rate)\(.*?\))` \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (expression, *row_of(expression, window_of(expression))) for expression in SCHEDULES
    ]


def test_begins_with_the_run_and_leaves_time_to_start_and_to_end(
    window_of: Callable[..., Window],
) -> None:
    # An hour to start, 15 minutes to run, 10 for what takes minutes.
    assert window_of() == (0, 85 * 60)
    assert window_of(max_event_age=Duration.minutes(5)) == (0, 30 * 60)
    assert window_of(max_runtime=Duration.hours(2)) == (0, 190 * 60)


def test_leaves_time_for_a_retry(window_of: Callable[..., Window]) -> None:
    retried = SnapshotMonitoring(retry_after=Duration.minutes(90))
    # And 90 minutes to wait, 15 to run again.
    assert window_of(monitoring=retried) == (0, 190 * 60)


def test_lets_a_rate_and_its_checks_run_on_clocks_of_their_own(
    window_of: Callable[..., Window],
) -> None:
    hours = 3600
    assert window_of("rate(12 hours)") == (6 * hours, 18 * hours + 85 * 60)


def test_takes_the_longest_gap_of_a_schedule_that_is_a_token(
    window_of: Callable[..., Window],
) -> None:
    token = Token.as_string({"Ref": "Schedule"})
    given = SnapshotMonitoring(longest_gap=Duration.days(1))
    day = 86_400
    assert window_of(token, monitoring=given) == (day // 2, day * 3 // 2 + 85 * 60)
    with pytest.raises(ValueError, match="schedule is a token; set longest_gap"):
        window_of(token)


def test_refuses_a_longest_gap_that_the_schedule_shows_itself(
    window_of: Callable[..., Window],
) -> None:
    with pytest.raises(ValueError, match="longest_gap is for a schedule that is a token"):
        window_of(monitoring=SnapshotMonitoring(longest_gap=Duration.days(2)))


def test_goes_off_at_a_zero_and_stays_on_until_an_outcome(define: Any) -> None:
    alarm = define().one("AWS::CloudWatch::Alarm", below="MissedRun")
    assert (alarm["MetricName"], alarm["Statistic"]) == ("Outcomes", "Maximum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["EvaluationPeriods"] == 1
    assert alarm["TreatMissingData"] == "ignore"


def test_checks_at_the_times_of_the_schedule_while_that_is_enabled(define: Any) -> None:
    for enabled in (True, False):
        monitored = define(enabled=enabled)
        watch = monitored.one("AWS::Scheduler::Schedule")
        assert watch["ScheduleExpression"] == DAILY
        assert json.loads(watch["Target"]["Input"]) == {"due": "<aws.scheduler.scheduled-time>"}
        assert watch["State"] == ("ENABLED" if enabled else "DISABLED")
        alarm = monitored.one("AWS::CloudWatch::Alarm", below="MissedRun")
        assert alarm["ActionsEnabled"] is enabled
        # A hang or a dead letter is one even of a run that was started by hand.
        hang = monitored.one("AWS::CloudWatch::Alarm", below="Hang")
        assert hang["ActionsEnabled"] is True


def test_checks_nothing_if_not_asked(define: Any) -> None:
    monitored = define(monitoring=SnapshotMonitoring(missed_run_alarm=False))
    assert monitored.resources("AWS::CloudWatch::Alarm", below="MissedRun") == {}
    assert monitored.resources("AWS::Scheduler::Schedule") == {}
    assert len(monitored.resources("AWS::CloudWatch::Alarm")) == 5
