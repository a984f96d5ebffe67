"""When the task runs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from aws_cdk import Annotations, Duration
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_events as events

from bixarena_constructs.aws.schedule_expression import (
    UncertainScheduleError,
    parse_expression,
)
from bixarena_constructs.cdk.durations import seconds_of
from bixarena_constructs.cdk.tokens import is_looked_up, is_token

if TYPE_CHECKING:
    from datetime import timedelta

    from constructs import Construct

__all__ = ["RunSchedule", "Schedule"]

# BixArena's own hour.
_DAILY_AT_TEN: Final = "cron(0 10 * * ? *)"

Schedule: TypeAlias = appscaling.Schedule | events.Schedule
"""Either of the CDK's two schedule classes; ScheduledFargateTask itself takes the first only."""


class RunSchedule:
    """A schedule that EventBridge takes, with what the rest of the construct needs of it.

    Attributes:
        expression: The schedule expression; times are in UTC.
        shortest_gap: Shortest time between two runs; None if that is not known here.
        longest_gap: Longest time between two runs; None if that is not known here.
        doubt: Why it is not known of an expression that EventBridge may take.
    """

    expression: str
    shortest_gap: timedelta | None
    longest_gap: timedelta | None
    doubt: str | None = None

    def __init__(self, schedule: Schedule | None) -> None:
        """Check a schedule.

        Args:
            schedule: The user's choice. Default: every day at 10:00 UTC.

        Raises:
            TypeError: It is of another class, which may carry a time zone.
            ValueError: EventBridge would refuse the expression, or it happens only once.
        """
        if schedule is not None:
            _require_schedule(schedule)
        self.expression = _DAILY_AT_TEN if schedule is None else schedule.expression_string
        if is_looked_up(self.expression):
            # The template of this synthesis is not deployed.
            self.expression = _DAILY_AT_TEN
        self.shortest_gap = self.longest_gap = None
        if is_token(self.expression):
            return
        try:
            parsed = parse_expression(self.expression)
        except UncertainScheduleError as error:
            self.doubt = str(error)
            return
        self.shortest_gap = parsed.shortest_gap
        self.longest_gap = parsed.longest_gap

    def for_pattern(self) -> appscaling.Schedule:
        """Return the schedule in the one type that ScheduledFargateTask takes."""
        return _for_pattern(self.expression)

    def warn(self, scope: Construct, *, max_runtime: Duration) -> None:
        """Warn of a doubt, and where a run may still be under way when the next one starts.

        Args:
            scope: The construct that the warning is attached to.
            max_runtime: How long a run may take.
        """
        if self.doubt is not None:
            Annotations.of(scope).add_warning_v2(
                "bixarena-constructs:uncertainSchedule",
                f"{self.doubt}; try it in EventBridge before you deploy it, or write it as a list",
            )
        longest_run = seconds_of(max_runtime)
        if self.shortest_gap is None or longest_run is None:
            return
        if self.shortest_gap.total_seconds() < longest_run:
            Annotations.of(scope).add_warning_v2(
                "bixarena-constructs:overlappingRuns",
                f"schedule {self.expression} (UTC) starts a run after {self.shortest_gap}, and a "
                f"run may take {max_runtime.to_human_string()}: runs would wait for each other; "
                "choose a longer interval or a shorter max_runtime",
            )


@lru_cache
def _for_pattern(expression: str) -> appscaling.Schedule:
    return appscaling.Schedule.expression(expression)


def _require_schedule(schedule: object) -> None:
    # By class, not by attribute: other classes of the CDK have an `expression_string` too, which
    # leaves out their time zone or is not in EventBridge's form.
    if isinstance(schedule, appscaling.Schedule | events.Schedule):
        return
    raise TypeError(
        f"schedule is {_described(schedule)}; it must be an aws_applicationautoscaling.Schedule "
        "or an aws_events.Schedule, whose times are in UTC; for a time zone, define the task as "
        "SnapshotTask(...) and give its schedule_target() to an aws_scheduler.Schedule"
    )


def _described(value: object) -> str:
    if isinstance(value, str):
        return f"the text {value!r}"
    # Python sees a proxy of the CDK's class, as in aws-cdk-lib.aws_scheduler.ScheduleExpression.
    jsii_name = str(getattr(value, "__jsii_type__", type(value).__qualname__))
    zone = getattr(value, "time_zone", None)
    return f"of class {jsii_name.removeprefix('aws-cdk-lib.')}" + (
        "" if zone is None else f" in the time zone {zone.timezone_name}"
    )
