"""When the task runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from aws_cdk import CfnParameter, Duration, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_synthetics as synthetics
from aws_cdk.assertions import Annotations, Match

from bixarena_constructs.cdk.schedule import RunSchedule

if TYPE_CHECKING:
    from aws_cdk import Stack

    from bixarena_constructs.cdk.schedule import Schedule

OVERLAP = "bixarena-constructs:overlappingRuns"


def test_runs_every_day_at_ten_by_default() -> None:
    assert RunSchedule(None).expression == "cron(0 10 * * ? *)"


def test_takes_the_schedule_of_an_events_rule() -> None:
    schedule = RunSchedule(events.Schedule.rate(Duration.hours(6)))
    assert schedule.for_pattern().expression_string == "rate(6 hours)"
    assert schedule.shortest_gap == timedelta(hours=6)


def test_takes_an_application_auto_scaling_schedule() -> None:
    schedule = RunSchedule(appscaling.Schedule.cron(week_day="MON-FRI", hour="4", minute="30"))
    assert schedule.for_pattern().expression_string == "cron(30 4 ? * MON-FRI *)"
    assert schedule.longest_gap == timedelta(days=3)


def test_lets_a_token_through(stack: Stack) -> None:
    token = CfnParameter(stack, "When").value_as_string
    schedule = RunSchedule(events.Schedule.expression(token))
    assert schedule.for_pattern().expression_string == token
    assert schedule.longest_gap is None
    schedule.warn(stack, max_runtime=Duration.days(1))


class OwnSchedule:
    """A class that quacks like a schedule."""

    expression_string = "rate(1 day)"


class UtcRule(events.Schedule):
    """A schedule class of the user's own, for a rule."""

    @property
    def expression_string(self) -> str:
        return "rate(1 day)"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (
            scheduler.ScheduleExpression.cron(
                hour="10", minute="0", time_zone=TimeZone.EUROPE_BERLIN
            ),
            "of class aws_scheduler.ScheduleExpression in the time zone Europe/Berlin",
        ),
        (
            scheduler.ScheduleExpression.expression("rate(1 day)", TimeZone.of("Asia/Tokyo")),
            "of class aws_scheduler.ScheduleExpression in the time zone Asia/Tokyo",
        ),
        (
            scheduler.ScheduleExpression.rate(Duration.days(1)),
            "of class aws_scheduler.ScheduleExpression in the time zone Etc/UTC",
        ),
        (
            scheduler.ScheduleExpression.cron(hour="10", minute="0"),
            "of class aws_scheduler.ScheduleExpression in the time zone Etc/UTC",
        ),
        # Their expressions are for other services: five fields, and once.
        (autoscaling.Schedule.cron(hour="10"), "of class aws_autoscaling.Schedule"),
        (synthetics.Schedule.once(), "of class aws_synthetics.Schedule"),
        (Duration.days(1), "of class Duration"),
        (OwnSchedule(), "of class OwnSchedule"),
        (timedelta(days=1), "of class timedelta"),
        (datetime(2026, 7, 1, 10, 0), "of class datetime"),  # noqa: DTZ001 - any will do
        ("cron(0 10 * * ? *)", "the text 'cron(0 10 * * ? *)'"),
        ("", "the text ''"),
        ({"cron": "0 10 * * ? *"}, "of class dict"),
        (0, "of class int"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_every_other_class_and_names_the_way_to_a_time_zone(
    given: object, named: str
) -> None:
    with pytest.raises(TypeError) as refusal:
        RunSchedule(cast("Schedule", given))
    assert str(refusal.value) == (
        f"schedule is {named}; it must be an aws_applicationautoscaling.Schedule or an "
        "aws_events.Schedule, whose times are in UTC; for a time zone, define the task as "
        "SnapshotTask(...) and give its schedule_target() to an aws_scheduler.Schedule"
    )


def test_takes_a_subclass_of_a_rules_schedule() -> None:
    assert RunSchedule(UtcRule()).expression == "rate(1 day)"


def test_refuses_what_eventbridge_would() -> None:
    with pytest.raises(ValueError, match="60"):
        RunSchedule(events.Schedule.cron(minute="60"))


def test_warns_of_runs_that_would_overlap(stack: Stack) -> None:
    schedule = RunSchedule(events.Schedule.rate(Duration.minutes(10)))
    schedule.warn(stack, max_runtime=Duration.minutes(15))
    Annotations.from_stack(stack).has_warning("/Stack", Match.string_like_regexp(OVERLAP))


def test_does_not_warn_of_runs_that_follow_each_other(stack: Stack) -> None:
    schedule = RunSchedule(events.Schedule.rate(Duration.minutes(15)))
    schedule.warn(stack, max_runtime=Duration.minutes(15))
    assert not Annotations.from_stack(stack).find_warning("/Stack", Match.any_value())


def test_warns_of_a_form_that_eventbridge_may_take(stack: Stack) -> None:
    schedule = RunSchedule(events.Schedule.expression("cron(0 10 L-3 * ? *)"))
    assert schedule.shortest_gap is None
    schedule.warn(stack, max_runtime=Duration.minutes(15))
    Annotations.from_stack(stack).has_warning(
        "/Stack", Match.string_like_regexp("L' in a place of day of month .*uncertainSchedule")
    )
