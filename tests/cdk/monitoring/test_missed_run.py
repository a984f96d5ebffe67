"""The alarm that no snapshot came in time: its window, and what CloudWatch makes of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from aws_cdk import Duration, Token
from aws_cdk import aws_events as events

from bixarena_constructs import SnapshotMonitoring
from bixarena_constructs.aws.schedule_expression import CronSchedule, parse_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

DAILY = "cron(0 10 * * ? *)"
WEEKDAYS = "cron(0 10 ? * MON-FRI *)"
TWICE_A_DAY = "cron(0 8,18 * * ? *)"
EVERY_SIX_HOURS = "cron(30 0/6 * * ? *)"
SCHEDULES = [DAILY, WEEKDAYS, TWICE_A_DAY, EVERY_SIX_HOURS]

DEPLOYED = datetime(2026, 1, 1, 11, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
# The default props: how long EventBridge tries, and how long a run may take.
EVENT_AGE, RUN = timedelta(hours=1), timedelta(minutes=15)
LATEST = EVENT_AGE + RUN


# The simulation's clock: CloudWatch looks each minute, ten are enough to see windows slide.
STEP = timedelta(minutes=10)
STEPS_PER_HOUR = 6


def alarms(
    hours: int, *, zeros: Sequence[datetime], ones: Sequence[datetime], until: datetime
) -> list[datetime]:
    """Return when the alarm turns to ALARM, evaluated as CloudWatch's guide describes it.

    At each step it looks at the last ``hours`` windows of an hour, which slide with it. The
    maximum of a window is 1, 0, or missing; missing is not breaching, as the template says. It is
    in ALARM while all of them are 0.
    """
    size = int((until - DEPLOYED) / STEP)

    def in_each_step(moments: Sequence[datetime]) -> NDArray[np.bool_]:
        happened = np.zeros(size, dtype=bool)
        steps = [int((moment - DEPLOYED) / STEP) for moment in moments if moment < until]
        happened[[step for step in steps if step < size]] = True
        return happened

    def in_the_hour_before(happened: NDArray[np.bool_]) -> NDArray[np.bool_]:
        total = np.concatenate([np.zeros(STEPS_PER_HOUR), np.cumsum(happened)])
        recent: NDArray[np.bool_] = total[STEPS_PER_HOUR:] > total[:size]
        return recent

    breaching = in_the_hour_before(in_each_step(zeros))
    breaching &= ~in_the_hour_before(in_each_step(ones))
    in_alarm = np.zeros(size, dtype=bool)
    for step in range(hours * STEPS_PER_HOUR, size):
        windows = range(step, step - hours * STEPS_PER_HOUR, -STEPS_PER_HOUR)
        in_alarm[step] = all(breaching[window] for window in windows)
    turns = np.flatnonzero(in_alarm[1:] & ~in_alarm[:-1]) + 1
    return [DEPLOYED + (int(step) + 1) * STEP for step in turns]


def every_half_hour(start: datetime, end: datetime) -> list[datetime]:
    """When the watch writes a 0: within the minute after each half hour."""
    jitter = random.Random(6)  # noqa: S311 - no secret
    first = start.replace(minute=0, second=0) + HOUR
    count = int((end - first) / timedelta(minutes=30))
    return [
        first + number * timedelta(minutes=30) + timedelta(seconds=jitter.uniform(0, 59))
        for number in range(count)
    ]


def runs(expression: str, until: datetime) -> list[datetime]:
    schedule = parse_expression(expression)
    assert isinstance(schedule, CronSchedule)
    due = []
    for moment in schedule.runs_after(DEPLOYED):
        if moment >= until:
            break
        due.append(moment)
    return due


def outcomes(due: Iterable[datetime], *, seed: int) -> list[datetime]:
    """When runs are done: most at once, some as late as EventBridge and the deadline let them."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    late = [timedelta(seconds=40), timedelta(minutes=5), RUN, LATEST]
    return [moment + chance.choices(late, weights=[6, 2, 1, 1])[0] for moment in due]


@pytest.fixture
def alarm_of(define: Any) -> Callable[..., dict[str, Any]]:
    """Properties of the alarm for a schedule."""

    def alarm(
        expression: str = DAILY, *, monitoring: SnapshotMonitoring | None = None, **props: Any
    ) -> dict[str, Any]:
        schedule = events.Schedule.expression(expression)
        monitored = define(schedule=schedule, monitoring=monitoring, **props)
        found: dict[str, Any] = monitored.one("AWS::CloudWatch::Alarm", below="MissedRun")
        return found

    return alarm


@pytest.mark.parametrize(
    ("expression", "hours"),
    # Longest gap, an hour to start, a quarter to run; rounded up, and one.
    [(DAILY, 27), (WEEKDAYS, 75), (TWICE_A_DAY, 17), (EVERY_SIX_HOURS, 9), ("rate(12 hours)", 15)],
)
def test_looks_back_as_far_as_a_late_run_may_come(
    alarm_of: Callable[..., dict[str, Any]], expression: str, hours: int
) -> None:
    alarm = alarm_of(expression)
    assert alarm["Period"] == 3600
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == hours
    assert alarm["Statistic"] == "Maximum"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_leaves_time_for_a_retry(alarm_of: Callable[..., dict[str, Any]]) -> None:
    retried = SnapshotMonitoring(retry_after=Duration.minutes(90))
    # 24 h + 1 h + 15 min, and 90 min + 15 min.
    assert alarm_of(monitoring=retried)["EvaluationPeriods"] == 28


def test_rounds_up_only_what_is_left_of_an_hour(alarm_of: Callable[..., dict[str, Any]]) -> None:
    # 24 h + 1 h + 1 h, and one.
    assert alarm_of(max_runtime=Duration.hours(1))["EvaluationPeriods"] == 27
    assert alarm_of(max_runtime=Duration.minutes(61))["EvaluationPeriods"] == 28


def test_looks_back_as_far_as_cloudwatch_does_and_no_further(
    alarm_of: Callable[..., dict[str, Any]],
) -> None:
    # An hour to start, a quarter to run; rounded up, and one.
    assert alarm_of("rate(165 hours)")["EvaluationPeriods"] == 168
    with pytest.raises(ValueError, match="looks back 168 hours where 169 are needed"):
        alarm_of("rate(166 hours)")


@pytest.mark.parametrize("expression", SCHEDULES)
def test_stays_quiet_for_a_year_of_runs_on_time_and_late(
    alarm_of: Callable[..., dict[str, Any]], expression: str
) -> None:
    until = DEPLOYED + timedelta(days=365)
    hours = alarm_of(expression)["EvaluationPeriods"]
    zeros = every_half_hour(DEPLOYED, until)
    for seed in range(5):
        ones = outcomes(runs(expression, until), seed=seed)
        assert alarms(hours, zeros=zeros, ones=ones, until=until) == []


@pytest.mark.parametrize("expression", SCHEDULES)
def test_has_no_hour_to_spare_but_one(
    alarm_of: Callable[..., dict[str, Any]], expression: str
) -> None:
    until = DEPLOYED + timedelta(days=30)
    due = runs(expression, until)
    longest = max(range(1, len(due)), key=lambda number: due[number] - due[number - 1])
    # The one before the longest gap is on time, the one after it as late as can be.
    ones = [*due[:longest], due[longest] + LATEST]
    end = due[longest] + LATEST + HOUR
    tight = alarm_of(expression)["EvaluationPeriods"] - 2
    assert alarms(tight, zeros=every_half_hour(DEPLOYED, end), ones=ones, until=end) != []


@pytest.mark.parametrize("expression", SCHEDULES)
def test_goes_off_once_and_within_its_window_when_runs_stop(
    alarm_of: Callable[..., dict[str, Any]], expression: str
) -> None:
    hours = alarm_of(expression)["EvaluationPeriods"]
    until = DEPLOYED + timedelta(days=28)
    due = runs(expression, until)
    for last in range(len(due) // 2, len(due) // 2 + 7):
        ones = outcomes(due[:last], seed=last)
        off = alarms(hours, zeros=every_half_hour(DEPLOYED, until), ones=ones, until=until)
        assert len(off) == 1
        assert 0 * HOUR <= off[0] - (max(ones) + hours * HOUR) <= 2 * STEP


def test_tells_a_missed_daily_run_three_hours_after_it_was_due(
    alarm_of: Callable[..., dict[str, Any]],
) -> None:
    until = DEPLOYED + timedelta(days=10)
    due = runs(DAILY, until)
    missed = due[4]
    ones = [moment for moment in due if moment != missed]
    (off,) = alarms(
        alarm_of(DAILY)["EvaluationPeriods"],
        zeros=every_half_hour(DEPLOYED, until),
        ones=ones,
        until=until,
    )
    assert 0 * HOUR <= off - (missed + 3 * HOUR) <= 2 * STEP


@pytest.mark.parametrize("expression", SCHEDULES)
def test_is_quiet_in_a_new_stack_until_its_first_run_is_overdue(
    alarm_of: Callable[..., dict[str, Any]], expression: str
) -> None:
    hours = alarm_of(expression)["EvaluationPeriods"]
    until = DEPLOYED + timedelta(days=14)
    (off,) = alarms(hours, zeros=every_half_hour(DEPLOYED, until), ones=[], until=until)
    first_due = runs(expression, until)[0]
    assert off >= first_due + LATEST
    assert off <= DEPLOYED + (hours + 2) * HOUR


def test_begins_anew_when_a_disabled_schedule_is_enabled(
    alarm_of: Callable[..., dict[str, Any]],
) -> None:
    hours = alarm_of(DAILY)["EvaluationPeriods"]
    enabled = DEPLOYED + timedelta(days=60)
    until = enabled + timedelta(days=5)
    stopped = DEPLOYED + timedelta(days=10)
    zeros = [*every_half_hour(DEPLOYED, stopped), *every_half_hour(enabled, until)]
    on_time = [moment for moment in runs(DAILY, until) if moment < stopped]
    (off,) = alarms(hours, zeros=zeros, ones=on_time, until=until)
    assert off > enabled + hours * HOUR - HOUR


def test_watches_while_the_schedule_is_enabled_only(define: Any) -> None:
    for enabled in (True, False):
        monitored = define(enabled=enabled)
        watch = monitored.one("AWS::Scheduler::Schedule")
        assert watch["State"] == ("ENABLED" if enabled else "DISABLED")
        alarm = monitored.one("AWS::CloudWatch::Alarm", below="MissedRun")
        assert alarm["ActionsEnabled"] is enabled
        # A hang or a dead letter is one even of a run that was started by hand.
        hang = monitored.one("AWS::CloudWatch::Alarm", below="Hang")
        assert hang["ActionsEnabled"] is True


@pytest.mark.parametrize("expression", ["rate(7 days)", "cron(0 10 ? * SUN *)", "rate(167 hours)"])
def test_refuses_a_schedule_too_rare_for_cloudwatch_and_names_the_way_out(
    alarm_of: Callable[..., dict[str, Any]], expression: str
) -> None:
    with pytest.raises(ValueError, match=r"looks back 168 hours.*set missed_run_alarm=False"):
        alarm_of(expression)


def test_takes_a_rare_schedule_without_the_alarm(define: Any) -> None:
    monitored = define(
        schedule=events.Schedule.rate(Duration.days(7)),
        monitoring=SnapshotMonitoring(missed_run_alarm=False),
    )
    assert monitored.resources("AWS::CloudWatch::Alarm", below="MissedRun") == {}
    assert monitored.resources("AWS::Scheduler::Schedule") == {}
    assert len(monitored.resources("AWS::CloudWatch::Alarm")) == 4


def test_takes_the_longest_gap_of_a_schedule_that_is_a_token(
    alarm_of: Callable[..., dict[str, Any]],
) -> None:
    token = Token.as_string({"Ref": "Schedule"})
    told = SnapshotMonitoring(longest_gap=Duration.days(1))
    assert alarm_of(token, monitoring=told)["EvaluationPeriods"] == 27
    with pytest.raises(ValueError, match="schedule is a token; set longest_gap"):
        alarm_of(token)


def test_refuses_a_longest_gap_that_the_schedule_tells_itself(
    alarm_of: Callable[..., dict[str, Any]],
) -> None:
    with pytest.raises(ValueError, match="longest_gap is for a schedule that is a token"):
        alarm_of(monitoring=SnapshotMonitoring(longest_gap=Duration.days(2)))


def test_refuses_a_run_time_that_is_a_token(alarm_of: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="max_runtime is a token"):
        alarm_of(max_runtime=Duration.seconds(Token.as_number({"Ref": "Seconds"})))


def test_may_write_to_its_own_namespace_only(define: Any) -> None:
    policy = define().one("AWS::IAM::Policy", below="WatchRole")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "cloudwatch:PutMetricData"
    assert statement["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": "Bixarena/Arena/Snapshot"}
    }
