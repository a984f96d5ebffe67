"""What the state machine of a task does, by the task's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.cdk.monitoring.message import alert_part
from bixarena_constructs.cdk.monitoring.missed_run import missed_run_part
from bixarena_constructs.cdk.monitoring.retry import retry_part
from bixarena_constructs.cdk.monitoring.run_watch import watch_part
from bixarena_constructs.cdk.monitoring.state_machine import RunMachine

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.monitoring.window import OutcomeWindow

__all__ = ["define_machine"]


def define_machine(
    scope: Construct,
    *,
    task: WatchedTask,
    trigger: RunTrigger,
    settings: SnapshotMonitoring,
    window: OutcomeWindow | None,
    metrics: RunMetrics,
    topic: sns.ITopic,
) -> RunMachine:
    """Define the machine that alerts, watches, checks and starts again.

    Args:
        scope: The construct that it is defined in.
        task: The task.
        trigger: What starts it.
        settings: What is watched of it.
        window: When a run that was due must have had an outcome; None if that is not checked.
        metrics: Where its runs are counted.
        topic: Where alerts go.

    Raises:
        ValueError: A length of time is out of range, or a token.
    """
    retry_after = settings.retry_after
    alert = alert_part(
        task,
        topic=topic,
        started_by=trigger.started_by,
        retried_in=None if retry_after is None else retry_after.to_human_string(),
    )
    watch = watch_part(
        task,
        metrics=metrics,
        stops=settings.stop_overdue,
        # What is not to run is not checked.
        has_checks=window is not None and trigger.enabled,
    )
    # The first that takes an input has it, and of a failed run so does the retry's.
    parts = [alert, watch]
    if window is not None:
        parts.append(missed_run_part(window, metrics=metrics))
    if retry_after is not None:
        parts.append(retry_part(task, delay=retry_after))
    return RunMachine(scope, "Machine", name=task.name, parts=parts)
