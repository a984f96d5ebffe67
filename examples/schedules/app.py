"""Three ways to put a task on a schedule, all watched by the same monitoring.

A time in UTC, a time in a time zone, and a bare pattern of one's own. What exists is named in the
context: edit it in cdk.json, or pass ``-c vpc_id=...``.
"""

from __future__ import annotations

from aws_cdk import App, Duration, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from bixarena_constructs import (
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    TaskMonitoring,
    WorkerSignals,
    postgres_secrets,
)

IMAGE = "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0"


class SnapshotStack(Stack):
    """Runs three tasks in an existing cluster."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Define the stack from the context of ``scope``."""
        super().__init__(scope, construct_id)
        cluster = self._import_cluster()
        credentials = secretsmanager.Secret.from_secret_complete_arn(
            self, "DatabaseCredentials", self._context("database_secret_arn")
        )
        secrets = postgres_secrets(credentials)

        topic = sns.Topic(self, "Alerts", enforce_ssl=True)
        # The address gets a mail that asks to confirm the subscription.
        topic.add_subscription(subscriptions.EmailSubscription(self._context("alert_email")))
        watched = SnapshotMonitoring(topic=topic)

        ScheduledSnapshotTask(
            self,
            "Utc",
            cluster=cluster,
            image=IMAGE,
            secrets=secrets,
            schedule=appscaling.Schedule.cron(hour="10", minute="0"),
            monitoring=watched,
        )

        task = SnapshotTask(self, "Local", cluster=cluster, image=IMAGE, secrets=secrets)
        schedule = scheduler.Schedule(
            self,
            "LocalSchedule",
            schedule=scheduler.ScheduleExpression.cron(
                hour="10", minute="0", time_zone=TimeZone.EUROPE_BERLIN
            ),
            target=task.schedule_target(),
        )
        TaskMonitoring(self, "LocalMonitoring", task=task, trigger=schedule, settings=watched)

        pattern = self._define_bare_pattern(cluster)
        # The line that this program writes after a success.
        signals = WorkerSignals(outcome=logs.FilterPattern.literal("done"), exit_codes={})
        TaskMonitoring(
            self,
            "BareMonitoring",
            task=pattern,
            max_runtime=Duration.minutes(5),
            settings=SnapshotMonitoring(topic=topic, signals=signals),
        )

    def _import_cluster(self) -> ecs.ICluster:
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self._context("vpc_id"),
            availability_zones=self._context("availability_zones").split(","),
            private_subnet_ids=self._context("private_subnet_ids").split(","),
        )
        return ecs.Cluster.from_cluster_attributes(
            self, "Cluster", cluster_name=self._context("cluster_name"), vpc=vpc
        )

    def _define_bare_pattern(self, cluster: ecs.ICluster) -> ecs_patterns.ScheduledFargateTask:
        return ecs_patterns.ScheduledFargateTask(
            self,
            "Bare",
            cluster=cluster,
            schedule=appscaling.Schedule.rate(Duration.hours(6)),
            scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
                image=ecs.ContainerImage.from_registry("ghcr.io/example/cleaner:2.0.1"),
                # The pattern's own log group would keep its entries for ever.
                log_driver=ecs.LogDrivers.aws_logs(
                    stream_prefix="Bare", log_retention=logs.RetentionDays.ONE_MONTH
                ),
            ),
        )

    def _context(self, name: str) -> str:
        return str(self.node.get_context(name))


def main() -> None:
    """Synthesise the app."""
    app = App()
    SnapshotStack(app, "BixarenaSnapshot")
    app.synth()


if __name__ == "__main__":
    main()
