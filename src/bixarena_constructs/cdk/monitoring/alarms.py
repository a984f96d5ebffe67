"""How the alarms of a task are defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_sns as sns

from bixarena_constructs.cdk.monitoring.message import TROUBLESHOOTING

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["AlarmTrait", "define_alarm"]

# One action for all alarms of a topic.
_ACTIONS: WeakKeyDictionary[sns.ITopic, cloudwatch_actions.SnsAction] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmTrait:
    """When an alarm goes off, and its description.

    Attributes:
        metric: What it looks at.
        comparison: How a bad data point compares with the threshold of 1.
        evaluation_periods: How many data points in a row must be bad.
        description: What happened and what to do, the first words of the message.
        missing: What a period without data counts as.
        is_active: Whether it notifies the topic.
    """

    metric: cloudwatch.IMetric
    comparison: cloudwatch.ComparisonOperator
    evaluation_periods: int
    description: str
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING
    is_active: bool = True


def define_alarm(
    scope: Construct, construct_id: str, *, trait: AlarmTrait, topic: sns.ITopic
) -> cloudwatch.Alarm:
    """Define an alarm that notifies a topic when it goes off, and not when it returns to OK.

    Args:
        scope: The construct that it is defined in.
        construct_id: Id below that scope.
        trait: When it goes off.
        topic: Where alerts go.
    """
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        metric=trait.metric,
        comparison_operator=trait.comparison,
        threshold=1,
        evaluation_periods=trait.evaluation_periods,
        datapoints_to_alarm=trait.evaluation_periods,
        treat_missing_data=trait.missing,
        alarm_description=f"{trait.description} See {TROUBLESHOOTING}",
        actions_enabled=trait.is_active,
    )
    if topic not in _ACTIONS:
        _ACTIONS[topic] = cloudwatch_actions.SnsAction(topic)
    alarm.add_alarm_action(_ACTIONS[topic])
    return alarm
