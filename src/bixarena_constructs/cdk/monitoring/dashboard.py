"""The dashboard of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.deployment import Metric
from bixarena_constructs.worker.contract import Event, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_logs as logs

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger

__all__ = ["TaskDashboard"]

_FULL_WIDTH: Final = 24
_HALF_WIDTH: Final = 12
_HEIGHT: Final = 6

# The worker's log lines hold more than metrics could, each at 30 cents a month and board.
_DURATIONS: Final = (
    f"fields @timestamp, {Field.SECONDS}, {Field.SNAPSHOTS_PUBLISHED}",
    f"filter {Field.EVENT} = '{Event.RUN_FINISHED}'",
    (
        f"stats max({Field.SECONDS}) as seconds, "
        f"sum({Field.SNAPSHOTS_PUBLISHED}) as snapshots by bin(1d)"
    ),
)
_BOARDS: Final = (
    f"filter {Field.EVENT} = '{Event.BOARD_RANKED}'",
    (
        f"stats latest({Field.VOTES}) as votes, latest({Field.MODELS}) as models "
        f"by {Field.LEADERBOARD}"
    ),
    f"sort {Field.LEADERBOARD} asc",
)
_ERRORS: Final = (
    (
        f"fields @timestamp, {Field.EVENT}, {Field.LEADERBOARD}, {Field.CAUSE}, "
        f"{Field.EXIT_CODE}, {Field.ERROR}"
    ),
    f"filter {Field.LEVEL} = 'error'",
    "sort @timestamp desc",
    "limit 20",
)
_ENDS: Final = (
    "fields time, detail.stopCode as stop, detail.stoppedReason as reason, detail.taskArn as task",
    "filter detail.lastStatus = 'STOPPED'",
    "sort @timestamp desc",
    "limit 20",
)


class TaskDashboard(Construct):
    """Shows alarms, starts, outcomes, durations, board sizes and the last errors.

    Attributes:
        dashboard: The dashboard.
    """

    dashboard: cloudwatch.Dashboard

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        trigger: RunTrigger,
        log_group: logs.ILogGroup,
        metrics: RunMetrics,
        history: logs.ILogGroup,
        alarms: Sequence[cloudwatch.Alarm],
    ) -> None:
        """Define the dashboard.

        Args:
            scope: The construct that it is defined in.
            construct_id: Id below that scope.
            name: Name of the task.
            trigger: What starts it.
            log_group: Log group of the worker.
            metrics: Where outcomes are counted.
            history: Log group of the task's state changes.
            alarms: Alarms to show the state of.
        """
        super().__init__(scope, construct_id)
        self.dashboard = cloudwatch.Dashboard(
            self, "Dashboard", default_interval=duration_of(14 * 24 * 3600)
        )
        log, ends = log_group, history
        self.dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(
                title=name, alarms=list(alarms), width=_FULL_WIDTH, height=3
            )
        )
        self.dashboard.add_widgets(
            _runs(trigger, metrics),
            _query("Seconds and snapshots of a run", log, _DURATIONS, is_graph=True),
        )
        self.dashboard.add_widgets(
            _query("Leaderboards", log, _BOARDS), _query("Last tasks that ended", ends, _ENDS)
        )
        self.dashboard.add_widgets(_query("Last errors", log, _ERRORS, width=_FULL_WIDTH))


def _runs(trigger: RunTrigger, metrics: RunMetrics) -> cloudwatch.GraphWidget:
    day = duration_of(24 * 3600)
    outcomes = metrics.metric(Metric.OUTCOMES, period=day)
    shown = [outcomes.with_(label="good ends")]
    if trigger.metrics is not None:
        shown = [
            trigger.metrics.starts(period=day, label="asked for by the schedule"),
            trigger.metrics.failed_starts(period=day, label="could not be started"),
            *shown,
        ]
    return cloudwatch.GraphWidget(
        title="Runs a day",
        left=shown,
        width=_HALF_WIDTH,
        height=_HEIGHT,
    )


def _query(
    title: str,
    log_group: logs.ILogGroup,
    lines: Sequence[str],
    *,
    is_graph: bool = False,
    width: int = _HALF_WIDTH,
) -> cloudwatch.LogQueryWidget:
    kind = cloudwatch.LogQueryVisualizationType
    return cloudwatch.LogQueryWidget(
        title=title,
        log_group_names=[log_group.log_group_name],
        query_lines=list(lines),
        view=kind.BAR if is_graph else kind.TABLE,
        width=width,
        height=_HEIGHT,
    )
