"""When a run that is due must have had an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk import durations

if TYPE_CHECKING:
    from aws_cdk import Duration

    from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger

__all__ = ["OutcomeWindow", "seconds_of"]

# To pull an image, to end a run that is overdue, and to publish a metric.
_ALLOWANCE_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeWindow:
    """When to look for an outcome, in seconds after a time at which a run is due.

    Attributes:
        start: Outcomes before it are of an earlier run.
        end: A later outcome is of a later run.
    """

    start: int
    end: int

    @classmethod
    def of(
        cls, trigger: RunTrigger, settings: SnapshotMonitoring, *, max_runtime: Duration
    ) -> OutcomeWindow:
        """Return the window of a task.

        A run may start as late as EventBridge tries, take as long as it may, and both again for a
        second attempt. That is all for a cron expression. The check of a ``rate`` runs on a clock
        of its own, which ticks with that of the runs, a little before or after: its window begins
        half an interval later and holds one run, the next. So it is with a token, of which only
        the longest time between two runs is known.

        Args:
            trigger: What starts the task.
            settings: Its monitoring.
            max_runtime: How long a run may take.

        Raises:
            ValueError: A length of time is a token, or is missing for an expression that is one.
        """
        run = seconds_of("max_runtime", max_runtime)
        late = seconds_of("max_event_age", trigger.max_delay) + run + _ALLOWANCE_SECONDS
        if settings.retry_after is not None:
            late += seconds_of("retry_after", settings.retry_after) + run
        interval = _interval(trigger, settings)
        return cls(start=int(interval / 2), end=int(interval * 3 / 2 + late))


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
        raise ValueError(f"{name} is a token; monitoring needs its value at synthesis")
    return seconds


def _interval(trigger: RunTrigger, settings: SnapshotMonitoring) -> float:
    """Return the seconds between two runs where their times are not known; 0 where they are."""
    known, given = trigger.longest_gap, settings.longest_gap
    # A check on the same cron expression needs no gap; a `rate` ticks on a clock of its own.
    if trigger.expression.startswith("cron("):
        gap = 0.0
    elif known is not None:
        gap = known.total_seconds()
    elif given is not None:
        return seconds_of("longest_gap", given)
    else:
        raise ValueError(
            "schedule is a token; set longest_gap in monitoring to the longest time between two "
            "runs, or set missed_run_alarm=False"
        )
    if given is not None:
        raise ValueError(
            f"longest_gap is for a schedule that is a token, not for {trigger.expression}; leave "
            "it out"
        )
    return gap
