"""Alarms on runs that the schedule could not even start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from bixarena_constructs.delivery_metrics import dead_letter_metric, rule_metric
from bixarena_constructs.monitoring.alarms import AlarmTrait, define_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.monitoring.watched_task import WatchedTask

__all__ = ["DeliveryAlarms"]


class DeliveryAlarms(Construct):
    """Tells of events that started no run, by what became of them.

    Attributes:
        alarms: On refused starts, on events in the dead-letter queue, and on events that did not
            even get there.
    """

    alarms: tuple[cloudwatch.Alarm, ...]

    def __init__(
        self, scope: Construct, construct_id: str, *, task: WatchedTask, topic: sns.ITopic
    ) -> None:
        """Define the alarms.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            topic: Who is told.
        """
        super().__init__(scope, construct_id)
        period = Duration.minutes(5)
        metrics = {
            "FailedInvocations": (
                rule_metric(task.event_rule, "FailedInvocations", period=period),
                "the schedule could not start a run.",
            ),
            "DeadLetters": (
                dead_letter_metric(task.dead_letter_queue, period=period),
                "EventBridge gave up on starting a run, the event is in the dead-letter queue.",
            ),
            "LostDeadLetters": (
                rule_metric(task.event_rule, "InvocationsFailedToBeSentToDlq", period=period),
                "EventBridge gave up on starting a run, and the dead-letter queue refused it.",
            ),
        }
        self.alarms = tuple(
            define_alarm(
                self,
                name,
                trait=AlarmTrait(
                    metric=metric,
                    comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                    evaluation_periods=1,
                    description=f"{task.name}: {what}",
                ),
                topic=topic,
            )
            for name, (metric, what) in metrics.items()
        )


publication.publish()
