"""How long there may be no snapshot before the missed-run alarm goes off."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk import durations
from bixarena_constructs.cdk.tokens import is_token

if TYPE_CHECKING:
    from aws_cdk import Duration

    from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger

__all__ = ["missed_run_hours", "seconds_of"]

# Period times evaluation periods of an alarm, CloudWatch User Guide, "Alarm evaluation".
_LONGEST_LOOK_BACK_HOURS: Final = 7 * 24
_WAY_OUT: Final = (
    "set missed_run_alarm=False in monitoring, and see docs/monitoring.md for what to do instead"
)


def missed_run_hours(
    trigger: RunTrigger, settings: SnapshotMonitoring, *, max_runtime: Duration
) -> int:
    """Return after how many hours without a snapshot a run must have been missed.

    That is the longest time between two runs, and how much later than an early run a late one may
    be done: the time that EventBridge tries to start it, the time that it may take, and the same
    again after the delay of a retry. Rounded up, and one more hour for what takes minutes: to
    pull an image, and to publish a metric.

    Args:
        trigger: What starts the task.
        settings: Its monitoring.
        max_runtime: How long a run may take.

    Raises:
        ValueError: CloudWatch does not look back so far, or a length of time is a token.
    """
    gap = _longest_gap(trigger, settings)
    late = seconds_of("max_event_age", trigger.max_delay)
    run = seconds_of("max_runtime", max_runtime)
    retried = 0.0
    if settings.retry_after is not None:
        retried = seconds_of("retry_after", settings.retry_after) + run
    hours = math.ceil((gap.total_seconds() + late + run + retried) / 3600) + 1
    if hours > _LONGEST_LOOK_BACK_HOURS:
        raise ValueError(
            f"schedule {trigger.expression} leaves up to {gap} between two runs, and "
            f"an alarm looks back {_LONGEST_LOOK_BACK_HOURS} hours where {hours} are needed; "
            f"{_WAY_OUT}"
        )
    return hours


def seconds_of(name: str, duration: Duration) -> float:
    """Return a prop's length of time in seconds.

    Args:
        name: The prop, for the error.
        duration: Its value.

    Raises:
        ValueError: It is a token.
    """
    seconds = durations.seconds_of(duration)
    if seconds is None:
        raise ValueError(f"{name} is a token, monitoring needs its value at synthesis")
    return seconds


def _longest_gap(trigger: RunTrigger, settings: SnapshotMonitoring) -> timedelta:
    known, given = trigger.longest_gap, settings.longest_gap
    if known is None:
        if given is None:
            of_schedule = (
                "schedule is a token"
                if is_token(trigger.expression)
                else f"the times of schedule {trigger.expression} are not known"
            )
            raise ValueError(
                f"{of_schedule}; set longest_gap in monitoring to the longest time between "
                f"two runs, or {_WAY_OUT}"
            )
        return timedelta(seconds=seconds_of("longest_gap", given))
    if given is not None:
        raise ValueError(
            f"longest_gap is for a schedule that is a token; {trigger.expression} leaves "
            f"up to {known}"
        )
    return known
