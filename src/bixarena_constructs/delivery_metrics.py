"""What AWS counts of the schedule's events, whether a run came of them or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_events as events
    from aws_cdk import aws_sqs as sqs

__all__ = ["dead_letter_metric", "rule_metric"]


def rule_metric(
    rule: events.IRule, name: str, *, period: Duration | None, label: str | None = None
) -> cloudwatch.Metric:
    """Return what EventBridge counts of a rule.

    Args:
        rule: The rule.
        name: Metric of the namespace ``AWS/Events``.
        period: Length of a data point; None for the CDK's own 5 minutes.
        label: What a graph calls it; None for the metric's name.
    """
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name=name,
        dimensions_map={"RuleName": rule.rule_name},
        statistic=cloudwatch.Stats.SUM,
        period=period,
        label=label,
    )


def dead_letter_metric(queue: sqs.IQueue, *, period: Duration | None) -> cloudwatch.Metric:
    """Return how many events lie in a dead-letter queue.

    Args:
        queue: The queue.
        period: Length of a data point; None for the CDK's own 5 minutes.
    """
    return queue.metric_approximate_number_of_messages_visible(
        period=period, statistic=cloudwatch.Stats.MAXIMUM
    )


publication.publish()
