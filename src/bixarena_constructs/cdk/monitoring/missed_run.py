"""The alarm that no snapshot came in time, for whatever reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

from bixarena_constructs.cdk.delivery_metrics import MAXIMUM
from bixarena_constructs.cdk.durations import duration_of
from bixarena_constructs.cdk.monitoring.alarms import AlarmTrait, define_alarm
from bixarena_constructs.cdk.permissions import scheduler_principal
from bixarena_constructs.deployment import Metric

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.run_metrics import RunMetrics
    from bixarena_constructs.cdk.monitoring.trigger import RunTrigger

__all__ = ["MissedRunAlarm"]

# Twice an hour, so that no hour of the alarm's sliding window is without.
_EVERY_HALF_HOUR: Final = "cron(0/30 * * * ? *)"


class MissedRunAlarm(Construct):
    """Goes off when there was no outcome for longer than there may be.

    CloudWatch cannot distinguish "no outcome" from "no data yet": an alarm that treats missing
    data as breaching goes off as soon as it is deployed. So a schedule of EventBridge Scheduler
    writes a 0 to the metric of outcomes each half hour. The alarm goes off after an unbroken
    window of hours with nothing but zeros. A new stack, or one whose schedule was disabled, has
    such a window only after its first run was due.

    Attributes:
        alarm: The alarm.
    """

    alarm: cloudwatch.Alarm

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        trigger: RunTrigger,
        hours: int,
        metrics: RunMetrics,
        topic: sns.ITopic,
    ) -> None:
        """Define the alarm and what it needs.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            name: Name of the task.
            trigger: What starts it.
            hours: For how long there may be no outcome.
            metrics: Where outcomes are counted.
            topic: Where alerts go.
        """
        super().__init__(scope, construct_id)
        self._define_watch(namespace=metrics.namespace, enabled=trigger.enabled)
        self.alarm = define_alarm(
            self,
            "Alarm",
            trait=AlarmTrait(
                metric=metrics.metric(
                    Metric.OUTCOMES, statistic=MAXIMUM, period=duration_of(3600)
                ),
                comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                evaluation_periods=hours,
                description=(
                    f"{name}: no snapshot in time. For {hours} hours no run of the schedule "
                    f"{trigger.expression} came to a good end."
                ),
                is_active=trigger.enabled,
            ),
            topic=topic,
        )

    def _define_watch(self, *, namespace: str, enabled: bool) -> None:
        role = iam.Role(self, "WatchRole", assumed_by=scheduler_principal(self))
        scheduler.Schedule(
            self,
            "Watch",
            schedule=scheduler.ScheduleExpression.expression(_EVERY_HALF_HOUR),
            description=f"Writes a 0 to {Metric.OUTCOMES}: {self.node.path} is watched",
            # With the schedule of the task: what is not to run cannot be missed.
            enabled=enabled,
            target=scheduler_targets.Universal(
                service="cloudwatch",
                action="putMetricData",
                role=role,
                input=scheduler.ScheduleTargetInput.from_object(
                    {
                        "Namespace": namespace,
                        "MetricData": [{"MetricName": Metric.OUTCOMES, "Value": 0}],
                    }
                ),
                # Late is useless: the next one is due by then.
                max_event_age=duration_of(15 * 60),
                policy_statements=[
                    iam.PolicyStatement(
                        actions=["cloudwatch:PutMetricData"],
                        # A metric has no ARN; its namespace is all that limits it.
                        resources=["*"],
                        conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
                    )
                ],
            ),
        )
