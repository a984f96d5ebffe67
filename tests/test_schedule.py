"""When the task runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aws_cdk import CfnParameter, Duration
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_events as events
from aws_cdk.assertions import Annotations, Match

from bixarena_constructs.schedule import RunSchedule

if TYPE_CHECKING:
    from aws_cdk import Stack

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
    schedule.warn_of_overlap(stack, max_runtime=Duration.days(1))


def test_refuses_what_eventbridge_would() -> None:
    with pytest.raises(ValueError, match="60"):
        RunSchedule(events.Schedule.cron(minute="60"))


def test_warns_of_runs_that_would_overlap(stack: Stack) -> None:
    schedule = RunSchedule(events.Schedule.rate(Duration.minutes(10)))
    schedule.warn_of_overlap(stack, max_runtime=Duration.minutes(15))
    Annotations.from_stack(stack).has_warning("/Stack", Match.string_like_regexp(OVERLAP))


def test_does_not_warn_of_runs_that_follow_each_other(stack: Stack) -> None:
    schedule = RunSchedule(events.Schedule.rate(Duration.minutes(15)))
    schedule.warn_of_overlap(stack, max_runtime=Duration.minutes(15))
    assert not Annotations.from_stack(stack).find_warning("/Stack", Match.any_value())
