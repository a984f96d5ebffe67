"""Who watches: all parts of the monitoring of a task, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import publication
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from bixarena_constructs.cdk.claims import Claim, ClaimsCheck, add_claims
from bixarena_constructs.cdk.metric_options import MetricOptions
from bixarena_constructs.cdk.monitoring.alert_topic import (
    define_alert_topic,
    let_publish,
    require_standard_topic,
)
from bixarena_constructs.cdk.monitoring.dashboard import TaskDashboard
from bixarena_constructs.cdk.monitoring.failure_causes import failure_causes
from bixarena_constructs.cdk.monitoring.failures import FailureRules
from bixarena_constructs.cdk.monitoring.history import RunHistory
from bixarena_constructs.cdk.monitoring.retry import RunRetry
from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
from bixarena_constructs.cdk.monitoring.subscribers import warn_without_subscriber
from bixarena_constructs.cdk.monitoring.task_alarms import define_alarms
from bixarena_constructs.cdk.monitoring.task_machine import define_machine
from bixarena_constructs.cdk.monitoring.trigger import RunTrigger
from bixarena_constructs.cdk.monitoring.watched_task import Monitorable, WatchedTask
from bixarena_constructs.cdk.monitoring.window import OutcomeWindow
from bixarena_constructs.cdk.monitoring.worker_signals import (
    REFERENCE_EXIT_CODES,
    reference_outcome,
    warn_of_other_signals,
)
from bixarena_constructs.cdk.neighbours import require_near
from bixarena_constructs.cdk.outputs import add_outputs
from bixarena_constructs.cdk.prop_types import checked
from bixarena_constructs.cdk.synthesis_checks import Checks
from bixarena_constructs.cdk.tokens import read, stack_of
from bixarena_constructs.deployment import Metric, Output

if TYPE_CHECKING:
    from aws_cdk import aws_logs as logs

    from bixarena_constructs.cdk.monitoring.worker_signals import WorkerSignals


__all__ = ["TaskMonitoring"]


class TaskMonitoring(Construct):
    """Reports failures of any scheduled Fargate task to a topic; see docs/monitoring.md.

    A `ScheduledSnapshotTask` defines it for itself where it is given ``monitoring``. Everything
    else that runs on Fargate by a rule or a schedule is watched by one of its own:

    - a `SnapshotTask` on an ``aws_scheduler.Schedule``:
      ``TaskMonitoring(self, "Monitoring", task=task, trigger=schedule)``
    - a bare ``ScheduledFargateTask``:
      ``TaskMonitoring(self, "Monitoring", task=pattern, max_runtime=Duration.minutes(5))``
    - any ``FargateTaskDefinition`` with the rule or the schedule that starts it.

    A task that is not the reference worker needs ``signals`` in its settings.

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

    @checked
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: Monitorable,
        trigger: events.Rule | scheduler.Schedule | None = None,
        max_runtime: Duration | None = None,
        settings: SnapshotMonitoring | None = None,
    ) -> None:
        """Define the monitoring.

        Args:
            scope: The construct that it is defined in.
            construct_id: Id below that scope.
            task: What runs. Its container must log to CloudWatch.
            trigger: The rule or the schedule that starts it.
                Default: - the rule of a `ScheduledSnapshotTask` or a ``ScheduledFargateTask``.
            max_runtime: How long a run may take.
                Default: - that of a `SnapshotTask`; any other task needs one.
            settings: What to watch, and where alerts go. Default: - that of the reference worker.

        Raises:
            TypeError: The trigger is neither a rule nor a schedule of the app.
            ValueError: Something is missing, or cannot work with the schedule or the run time.
        """
        super().__init__(scope, construct_id)
        settings = settings or SnapshotMonitoring()
        starts = RunTrigger.of_task(self, task, trigger)
        watched = WatchedTask.of(self, task, max_runtime=max_runtime, trigger=starts)
        warn_of_other_signals(self, settings.signals, watched.worker)
        self._claim(task, watched, settings.signals)
        codes = settings.signals.exit_codes
        causes = failure_causes(
            REFERENCE_EXIT_CODES if codes is None else codes,
            container_name=watched.runs.container_name,
            stops_overdue=settings.stop_overdue,
        )
        self._metrics = RunMetrics(task)
        self.topic = self._topic_of(settings)
        self.history = RunHistory(
            self,
            "History",
            name=watched.name,
            runs=watched.runs,
            retention=settings.history_retention,
        ).log_group
        self._metrics.record(
            self,
            "Outcome",
            log_group=watched.log_group,
            pattern=settings.signals.outcome or reference_outcome(watched.leaderboard_slug),
            metric_name=Metric.OUTCOMES,
            value=1,
        )
        window = (
            OutcomeWindow.of(starts, settings, max_runtime=watched.max_runtime)
            if settings.missed_run_alarm
            else None
        )
        machine = define_machine(
            self,
            task=watched,
            trigger=starts,
            settings=settings,
            window=window,
            metrics=self._metrics,
            topic=self.topic,
        )
        FailureRules(self, "Failures", task=watched, causes=causes, machine=machine)
        self._alarms = define_alarms(
            self,
            task=watched,
            trigger=starts,
            settings=settings,
            window=window,
            metrics=self._metrics,
            machine=machine,
            topic=self.topic,
        )
        self.alarms = self._alarms.all
        let_publish(self, self.topic, is_own=settings.topic is None, alarms=self.alarms)
        if settings.retry_after is not None:
            RunRetry(
                self,
                "Retry",
                task=watched,
                causes=causes,
                started_by=starts.started_by,
                machine=machine,
            )
        self.dashboard = self._define_dashboard(watched, starts) if settings.dashboard else None
        if settings.email is None:
            warn_without_subscriber(read(watched.task_definition, "stack"), self.topic)
        self._add_outputs(task)

    @property
    def dead_letters_alarm(self) -> cloudwatch.Alarm | None:
        """On events in the dead-letter queue; None if the trigger has no queue."""
        return self._alarms.delivery.dead_letters

    @property
    def failed_invocations_alarm(self) -> cloudwatch.Alarm | None:
        """On runs that could not be started; None for a schedule in the default group."""
        return self._alarms.delivery.failed_invocations

    @property
    def hang_alarm(self) -> cloudwatch.Alarm:
        """On a run that is past its deadline and was not stopped."""
        return self._alarms.watch.hang_alarm

    @property
    def lost_dead_letters_alarm(self) -> cloudwatch.Alarm | None:
        """On events that the dead-letter queue refused.

        None where ``dead_letters_alarm`` or ``failed_invocations_alarm`` is.
        """
        return self._alarms.delivery.lost_dead_letters

    @property
    def missed_run_alarm(self) -> cloudwatch.Alarm | None:
        """On no snapshot in time; None if the settings have ``missed_run_alarm=False``."""
        return self._alarms.missed_run

    @property
    def no_new_votes_alarm(self) -> cloudwatch.Alarm | None:
        """On a newest vote that is too old; None without ``no_new_votes`` in the settings."""
        return self._alarms.no_new_votes

    @property
    def watch_failed_alarm(self) -> cloudwatch.Alarm:
        """On a run that was not watched, not checked, or not started again."""
        return self._alarms.watch.failed_alarm

    @checked
    def metric_outcomes(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how many runs came to a good end.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the sum over 5 minutes.
        """
        return self._metrics.metric(Metric.OUTCOMES, **options)

    @checked
    def metric_overdue_runs(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return whether a run is past its deadline and still there, 1; else there is no data.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the maximum over 5
                minutes.
        """
        return self._metrics.metric(Metric.OVERDUE, **options)

    @checked
    def metric_without_new_votes(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return whether a run found no new votes, 1, or new ones, 0, with ``no_new_votes`` set.

        Args:
            **options: Those of ``aws_cloudwatch.MetricOptions``. Default: the maximum over 5
                minutes.
        """
        return self._metrics.metric(Metric.WITHOUT_NEW_VOTES, **options)

    def _claim(self, task: Monitorable, watched: WatchedTask, signals: WorkerSignals) -> None:
        log_group_name = read(watched.log_group, "log_group_name")
        claims = [Claim("family", (watched.runs.cluster_arn, watched.runs.family))]
        # Without a pattern that of the reference worker is read.
        own = () if signals.outcome is None else (signals.outcome.log_pattern_string,)
        claims.append(Claim("log_group", (log_group_name, *own)))
        add_claims(task, claims)
        if isinstance(task, ecs_patterns.ScheduledFargateTask | ecs.FargateTaskDefinition):
            self.node.add_validation(Checks(ClaimsCheck(task)))

    def _topic_of(self, settings: SnapshotMonitoring) -> sns.ITopic:
        if settings.topic is not None:
            require_near(stack_of(self), "topic", settings.topic)
            require_standard_topic(settings.topic)
        topic = settings.topic or define_alert_topic(self)
        if settings.email is not None:
            sns.Subscription(
                self,
                "Email",
                topic=topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=settings.email,
            )
        return topic

    def _add_outputs(self, task: Monitorable) -> None:
        add_outputs(
            task,
            {
                Output.ALERT_TOPIC_ARN: read(self.topic, "topic_arn"),
                Output.ALARM_NAMES: ",".join(read(alarm, "alarm_name") for alarm in self.alarms),
                Output.HISTORY_LOG_GROUP_NAME: read(self.history, "log_group_name"),
            },
        )

    def _define_dashboard(self, task: WatchedTask, trigger: RunTrigger) -> cloudwatch.Dashboard:
        return TaskDashboard(
            self,
            "Dashboard",
            name=task.name,
            trigger=trigger,
            log_group=task.log_group,
            metrics=self._metrics,
            history=self.history,
            alarms=self.alarms,
        ).dashboard


publication.publish()
