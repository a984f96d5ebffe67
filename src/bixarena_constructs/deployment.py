"""What a deployed task promises to those who read it.

The construct defines these names and the command line reads them. The module imports the standard
library only, so that both can.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = [
    "OUTPUTS_ID",
    "OVERDUE_REASON",
    "STARTED_BY_COMMAND_LINE",
    "STARTED_BY_RETRY",
    "STARTED_BY_RULE",
    "STARTED_BY_SCHEDULE",
    "WORKER_IMAGE",
    "Metric",
    "Output",
    "metric_namespace",
]

OVERDUE_REASON: Final = "bixarena-constructs: the run had not ended by its deadline"
"""``stoppedReason`` of a run that the monitoring stopped."""

WORKER_IMAGE: Final = "ghcr.io/sage-bionetworks/bixarena-constructs-worker"
"""Name of this library's worker; its tags are the versions of this package."""

OUTPUTS_ID: Final = "Outputs"
"""Id of a task's outputs below it; the command line finds the task by it."""

STARTED_BY_RULE: Final = "events-rule/"
"""Start of ``startedBy`` of a run that a rule started; the rule's name follows."""

STARTED_BY_SCHEDULE: Final = "chronos-schedule/"
"""Start of ``startedBy`` of a run that EventBridge Scheduler started; the schedule follows."""

STARTED_BY_RETRY: Final = "bixarena-retry"
"""``startedBy`` of a second attempt."""

STARTED_BY_COMMAND_LINE: Final = "bixarena-run"
"""``startedBy`` of a run that ``bixarena run`` started."""


class Output(StrEnum):
    """Outputs of a task, by their construct ids."""

    CONTRACT_VERSION = "ContractVersion"
    TASK_DEFINITION_ARN = "TaskDefinitionArn"
    TASK_DEFINITION_FAMILY = "TaskDefinitionFamily"
    CONTAINER_NAME = "ContainerName"
    CLUSTER_ARN = "ClusterArn"
    RULE_NAME = "RuleName"
    DEAD_LETTER_QUEUE_URL = "DeadLetterQueueUrl"
    LOG_GROUP_NAME = "LogGroupName"
    LOG_TAIL_COMMAND = "LogTailCommand"
    RUN_TASK_COMMAND = "RunTaskCommand"
    ALERT_TOPIC_ARN = "AlertTopicArn"
    ALARM_NAMES = "AlarmNames"
    HISTORY_LOG_GROUP_NAME = "HistoryLogGroupName"


class Metric(StrEnum):
    """Metrics of a task's runs, which its log lines are counted as."""

    OUTCOMES = "Outcomes"
    """1 for each run with an outcome; 0 for each run without that was due."""
    OVERDUE = "OverdueRuns"
    """1 every few minutes while a run that should have ended is still there."""
    WITHOUT_NEW_VOTES = "WithoutNewVotes"
    """For each run that counted: 1 if the newest vote is too old or of unknown age, else 0."""


def metric_namespace(stack_name: str, path: str) -> str:
    """Return the namespace of a task's metrics.

    Args:
        stack_name: Name of its stack.
        path: Path of its construct below the stack.
    """
    return f"Bixarena/{stack_name}/{path}"
