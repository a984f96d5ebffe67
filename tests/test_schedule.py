"""When the task runs."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_events as events

from bixarena_constructs.schedule import daily_at_ten, rule_schedule


def test_runs_every_day_at_ten_by_default() -> None:
    assert daily_at_ten().expression_string == "cron(0 10 * * ? *)"


def test_takes_the_schedule_of_an_events_rule() -> None:
    schedule = rule_schedule(events.Schedule.rate(Duration.hours(6)))
    assert isinstance(schedule, appscaling.Schedule)
    assert schedule.expression_string == "rate(6 hours)"


def test_leaves_an_application_auto_scaling_schedule_as_it_is() -> None:
    schedule = appscaling.Schedule.cron(hour="4", minute="30")
    assert rule_schedule(schedule) is schedule
