"""The watch of each run: one that outlives its deadline is stopped, and reported until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from bixarena_constructs.cdk.delivery_metrics import SUM
from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.cdk.monitoring.alarms import AlarmTrait, define_alarm
from bixarena_constructs.cdk.monitoring.event_rule import define_event_rule
from bixarena_constructs.cdk.monitoring.state_machine import (
    MachinePart,
    State,
    Statement,
    call,
    put_metric,
)
from bixarena_constructs.cdk.monitoring.window import seconds_of
from bixarena_constructs.cdk.permissions import RUN_TAG
from bixarena_constructs.deployment import OVERDUE_REASON, Metric
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.state_machine import RunMachine
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask
    from bixarena_constructs.cdk.task_launch import TaskLaunch

__all__ = ["RunWatch", "watch_part"]

# What the worker may take to end itself once its time is up, and its task to stop.
_GRACE_SECONDS: Final = 120
# Longer than a container gets to end after StopTask, which is 2 minutes at most, and shorter than
# the alarm's period, so that each period has a data point while the run is there.
_PAUSE_SECONDS: Final = 240
_ALARM_PERIOD_SECONDS: Final = 300
_TASK: Final = "{% $states.context.Execution.Input.detail.taskArn %}"
_ENDED: Final = "{% $count($states.input.Tasks[LastStatus != 'STOPPED']) = 0 %}"


def watch_part(
    task: WatchedTask, *, metrics: RunMetrics, stops: bool, has_checks: bool
) -> MachinePart:
    """Return what the machine does when a run has started.

    It waits until the deadline and looks. A run that ECS no longer knows has ended. One that has
    not is stopped, and gets time to end. One that is there after that, since it must not be
    stopped or cannot, counts as overdue until it ends.

    In the end it looks whether runs are still checked: a check finds that the schedule of the runs
    is gone, and a run that the schedule of the checks is.

    Args:
        task: The task.
        metrics: Where an overdue run is counted.
        stops: Whether such a run is stopped.
        has_checks: Whether a schedule checks each run.
    """
    cluster_arn = task.launch.cluster_arn
    first_look = {
        "Look": _look(cluster_arn, then="HasEnded"),
        "HasEnded": _end_or("Stop"),
        "Stop": call(
            "ecs",
            "stopTask",
            {"Cluster": cluster_arn, "Task": _TASK, "Reason": OVERDUE_REASON},
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "CountAsOverdue"}],
            Next="Pause",
        ),
    }
    states: dict[str, State] = {
        "WaitForDeadline": {
            "Type": "Wait",
            "Seconds": _seconds_to_deadline(task),
            "Next": "Look" if stops else "LookAgain",
        },
        **(first_look if stops else {}),
        "Pause": {"Type": "Wait", "Seconds": _PAUSE_SECONDS, "Next": "LookAgain"},
        "LookAgain": _look(cluster_arn, then="HasEndedNow"),
        "HasEndedNow": _end_or("CountAsOverdue"),
        "CountAsOverdue": put_metric(metrics.namespace, Metric.OVERDUE, 1, Next="Pause"),
        **(_look_at_checks() if has_checks else {"Ended": {"Type": "Succeed"}}),
    }
    return MachinePart(
        condition="$states.input.detail.lastStatus = 'RUNNING'",
        states=states,
        statements=[*_statements(task.launch, stops=stops), metrics.put_statement()],
    )


def _look_at_checks() -> dict[str, State]:
    name = "{% $states.context.Execution.Input.checks %}"
    are_on = {"Condition": "{% $states.input.State = 'ENABLED' %}", "Next": "ChecksAreOn"}
    return {
        "Ended": call("scheduler", "getSchedule", {"Name": name}, Next="AreChecksOn"),
        "AreChecksOn": {"Type": "Choice", "Choices": [are_on], "Default": "ChecksAreOff"},
        "ChecksAreOn": {"Type": "Succeed"},
        "ChecksAreOff": {
            "Type": "Fail",
            "Error": "ChecksAreOff",
            "Cause": "the schedule that checks each run is disabled: a missed run is not reported",
        },
    }


def _look(cluster_arn: str, *, then: str) -> State:
    arguments = {"Cluster": cluster_arn, "Tasks": [_TASK]}
    return call("ecs", "describeTasks", arguments, Next=then)


def _end_or(otherwise: str) -> State:
    ended = {"Condition": _ENDED, "Next": "Ended"}
    return {"Type": "Choice", "Choices": [ended], "Default": otherwise}


def _seconds_to_deadline(task: WatchedTask) -> str:
    """Return an expression: the time that the run was given by hand, or that of all runs."""
    own = (
        "$states.input.detail.overrides.containerOverrides"
        f"[name = '{task.runs.container_name}']"
        f".environment[name = '{Variable.MAX_RUNTIME_SECONDS}'].value[$contains($, /^[0-9]+$/)]"
    )
    of_all = int(seconds_of("max_runtime", task.max_runtime))
    return f"{{% $number([{own}, '{of_all}'][0]) + {_GRACE_SECONDS} %}}"


def _statements(launch: TaskLaunch, *, stops: bool) -> list[Statement]:
    in_cluster: Statement = {"ArnEquals": {"ecs:cluster": launch.cluster_arn}}
    # Tasks have no name to list; the condition limits it to those of the cluster.
    tasks: Statement = {"Effect": "Allow", "Resource": "*"}
    look = {**tasks, "Action": "ecs:DescribeTasks", "Condition": in_cluster}
    if not stops:
        return [look]
    # Each run of a task of this library has the tag. Of others nothing distinguishes a run; the
    # rule passes on none but those of its family.
    tags = {key: value for key, value in launch.tags.items() if key == RUN_TAG}
    of_task = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags.items()}}
    condition = {**in_cluster, **(of_task if tags else {})}
    return [look, {**tasks, "Action": "ecs:StopTask", "Condition": condition}]


class RunWatch(Construct):
    """Starts the watch of each run, and reports runs that outlive their deadline.

    Attributes:
        hang_alarm: On a run that is still there after its deadline.
        failed_alarm: On a watch, a second attempt or a check that failed itself.
    """

    hang_alarm: cloudwatch.Alarm
    failed_alarm: cloudwatch.Alarm

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        machine: RunMachine,
        metrics: RunMetrics,
        stops: bool,
        checks: str | None,
        topic: sns.ITopic,
    ) -> None:
        """Define the rule and the alarms.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            machine: What watches.
            metrics: Where an overdue run is counted.
            stops: Whether it is stopped.
            checks: Name of the schedule that checks each run, if there is one.
            topic: Where alerts go.
        """
        super().__init__(scope, construct_id)
        define_event_rule(
            self,
            "Rule",
            description=f"Watches each run of {task.name} until it ends",
            pattern=task.runs.starts(),
            target_arn=machine.arn,
            role_arn=machine.start_role_arn,
            added=None if checks is None else {"checks": checks},
        )
        limit = int(seconds_of("max_runtime", task.max_runtime))
        tried = "could not be stopped" if stops else "is left to run, as stop_overdue is False"
        overdue = AlarmTrait(
            metric=metrics.metric(Metric.OVERDUE, period=duration_of(_ALARM_PERIOD_SECONDS)),
            comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            description=(
                f"{task.name}: a run has not ended within {limit} s and {tried}. Fargate bills it "
                "until it ends, and this alarm stays on until then."
            ),
        )
        failed = AlarmTrait(
            metric=cloudwatch.Metric(
                namespace="AWS/States",
                metric_name="ExecutionsFailed",
                dimensions_map={"StateMachineArn": machine.arn},
                statistic=SUM,
                period=duration_of(_ALARM_PERIOD_SECONDS),
            ),
            comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            description=(
                f"{task.name}: its monitoring failed: an alert was not sent, or a run was not "
                "watched, checked, or started again. The failed execution of its state machine "
                "says why."
            ),
        )
        self.hang_alarm = define_alarm(self, "Hang", trait=overdue, topic=topic)
        self.failed_alarm = define_alarm(self, "Failed", trait=failed, topic=topic)

    @property
    def alarms(self) -> tuple[cloudwatch.Alarm, ...]:
        """Both alarms."""
        return self.hang_alarm, self.failed_alarm
