"""Metrics of a task's runs, recorded from its log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

from bixarena_constructs.cdk.delivery_metrics import MAXIMUM, SUM
from bixarena_constructs.cdk.metric_options import require_metric_options
from bixarena_constructs.cdk.tokens import is_token, path_below, read, stack_of
from bixarena_constructs.deployment import Metric, metric_namespace

if TYPE_CHECKING:
    from typing import Unpack

    from constructs import Construct, IConstruct

    from bixarena_constructs.cdk.metric_options import MetricOptions

__all__ = ["RunMetrics"]

# What CloudWatch takes and CloudWatch Logs does, in a metric filter.
_NAMESPACE: Final = re.compile(r"(?:(?![:*$])[ -~]){1,255}")


class RunMetrics:
    """Metrics of one task, in a namespace of their own, since log lines do not name their task.

    Attributes:
        namespace: That namespace.
    """

    def __init__(self, scope: IConstruct) -> None:
        """Name the namespace.

        Args:
            scope: A construct that no other task shares.

        Raises:
            ValueError: CloudWatch would refuse the namespace.
        """
        stack = stack_of(scope)
        self.namespace = metric_namespace(read(stack, "stack_name"), path_below(stack, scope))
        if not _NAMESPACE.fullmatch(self.namespace) and not is_token(self.namespace):
            raise ValueError(
                f"construct_id of {scope.node.path} makes the metrics' namespace "
                f"{self.namespace!r}, of {len(self.namespace)} characters; it must be 1 to 255 of "
                "ASCII without ':', '*' and '$': choose shorter or plainer ids"
            )

    def metric(self, name: Metric, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return a metric.

        Args:
            name: The metric.
            **options: Options of the metric. Default: the maximum, and of outcomes the sum.
        """
        require_metric_options(options)
        merged: MetricOptions = {
            "statistic": SUM if name is Metric.OUTCOMES else MAXIMUM,
            **options,
        }
        return cloudwatch.Metric(namespace=self.namespace, metric_name=name, **merged)

    def put_statement(self) -> dict[str, object]:
        """Return what it takes to write data points, as a statement of a policy."""
        return {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            # A metric has no ARN; its namespace is all that limits it.
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": self.namespace}},
        }

    def record(
        self,
        scope: Construct,
        construct_id: str,
        *,
        log_group: logs.ILogGroup,
        pattern: logs.IFilterPattern,
        metric_name: Metric,
        value: int,
    ) -> None:
        """Define a filter that records a value for each log line of a pattern.

        Args:
            scope: The construct that it is defined in.
            construct_id: Id below that scope.
            log_group: Where the line is.
            pattern: Which line it is.
            metric_name: The metric.
            value: The value.
        """
        logs.MetricFilter(
            scope,
            construct_id,
            log_group=log_group,
            filter_pattern=pattern,
            metric_namespace=self.namespace,
            metric_name=metric_name,
            metric_value=str(value),
        )
