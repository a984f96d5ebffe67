"""Runs a failed run again, once, for the same scheduled time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from constructs import Construct

from bixarena_constructs.cdk.durations import require_seconds_within
from bixarena_constructs.cdk.monitoring.event_rule import define_event_rule
from bixarena_constructs.cdk.monitoring.state_machine import MachinePart, call
from bixarena_constructs.cdk.monitoring.window import seconds_of
from bixarena_constructs.cdk.permissions import run_statements
from bixarena_constructs.deployment import STARTED_BY_RETRY
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration

    from bixarena_constructs.cdk.monitoring.failure_causes import FailureCause
    from bixarena_constructs.cdk.monitoring.state_machine import RunMachine
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.task_launch import TaskLaunch

__all__ = ["RunRetry", "retry_part"]

# The scheduled time of the failed run.
_FIRST_TIME: Final = (
    "{% $states.input.detail.overrides.containerOverrides.environment"
    f"[name = '{Variable.SCHEDULED_AT}'].value %}}"
)
_DELAY_SECONDS: Final = range(60, 24 * 3600 + 1)


def retry_part(task: WatchedTask, *, delay: Duration) -> MachinePart:
    """Return what the machine does when a run has failed that may succeed a little later.

    It waits and then runs the task. An event that arrives twice starts one task all the same: ECS
    takes the failed task's id as the token of the request.

    Args:
        task: The task.
        delay: How long to wait.

    Raises:
        ValueError: The delay is not within a minute and a day, or a token.
    """
    require_seconds_within("retry_after", delay, _DELAY_SECONDS)
    seconds = int(seconds_of("retry_after", delay))
    statements = run_statements(
        cluster_arn=task.launch.cluster_arn, task_definition=task.task_definition
    )
    return MachinePart(
        condition="$states.input.detail.lastStatus = 'STOPPED'",
        states={
            "WaitToRunAgain": {"Type": "Wait", "Seconds": seconds, "Next": "RunAgain"},
            # Step Functions' own integration takes neither a token nor the name of a starter.
            "RunAgain": call("ecs", "runTask", _arguments(task.launch), End=True),
        },
        statements=[statement.to_statement_json() for statement in statements],
    )


class RunRetry(Construct):
    """Starts the machine for each run that may succeed a little later."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        causes: Sequence[FailureCause],
        started_by: str,
        machine: RunMachine,
    ) -> None:
        """Define a rule for each transient cause.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            causes: Why a run of it may fail; only a transient cause is tried again.
            started_by: What `startedBy` of scheduled runs begins with. No other run is started
                again: neither a second attempt nor one that somebody started by hand.
            machine: What starts it again.
        """
        super().__init__(scope, construct_id)
        for cause in causes:
            if cause.is_transient:
                define_event_rule(
                    self,
                    cause.id,
                    description=f"Runs {task.name} again: {cause.meaning}",
                    pattern=task.runs.ends(
                        {**cause.detail, "startedBy": [{"prefix": started_by}]}
                    ),
                    target_arn=machine.arn,
                    role_arn=machine.start_role_arn,
                )


def _arguments(launch: TaskLaunch) -> dict[str, object]:
    scheduled_at = {"Name": Variable.SCHEDULED_AT, "Value": _FIRST_TIME}
    return {
        **launch.run_task_arguments(),
        "ClientToken": "{% $split($states.input.detail.taskArn, '/')[-1] %}",
        "StartedBy": STARTED_BY_RETRY,
        "Overrides": {
            "ContainerOverrides": [{"Name": launch.container_name, "Environment": [scheduled_at]}]
        },
    }
