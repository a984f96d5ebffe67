"""The alert of a failed run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_events as events

from bixarena_constructs.cdk.commands import log_tail_command

if TYPE_CHECKING:
    from aws_cdk import Duration

    from bixarena_constructs.cdk.monitoring.causes import FailureCause
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask

__all__ = ["TROUBLESHOOTING", "failure_message"]

TROUBLESHOOTING: Final = (
    "https://github.com/Sage-Bionetworks/bixarena-constructs/blob/main/docs/troubleshooting.md"
)
"""The page that explains what an alert names."""


def failure_message(
    cause: FailureCause, *, task: WatchedTask, retry_after: Duration | None
) -> events.RuleTargetInput:
    """Return the alert of a run that failed, line by line.

    Args:
        cause: Why it failed.
        task: The task.
        retry_after: After what time such a run is started again; None for never.
    """
    field = events.EventField.from_path
    stack = Stack.of(task.task_definition)
    log = log_tail_command(region=stack.region, log_group_name=task.log_group.log_group_name)
    lines = [
        f"{task.name}: a run failed: {cause.meaning}.",
        f"Stopped reason: {field('$.detail.stoppedReason')}",
        f"Task: {field('$.detail.taskArn')}, stopped at {field('$.detail.stoppedAt')}",
        f"Its log: {log}",
        f"Run it now: {task.launch.plain_command}",
        *([f"Or: bixarena run {stack.stack_name}"] if task.has_outputs else ()),
        f"Causes and what to do: {TROUBLESHOOTING}",
    ]
    if cause.is_transient and retry_after is not None:
        lines.insert(
            1,
            f"If the schedule started it, it is started again in {retry_after.to_human_string()}; "
            "another alert follows if that run fails too.",
        )
    return events.RuleTargetInput.from_multiline_text("\n".join(lines))
