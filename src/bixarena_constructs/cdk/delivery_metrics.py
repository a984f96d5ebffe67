"""Metrics of the events that start runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch

from bixarena_constructs.cdk.metric_options import require_metric_options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from aws_cdk import aws_sqs as sqs

    from bixarena_constructs.cdk.metric_options import MetricOptions

__all__ = ["MAXIMUM", "MINIMUM", "SUM", "DeliveryMetrics", "dead_letter_metric"]

# Of aws_cloudwatch.Stats, which asks Node.js for each.
MAXIMUM: Final = "Maximum"
MINIMUM: Final = "Minimum"
SUM: Final = "Sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMetrics:
    """What a service counts of the events that it sends to ECS.

    Attributes:
        namespace: Namespace of the service's metrics.
        dimensions: What distinguishes these events from others.
        starts_name: Metric of all starts.
        failed_starts_name: Metric of starts that ECS refused.
        lost_dead_letters_name: Metric of events that did not even reach the dead-letter queue.
    """

    namespace: str
    dimensions: Mapping[str, str]
    starts_name: str
    failed_starts_name: str
    lost_dead_letters_name: str

    @classmethod
    def of_rule(cls, rule_name: str) -> DeliveryMetrics:
        """Return what EventBridge counts of a rule."""
        return cls(
            namespace="AWS/Events",
            dimensions={"RuleName": rule_name},
            starts_name="Invocations",
            failed_starts_name="FailedInvocations",
            lost_dead_letters_name="InvocationsFailedToBeSentToDlq",
        )

    @classmethod
    def of_schedule_group(cls, group_name: str) -> DeliveryMetrics:
        """Return what EventBridge Scheduler counts of a group; it counts no single schedule."""
        return cls(
            namespace="AWS/Scheduler",
            dimensions={"ScheduleGroup": group_name},
            starts_name="InvocationAttemptCount",
            failed_starts_name="TargetErrorCount",
            lost_dead_letters_name="InvocationsFailedToBeSentToDeadLetterCount",
        )

    def starts(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many runs were asked for."""
        return self._metric(self.starts_name, options)

    def failed_starts(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many runs ECS refused to start; there is no data without one."""
        return self._metric(self.failed_starts_name, options)

    def lost_dead_letters(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many events were dropped because the dead-letter queue refused them."""
        return self._metric(self.lost_dead_letters_name, options)

    def _metric(self, name: str, options: MetricOptions) -> cloudwatch.Metric:
        require_metric_options(options)
        merged: MetricOptions = {
            "dimensions_map": dict(self.dimensions),
            "statistic": SUM,
            **options,
        }
        return cloudwatch.Metric(namespace=self.namespace, metric_name=name, **merged)


def dead_letter_metric(queue: sqs.IQueue, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
    """Return how many events lie in a dead-letter queue.

    Args:
        queue: The queue.
        **options: Options of the metric.
    """
    require_metric_options(options)
    merged: MetricOptions = {"statistic": MAXIMUM, **options}
    return queue.metric_approximate_number_of_messages_visible(**merged)
