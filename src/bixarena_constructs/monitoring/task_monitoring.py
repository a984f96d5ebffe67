"""All parts of the monitoring of a task, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from constructs import Construct

from bixarena_constructs.monitoring.alert_topic import define_alert_topic, let_publish
from bixarena_constructs.monitoring.dashboard import TaskDashboard
from bixarena_constructs.monitoring.delivery_alarms import DeliveryAlarms
from bixarena_constructs.monitoring.failures import FailureRules
from bixarena_constructs.monitoring.hang import HangAlarm
from bixarena_constructs.monitoring.history import RunHistory
from bixarena_constructs.monitoring.missed_run import MissedRunAlarm
from bixarena_constructs.monitoring.retry import RunRetry
from bixarena_constructs.monitoring.run_metrics import OUTCOMES, RunMetrics

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.monitoring.watched_task import WatchedTask

__all__ = ["TaskMonitoring"]


class TaskMonitoring(Construct):
    """Tells a topic of failures, and of nothing else; see docs/monitoring.md.

    Attributes:
        topic: Where alerts go.
        history: Log group that keeps the state changes of all runs.
        alarms: All alarms.
        dashboard: The dashboard, if there is one.
    """

    topic: sns.ITopic
    history: logs.ILogGroup
    alarms: tuple[cloudwatch.Alarm, ...]
    dashboard: cloudwatch.Dashboard | None

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        settings: SnapshotMonitoring,
    ) -> None:
        """Define the monitoring.

        Args:
            scope: The construct that it is defined in.
            construct_id: Id below that scope.
            task: The task.
            settings: What its user wants.

        Raises:
            ValueError: A setting cannot work with the task's schedule or run time.
        """
        super().__init__(scope, construct_id)
        self.topic = settings.topic or define_alert_topic(self)
        self.history = RunHistory(
            self, "History", task=task, retention=settings.history_retention
        ).log_group
        metrics = RunMetrics(scope)
        metrics.record(
            self,
            "Outcome",
            log_group=task.log_group,
            pattern=settings.signals.outcome,
            metric_name=OUTCOMES,
            value=1,
        )
        failures = FailureRules(self, "Failures", task=task, settings=settings, topic=self.topic)
        self.alarms = self._define_alarms(task, settings, metrics)
        let_publish(self.topic, rules=failures.rules, alarms=self.alarms)
        if settings.retry_after is not None:
            RunRetry(self, "Retry", task=task, settings=settings, delay=settings.retry_after)
        self.dashboard = (
            TaskDashboard(
                self,
                "Dashboard",
                task=task,
                metrics=metrics,
                history=self.history,
                alarms=self.alarms,
            ).dashboard
            if settings.dashboard
            else None
        )

    def output_values(self) -> dict[str, str]:
        """Return the value of each output that tells of the monitoring."""
        return {
            "AlertTopicArn": self.topic.topic_arn,
            "AlarmNames": ",".join(alarm.alarm_name for alarm in self.alarms),
            "HistoryLogGroupName": self.history.log_group_name,
        }

    def _define_alarms(
        self, task: WatchedTask, settings: SnapshotMonitoring, metrics: RunMetrics
    ) -> tuple[cloudwatch.Alarm, ...]:
        delivery = DeliveryAlarms(self, "Delivery", task=task, topic=self.topic)
        hang = HangAlarm(
            self,
            "Hang",
            task=task,
            settings=settings,
            metrics=metrics,
            history=self.history,
            topic=self.topic,
        )
        alarms = (*delivery.alarms, hang.alarm)
        if not settings.missed_run_alarm:
            return alarms
        missed = MissedRunAlarm(
            self, "MissedRun", task=task, settings=settings, metrics=metrics, topic=self.topic
        )
        return (*alarms, missed.alarm)


publication.publish()
