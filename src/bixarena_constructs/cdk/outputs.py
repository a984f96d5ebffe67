"""The CloudFormation outputs that ScheduledFargateTask lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import CfnOutput
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import IConstruct

__all__ = ["OUTPUTS_ID", "OUTPUT_DESCRIPTIONS", "TaskOutputs", "add_outputs"]

OUTPUTS_ID: Final = "Outputs"
"""Id of a task's outputs below it; the command line finds the task by it."""

OUTPUT_DESCRIPTIONS: Mapping[str, str] = {
    "TaskDefinitionArn": "Task definition with its revision",
    "TaskDefinitionFamily": "Family of the task definition, all revisions",
    "ContainerName": "Container that runs the worker; select it by name, sidecars come and go",
    "ClusterArn": "Cluster that the task runs in",
    "RuleName": "EventBridge rule that starts the task; its schedule is in UTC",
    "DeadLetterQueueUrl": "Queue that keeps the events whose run could not be started",
    "LogGroupName": "Log group of the worker",
    "LogTailCommand": "Command line that follows the worker's log",
    "RunTaskCommand": "Command line that runs the task now",
    "AlertTopicArn": "Topic that alerts of failed and missed runs go to",
    "AlarmNames": "Alarms of the task, separated by commas",
    "HistoryLogGroupName": "Log group that keeps the state changes of all runs",
}
"""What each output holds, by its construct id."""


class TaskOutputs(Construct):
    """Defines one output for each value, under ids that stay."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        values: Mapping[str, str],
        export_prefix: str | None,
    ) -> None:
        """Define the outputs.

        Args:
            scope: The construct that the outputs describe.
            construct_id: Id below that scope.
            values: The value for each id, of those in `OUTPUT_DESCRIPTIONS`.
            export_prefix: What the export names begin with, the id follows; None exports nothing.
        """
        super().__init__(scope, construct_id)
        self._export_prefix = export_prefix
        self.add(values)

    def add(self, values: Mapping[str, str]) -> None:
        """Define further outputs.

        Args:
            values: The value for each id, of those in `OUTPUT_DESCRIPTIONS`.
        """
        for output_id, value in values.items():
            prefix = self._export_prefix
            CfnOutput(
                self,
                output_id,
                value=value,
                description=OUTPUT_DESCRIPTIONS[output_id],
                export_name=None if prefix is None else f"{prefix}{output_id}",
            )


def add_outputs(scope: IConstruct, values: Mapping[str, str]) -> None:
    """Add outputs to those of a task, if it has any.

    Args:
        scope: The task.
        values: The value for each id, of those in `OUTPUT_DESCRIPTIONS`.
    """
    outputs = scope.node.try_find_child(OUTPUTS_ID)
    if isinstance(outputs, TaskOutputs):
        outputs.add(values)
