"""Alarms on runs that the schedule could not even start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

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
        metrics = {
            "FailedInvocations": (
                _rule_metric(task, "FailedInvocations"),
                "the schedule could not start a run.",
            ),
            "DeadLetters": (
                task.dead_letter_queue.metric_approximate_number_of_messages_visible(
                    period=Duration.minutes(5), statistic=cloudwatch.Stats.MAXIMUM
                ),
                "EventBridge gave up on starting a run, the event is in the dead-letter queue.",
            ),
            "LostDeadLetters": (
                _rule_metric(task, "InvocationsFailedToBeSentToDlq"),
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


def _rule_metric(task: WatchedTask, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name=name,
        dimensions_map={"RuleName": task.event_rule.rule_name},
        statistic=cloudwatch.Stats.SUM,
        period=Duration.minutes(5),
    )


publication.publish()
