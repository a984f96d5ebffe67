"""The alert of a failed run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk.monitoring.event_rule import event_field
from bixarena_constructs.cdk.task_launch import log_tail_command
from bixarena_constructs.cdk.tokens import read

if TYPE_CHECKING:
    from bixarena_constructs.cdk.monitoring.failure_causes import FailureCause
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask

__all__ = ["TROUBLESHOOTING", "failure_lines", "run_lines"]

TROUBLESHOOTING: Final = (
    "https://github.com/Sage-Bionetworks/bixarena-constructs/blob/main/docs/troubleshooting.md"
)
"""The page that explains what an alert names."""


def run_lines(task: WatchedTask) -> list[str]:
    """Return what every alert of a run that failed says after its cause, line by line.

    Args:
        task: The task.
    """
    stack = read(task.task_definition, "stack")
    log = log_tail_command(
        region=task.launch.region, log_group_name=read(task.log_group, "log_group_name")
    )
    stopped_at = event_field("detail.stoppedAt")
    return [
        f"Stopped reason: {event_field('detail.stoppedReason')}",
        f"Task: {event_field('detail.taskArn')}, stopped at {stopped_at}",
        f"Its log: {log}",
        f"Run it now: {task.launch.plain_command}",
        *([f"Or: bixarena run {read(stack, 'stack_name')}"] if task.has_outputs else ()),
        f"Causes and what to do: {TROUBLESHOOTING}",
    ]


def failure_lines(cause: FailureCause, *, name: str, retried_in: str | None) -> list[str]:
    """Return what the alert of a run that failed says of its cause, line by line.

    Args:
        cause: Why it failed.
        name: Name of the task.
        retried_in: After what time such a run is started again; None for never.
    """
    lines = [f"{name}: a run failed: {cause.meaning}."]
    if cause.is_transient and retried_in is not None:
        lines.append(
            f"If the schedule started it, it is started again in {retried_in}; "
            "another alert follows if that run fails too."
        )
    return lines
