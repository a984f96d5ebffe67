"""When the task runs."""

from __future__ import annotations

from typing import TypeAlias

import publication
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_events as events

__all__ = ["Schedule", "daily_at_ten", "rule_schedule"]

Schedule: TypeAlias = appscaling.Schedule | events.Schedule
"""Either of the CDK's two schedule classes; ScheduledFargateTask itself takes the first only."""


def daily_at_ten() -> appscaling.Schedule:
    """Return the schedule of BixArena's production: every day at 10:00 UTC."""
    return appscaling.Schedule.cron(hour="10", minute="0")


def rule_schedule(schedule: Schedule) -> appscaling.Schedule:
    """Return the schedule in the one type that ScheduledFargateTask takes.

    Args:
        schedule: Either of the CDK's two schedule classes; their expressions are the same.
    """
    if isinstance(schedule, appscaling.Schedule):
        return schedule
    return appscaling.Schedule.expression(schedule.expression_string)


publication.publish()
