"""The alarm that no snapshot came in time, for whatever reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from bixarena_constructs.cdk.delivery_metrics import MAXIMUM
from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.cdk.monitoring.alarms import AlarmTrait, define_alarm
from bixarena_constructs.cdk.monitoring.state_machine import MachinePart, call, put_metric
from bixarena_constructs.deployment import Metric

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.state_machine import RunMachine
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger
    from bixarena_constructs.cdk.monitoring.window import OutcomeWindow

__all__ = ["MissedRunAlarm", "missed_run_part"]

_PERIOD_SECONDS: Final = 300
# GetMetricStatistics returns 1,440 data points at most.
_LONGEST_IN_FINE_PERIODS: Final = 1440 * _PERIOD_SECONDS
_DUE: Final = "$states.context.Execution.Input.due"


def missed_run_part(window: OutcomeWindow, *, metrics: RunMetrics) -> MachinePart:
    """Return what the machine does when a run is due.

    It waits until the run must have had an outcome, and counts none as a 0 of the same metric.

    Args:
        window: When to look for an outcome.
        metrics: Where outcomes are counted.
    """
    is_long = window.end - window.start > _LONGEST_IN_FINE_PERIODS
    question = {
        "Namespace": metrics.namespace,
        "MetricName": Metric.OUTCOMES,
        "StartTime": f"{{% $fromMillis($toMillis({_DUE}) + {window.start * 1000}) %}}",
        "EndTime": f"{{% $fromMillis($toMillis({_DUE}) + {window.end * 1000}) %}}",
        "Period": 3600 if is_long else _PERIOD_SECONDS,
        "Statistics": ["Maximum"],
    }
    found = "{% $count($states.input.Datapoints[$number(Maximum) > 0]) > 0 %}"
    states = {
        "WaitForOutcome": {"Type": "Wait", "Seconds": window.end, "Next": "AskForOutcome"},
        "AskForOutcome": call("cloudwatch", "getMetricStatistics", question, Next="HadOutcome"),
        "HadOutcome": {
            "Type": "Choice",
            "Choices": [{"Condition": found, "Next": "InTime"}],
            "Default": "CountAsMissed",
        },
        "CountAsMissed": put_metric(metrics.namespace, Metric.OUTCOMES, 0, End=True),
        "InTime": {"Type": "Succeed"},
    }
    # A metric has no ARN.
    ask = {"Effect": "Allow", "Action": "cloudwatch:GetMetricStatistics", "Resource": "*"}
    return MachinePart(
        condition="$exists($states.input.due)",
        states=states,
        statements=[ask, metrics.put_statement()],
    )


class MissedRunAlarm(Construct):
    """Goes off when a run that was due had no outcome in time, and ends with the next outcome.

    A second schedule starts the check of each run. It is none of the task's own, so that a check
    takes place also if that is disabled or gone.

    Attributes:
        alarm: The alarm.
        checks: Name of that schedule.
    """

    alarm: cloudwatch.Alarm
    checks: str

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        trigger: RunTrigger,
        window: OutcomeWindow,
        machine: RunMachine,
        metrics: RunMetrics,
        topic: sns.ITopic,
    ) -> None:
        """Define the alarm and the schedule of its checks.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            name: Name of the task.
            trigger: What starts it.
            window: When to look for an outcome.
            machine: What looks.
            metrics: Where outcomes are counted.
            topic: Where alerts go.
        """
        super().__init__(scope, construct_id)
        schedule = scheduler.CfnSchedule(
            self,
            "Watch",
            description=f"Checks that each run of {name} has an outcome in time",
            schedule_expression=trigger.expression,
            schedule_expression_timezone=trigger.time_zone,
            start_date=trigger.start_date,
            end_date=trigger.end_date,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            # With the schedule of the task: what is not to run cannot be missed.
            state="ENABLED" if trigger.enabled else "DISABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=machine.arn,
                role_arn=machine.start_role_arn,
                input=json.dumps({"due": "<aws.scheduler.scheduled-time>"}),
            ),
        )
        self.checks = schedule.ref
        look = {
            "Effect": "Allow",
            "Action": "scheduler:GetSchedule",
            "Resource": schedule.attr_arn,
        }
        # Apart from the role, since the schedule starts the machine, and so comes after it.
        iam.CfnPolicy(
            self,
            "Look",
            policy_name="LookAtChecks",
            roles=[machine.role_name],
            policy_document={"Version": "2012-10-17", "Statement": [look]},
        )
        self.alarm = define_alarm(
            self,
            "Alarm",
            trait=AlarmTrait(
                metric=metrics.metric(
                    Metric.OUTCOMES, statistic=MAXIMUM, period=duration_of(_PERIOD_SECONDS)
                ),
                comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                evaluation_periods=1,
                description=(
                    f"{name}: no snapshot in time. No run of the schedule {trigger.when} "
                    f"came to a good end within {window.end // 60} minutes of its time."
                ),
                is_active=trigger.enabled,
                # It stays on until there is an outcome, also of a run by hand.
                missing=cloudwatch.TreatMissingData.IGNORE,
            ),
            topic=topic,
        )
