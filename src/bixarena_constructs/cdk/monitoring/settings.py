"""The settings of a task's monitoring."""

from __future__ import annotations

from dataclasses import dataclass, field

import publication
from aws_cdk import Duration
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from bixarena_constructs.cdk.monitoring.worker_signals import WorkerSignals
from bixarena_constructs.cdk.prop_types import checked

__all__ = ["SnapshotMonitoring"]


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotMonitoring:
    """What is reported of a task: runs that failed, could not start, hung, or never happened.

    See docs/monitoring.md for what each part defines, costs, and cannot see.

    Attributes:
        email: Address that alerts are mailed to, once it has confirmed the subscription. Default:
            - none; a topic that nobody subscribes to alerts nobody.
        topic: Where alerts go. Where it is imported, its policy must let CloudWatch publish and,
            if it is of another account, the role of the monitoring's state machine; a key of it
            must let both use it. Default: - a new topic with a key of its own.
        signals: How to read the worker. Default: - as the reference worker.
        missed_run_alarm: Whether to report that no snapshot came in time. Default: True.
        stop_overdue: Whether a run that has not ended within ``max_runtime`` is stopped, as ECS
            has no limit of its own. Default: True.
        no_new_votes: Age of the newest vote from which on a run is reported, once until there are
            newer ones. Default: - never.
        longest_gap: Longest time between two runs, for a schedule that is a token.
            Default: - read from the schedule.
        retry_after: After what time a scheduled run that never started, was interrupted, or
            ended with a transient exit code is run again, once, for the same scheduled time.
            Default: - never.
        history_retention: How long the task's state changes are kept. Default: three months.
        dashboard: Whether to define a dashboard. Default: False.
    """

    email: str | None = None
    topic: sns.ITopic | None = None
    signals: WorkerSignals = field(default_factory=WorkerSignals)
    missed_run_alarm: bool = True
    stop_overdue: bool = True
    no_new_votes: Duration | None = None
    longest_gap: Duration | None = None
    retry_after: Duration | None = None
    history_retention: logs.RetentionDays | None = None
    dashboard: bool = False


publication.publish()
