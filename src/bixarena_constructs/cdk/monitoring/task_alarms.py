"""The alarms of a task, by the task's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bixarena_constructs.cdk.monitoring.delivery_alarms import DeliveryAlarms
from bixarena_constructs.cdk.monitoring.missed_run import MissedRunAlarm
from bixarena_constructs.cdk.monitoring.no_new_votes import NoNewVotesAlarm
from bixarena_constructs.cdk.monitoring.run_watch import RunWatch

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.cdk.monitoring.state_machine import RunMachine
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.monitoring.window import OutcomeWindow

__all__ = ["TaskAlarms", "define_alarms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAlarms:
    """The alarms of a task.

    Attributes:
        delivery: Those on starts that failed.
        watch: Those of the watch of each run.
        no_new_votes: On a newest vote that is too old, if it is asked for.
        missed_run: On no snapshot in time, unless it is left out.
    """

    delivery: DeliveryAlarms
    watch: RunWatch
    no_new_votes: cloudwatch.Alarm | None
    missed_run: cloudwatch.Alarm | None

    @property
    def all(self) -> tuple[cloudwatch.Alarm, ...]:
        """All that exist."""
        optional = (self.no_new_votes, self.missed_run)
        return (
            *self.delivery.alarms,
            *self.watch.alarms,
            *(alarm for alarm in optional if alarm is not None),
        )


def define_alarms(
    scope: Construct,
    *,
    task: WatchedTask,
    trigger: RunTrigger,
    settings: SnapshotMonitoring,
    window: OutcomeWindow | None,
    metrics: RunMetrics,
    machine: RunMachine,
    topic: sns.ITopic,
) -> TaskAlarms:
    """Define the alarms of a task.

    Args:
        scope: The construct that they are defined in.
        task: The task.
        trigger: What starts it.
        settings: What is watched of it.
        window: When a run that was due must have had an outcome; None if that is not checked.
        metrics: Where its runs are counted.
        machine: What watches them.
        topic: Where alerts go.

    Raises:
        ValueError: A length of time is out of range, or a token.
    """
    delivery = DeliveryAlarms(scope, "Delivery", name=task.name, trigger=trigger, topic=topic)
    missed_run = no_new_votes = None
    if window is not None:
        missed_run = MissedRunAlarm(
            scope,
            "MissedRun",
            name=task.name,
            trigger=trigger,
            window=window,
            machine=machine,
            metrics=metrics,
            topic=topic,
        )
    watch = RunWatch(
        scope,
        "Watch",
        task=task,
        machine=machine,
        metrics=metrics,
        stops=settings.stop_overdue,
        checks=None if missed_run is None else missed_run.checks,
        topic=topic,
    )
    if settings.no_new_votes is not None:
        no_new_votes = NoNewVotesAlarm(
            scope,
            "NoNewVotes",
            task=task,
            age=settings.no_new_votes,
            signals=settings.signals,
            metrics=metrics,
            topic=topic,
        )
    return TaskAlarms(
        delivery=delivery,
        watch=watch,
        no_new_votes=None if no_new_votes is None else no_new_votes.alarm,
        missed_run=None if missed_run is None else missed_run.alarm,
    )
