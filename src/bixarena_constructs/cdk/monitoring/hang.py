"""The alarm on a run that started and does not end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from bixarena_constructs.cdk.delivery_metrics import MINIMUM
from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.cdk.monitoring.alarms import AlarmTrait, define_alarm
from bixarena_constructs.cdk.monitoring.window import seconds_of
from bixarena_constructs.cdk.monitoring.worker_signals import reference_end, reference_start
from bixarena_constructs.deployment import Metric

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.monitoring.worker_signals import WorkerSignals

__all__ = ["HangAlarm", "hang_periods"]

_PERIOD_SECONDS: Final = 300
# Period times evaluation periods of an alarm with periods below an hour, CloudWatch User Guide.
_LONGEST_LOOK_BACK_SECONDS: Final = 24 * 3600


def hang_periods(max_runtime: Duration) -> int:
    """Return after how many periods of 5 minutes a run that is still under way hangs.

    It is one period more than a run may take, since a window begins anywhere within its first
    period, and one for the worker to end and the metric to arrive.

    Args:
        max_runtime: How long a run may take.

    Raises:
        ValueError: CloudWatch does not look back so far, or it is a token.
    """
    periods = math.ceil(seconds_of("max_runtime", max_runtime) / _PERIOD_SECONDS) + 2
    if periods * _PERIOD_SECONDS > _LONGEST_LOOK_BACK_SECONDS:
        raise ValueError(
            f"max_runtime is {max_runtime.to_human_string()}; with monitoring it must be at most "
            "23 hours and 50 minutes, since the alarm on a run that hangs looks back a day"
        )
    return periods


class HangAlarm(Construct):
    """Goes off when the last signal of any run is its start, and that was too long ago.

    A run ends with the worker's last line. A worker that was killed writes none; then the stop
    of its task in the history is the end.

    Attributes:
        alarm: The alarm.
    """

    alarm: cloudwatch.Alarm

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        signals: WorkerSignals,
        metrics: RunMetrics,
        history: logs.ILogGroup,
        topic: sns.ITopic,
    ) -> None:
        """Define the alarm and the metric that it looks at.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            signals: How to read its worker.
            metrics: Where starts and ends are recorded.
            history: Log group of the task's state changes.
            topic: Where alerts go.

        Raises:
            ValueError: ``max_runtime`` is too long for an alarm, or a token.
        """
        super().__init__(scope, construct_id)
        stopped = logs.FilterPattern.string_value("$.detail.lastStatus", "=", "STOPPED")
        for name, log_group, pattern, value in (
            ("Started", task.log_group, signals.started or reference_start(), 1),
            ("Ended", task.log_group, signals.ended or reference_end(), 0),
            ("Stopped", history, stopped, 0),
        ):
            metrics.record(
                self,
                name,
                log_group=log_group,
                pattern=pattern,
                metric_name=Metric.UNDER_WAY,
                value=value,
            )
        self.alarm = define_alarm(
            self,
            "Alarm",
            trait=AlarmTrait(
                metric=_last_signal(metrics),
                comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                evaluation_periods=hang_periods(task.max_runtime),
                description=(
                    f"{task.name}: a run started and did not end within "
                    f"{task.max_runtime.to_human_string()}. Fargate bills it until it is stopped."
                ),
            ),
            topic=topic,
        )


def _last_signal(metrics: RunMetrics) -> cloudwatch.MathExpression:
    period = duration_of(_PERIOD_SECONDS)
    # A start and an end in one period are a run that ended: the minimum.
    last_signal = metrics.metric(Metric.UNDER_WAY, statistic=MINIMUM, period=period)
    return cloudwatch.MathExpression(
        expression="FILL(heard, REPEAT)",
        using_metrics={"heard": last_signal},
        label="a run is under way",
        period=period,
    )
