"""The alarm that the arena gets no new votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.cdk.monitoring.alarms import AlarmTrait, define_alarm
from bixarena_constructs.cdk.monitoring.window import seconds_of
from bixarena_constructs.cdk.monitoring.worker_signals import reference_no_new_votes
from bixarena_constructs.deployment import Metric

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.monitoring.worker_signals import WorkerSignals

__all__ = ["NoNewVotesAlarm"]

_PERIOD_SECONDS: Final = 300


class NoNewVotesAlarm(Construct):
    """Goes off after a run whose newest vote is too old, and ends after one with new votes.

    Between runs it stays as the last one left it, so it notifies once.

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
        age: Duration,
        signals: WorkerSignals,
        metrics: RunMetrics,
        topic: sns.ITopic,
    ) -> None:
        """Define the alarm and the metric that it looks at.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            age: Age of the newest vote from which on there are no new ones.
            signals: How to read its worker.
            metrics: Where the runs are counted.
            topic: Where alerts go.

        Raises:
            ValueError: The age is 0 or a token, or the worker writes other log lines.
        """
        super().__init__(scope, construct_id)
        seconds = int(seconds_of("no_new_votes", age))
        if seconds < 1:
            raise ValueError("no_new_votes is 0; it must be a second or longer")
        if signals.outcome is not None:
            raise ValueError(
                "no_new_votes reads the last line of this library's worker, and signals names "
                "that of another; leave one of them out"
            )
        for name, pattern, value in zip(
            ("Without", "With"), reference_no_new_votes(seconds), (1, 0), strict=True
        ):
            metrics.record(
                self,
                name,
                log_group=task.log_group,
                pattern=pattern,
                metric_name=Metric.WITHOUT_NEW_VOTES,
                value=value,
            )
        self.alarm = define_alarm(
            self,
            "Alarm",
            trait=AlarmTrait(
                metric=metrics.metric(
                    Metric.WITHOUT_NEW_VOTES, period=duration_of(_PERIOD_SECONDS)
                ),
                comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                evaluation_periods=1,
                description=(
                    f"{task.name}: no new votes. The last run counted none that is younger than "
                    f"{age.to_human_string()}, or could not see when they were cast."
                ),
                missing=cloudwatch.TreatMissingData.IGNORE,
            ),
            topic=topic,
        )
