"""The CloudFormation outputs that ScheduledFargateTask lacks.

Their names are those of `deployment.Output`; their values come from the constructs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from aws_cdk import Annotations, CfnOutput, Stack
from constructs import Construct

from bixarena_constructs.cdk.tokens import read
from bixarena_constructs.deployment import OUTPUTS_ID, Output
from bixarena_constructs.worker.contract import RELEASE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import IConstruct

__all__ = ["OUTPUT_DESCRIPTIONS", "OutputsCheck", "TaskOutputs", "add_outputs"]

OUTPUT_DESCRIPTIONS: Mapping[Output, str] = {
    Output.CONTRACT_VERSION: (
        f"Version of the worker's contract that this stack reads; bixarena-constructs {RELEASE} "
        "defined the task"
    ),
    Output.TASK_DEFINITION_ARN: "Task definition with its revision",
    Output.TASK_DEFINITION_FAMILY: "Family of the task definition, all revisions",
    Output.CONTAINER_NAME: (
        "Container that runs the worker; select it by name, sidecars come and go"
    ),
    Output.CLUSTER_ARN: "Cluster that the task runs in",
    Output.RULE_NAME: "EventBridge rule that starts the task; its schedule is in UTC",
    Output.DEAD_LETTER_QUEUE_URL: "Queue that keeps the events whose run could not be started",
    Output.LOG_GROUP_NAME: "Log group of the worker",
    Output.LOG_TAIL_COMMAND: "Command line that follows the worker's log",
    Output.RUN_TASK_COMMAND: "Command line that runs the task now",
    Output.ALERT_TOPIC_ARN: "Topic that alerts of failed and missed runs go to",
    Output.ALARM_NAMES: "Alarms of the task, separated by commas",
    Output.HISTORY_LOG_GROUP_NAME: "Log group that keeps the state changes of all runs",
}
"""What each output holds, by its construct id."""


# Of a template, AWS CloudFormation User Guide, "Understand CloudFormation quotas".
_MOST_OUTPUTS: Final = 200
_COUNTED: WeakSet[Stack] = WeakSet()


class TaskOutputs(Construct):
    """Defines one output for each value, under ids that stay."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        values: Mapping[Output, str],
        export_prefix: str | None,
    ) -> None:
        """Define the outputs.

        Args:
            scope: The construct that the outputs describe.
            construct_id: Id below that scope.
            values: The value of each output.
            export_prefix: What the export names begin with, the id follows; None exports nothing.
        """
        super().__init__(scope, construct_id)
        self._export_prefix = export_prefix
        self._defined: list[Output] = []
        self._of = scope
        self.add(values)

    def add(self, values: Mapping[Output, str]) -> None:
        """Define further outputs.

        Args:
            values: The value of each output.
        """
        there = [name for name in values if name in self._defined]
        if there:
            raise ValueError(
                f"{self._of.node.path} has the outputs {', '.join(there)} already; a task has one "
                "TaskMonitoring, either its own or one next to it"
            )
        self._defined += values
        for output_id, value in values.items():
            CfnOutput(
                self,
                output_id,
                value=value,
                description=OUTPUT_DESCRIPTIONS[output_id],
                export_name=self._export_name(output_id),
            )

    @property
    def export_names(self) -> list[str]:
        """Names of the outputs' exports; none without a prefix."""
        names = map(self._export_name, self._defined)
        return [name for name in names if name is not None]

    def _export_name(self, output: Output) -> str | None:
        return None if self._export_prefix is None else f"{self._export_prefix}{output}"


class OutputsCheck:
    """Warns if a stack has more outputs than CloudFormation takes, which the CDK does not."""

    def __init__(self, stack: Stack) -> None:
        """Take the stack.

        Args:
            stack: It is counted once, whichever of its tasks comes first.
        """
        self._stack = stack

    def validate(self) -> list[str]:
        """Warn, and return no fault."""
        if self._stack in _COUNTED:
            return []
        _COUNTED.add(self._stack)
        outputs = [
            each
            for each in read(self._stack, "node").find_all()
            # Not those of stacks that are nested in it.
            if isinstance(each, CfnOutput) and Stack.of(each) is self._stack
        ]
        if len(outputs) > _MOST_OUTPUTS:
            Annotations.of(self._stack).add_warning_v2(
                "bixarena-constructs:tooManyOutputs",
                f"{read(self._stack, 'stack_name')} has {len(outputs)} outputs; CloudFormation "
                f"takes {_MOST_OUTPUTS}: move some tasks to another stack, or set outputs=False "
                "where nobody needs them",
            )
        return []


def add_outputs(scope: IConstruct, values: Mapping[Output, str]) -> None:
    """Add outputs to those of a task, if it has any.

    Args:
        scope: The task.
        values: The value of each output.

    Raises:
        ValueError: The task has one of them already.
    """
    outputs = read(scope, "node").try_find_child(OUTPUTS_ID)
    if isinstance(outputs, TaskOutputs):
        outputs.add(values)
