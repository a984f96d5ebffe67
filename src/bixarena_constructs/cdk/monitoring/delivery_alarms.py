"""Alarms on runs that the schedule could not start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from bixarena_constructs.cdk.delivery_metrics import dead_letter_metric
from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.cdk.monitoring.alarms import AlarmTrait, define_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger

__all__ = ["DeliveryAlarms"]

_DESCRIPTIONS: Final = {
    "FailedInvocations": "the schedule could not start a run.",
    "DeadLetters": (
        "EventBridge gave up on starting a run, the event is in the dead-letter queue."
    ),
    "LostDeadLetters": (
        "EventBridge gave up on starting a run, and the dead-letter queue refused it."
    ),
}


class DeliveryAlarms(Construct):
    """Reports events that started no run, by where they ended.

    Attributes:
        failed_invocations: On refused starts, where the service counts them for this task.
        dead_letters: On events in the dead-letter queue, where there is one.
        lost_dead_letters: On events that did not even get there.
        alarms: All that there are.
    """

    failed_invocations: cloudwatch.Alarm | None
    dead_letters: cloudwatch.Alarm | None
    lost_dead_letters: cloudwatch.Alarm | None
    alarms: tuple[cloudwatch.Alarm, ...]

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        trigger: RunTrigger,
        topic: sns.ITopic,
    ) -> None:
        """Define the alarms.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            name: Name of the task.
            trigger: What starts it.
            topic: Where alerts go.
        """
        super().__init__(scope, construct_id)
        alarms = {
            construct_id: define_alarm(
                self,
                construct_id,
                trait=AlarmTrait(
                    metric=metric,
                    comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                    evaluation_periods=1,
                    description=f"{name}: {_DESCRIPTIONS[construct_id]}",
                ),
                topic=topic,
            )
            for construct_id, metric in _metrics_of(trigger).items()
        }
        self.failed_invocations = alarms.get("FailedInvocations")
        self.dead_letters = alarms.get("DeadLetters")
        self.lost_dead_letters = alarms.get("LostDeadLetters")
        self.alarms = tuple(alarms.values())


def _metrics_of(trigger: RunTrigger) -> dict[str, cloudwatch.Metric]:
    period, metrics = duration_of(300), trigger.metrics
    found = {}
    if metrics is not None:
        found["FailedInvocations"] = metrics.failed_starts(period=period)
    if trigger.dead_letter_queue is not None:
        found["DeadLetters"] = dead_letter_metric(trigger.dead_letter_queue, period=period)
        if metrics is not None:
            found["LostDeadLetters"] = metrics.lost_dead_letters(period=period)
    return found
