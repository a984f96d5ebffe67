"""Runs a failed run again, once, for the same scheduled time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from bixarena_constructs.cdk.durations import require_seconds_within
from bixarena_constructs.cdk.permissions import run_statements
from bixarena_constructs.deployment import STARTED_BY_RETRY
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration

    from bixarena_constructs.cdk.monitoring.failure_causes import FailureCause
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.task_launch import TaskLaunch

__all__ = ["RunRetry"]

# The scheduled time of the failed run.
_FIRST_TIME: Final = (
    "{% $states.input.detail.overrides.containerOverrides.environment"
    f"[name = '{Variable.SCHEDULED_AT}'].value %}}"
)
_DELAY_SECONDS: Final = range(60, 24 * 3600 + 1)


class RunRetry(Construct):
    """Starts a scheduled run again, after a delay, if it may then succeed.

    A rule for each transient cause starts a state machine, which waits and then runs the task. An
    event that arrives twice starts one task all the same: ECS takes the failed task's id as the
    token of the request.

    Attributes:
        state_machine: The state machine.
    """

    state_machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        causes: Sequence[FailureCause],
        started_by: str,
        delay: Duration,
    ) -> None:
        """Define the rules and the state machine.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            causes: Why a run of it may fail; only a transient cause is tried again.
            started_by: What `startedBy` of scheduled runs begins with. No other run is started
                again: neither a second attempt nor one that somebody started by hand.
            delay: How long to wait.

        Raises:
            ValueError: The delay is not within a minute and a day.
        """
        super().__init__(scope, construct_id)
        require_seconds_within("retry_after", delay, _DELAY_SECONDS)
        self.state_machine = self._define_machine(task, delay=delay)
        for cause in causes:
            if cause.is_transient:
                self._define_rule(task, cause, started_by=started_by)

    def _define_machine(self, task: WatchedTask, *, delay: Duration) -> sfn.StateMachine:
        wait = sfn.Wait(self, "Wait", time=sfn.WaitTime.duration(delay))
        run = sfn.CustomState(self, "RunAgain", state_json=_run_again(task.launch))
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            comment=f"Runs a failed run of {task.name} again",
            definition_body=sfn.DefinitionBody.from_chainable(wait.next(run)),
            query_language=sfn.QueryLanguage.JSONATA,
            removal_policy=RemovalPolicy.DESTROY,
        )
        for statement in run_statements(
            cluster_arn=task.launch.cluster_arn, task_definition=task.task_definition
        ):
            machine.add_to_role_policy(statement)
        return machine

    def _define_rule(self, task: WatchedTask, cause: FailureCause, *, started_by: str) -> None:
        events.Rule(
            self,
            cause.id,
            description=f"Runs {task.name} again: {cause.meaning}",
            event_pattern=task.runs.ends({**cause.detail, "startedBy": [{"prefix": started_by}]}),
            targets=[targets.SfnStateMachine(self.state_machine)],
        )


def _run_again(launch: TaskLaunch) -> dict[str, object]:  # a state of the Amazon States Language
    scheduled_at = {"Name": Variable.SCHEDULED_AT, "Value": _FIRST_TIME}
    return {
        "Type": "Task",
        # Step Functions' own integration takes neither a token nor the name of a starter.
        "Resource": f"arn:{Aws.PARTITION}:states:::aws-sdk:ecs:runTask",
        "Arguments": {
            **launch.run_task_arguments(),
            "ClientToken": "{% $split($states.input.detail.taskArn, '/')[-1] %}",
            "StartedBy": STARTED_BY_RETRY,
            "Overrides": {
                "ContainerOverrides": [
                    {"Name": launch.container_name, "Environment": [scheduled_at]}
                ]
            },
        },
        "Retry": [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": 30,
                "MaxAttempts": 3,
                "BackoffRate": 2,
            }
        ],
        "End": True,
    }
