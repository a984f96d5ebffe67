"""Three monitored tasks of one stack, with neighbours that others defined, for the checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import App, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from bixarena_constructs import (
    RdsConnection,
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    TaskMonitoring,
)

if TYPE_CHECKING:
    from constructs import Construct

AWS = "us-east-1:111122223333"


class SnapshotStack(Stack):
    """Two tasks at times in UTC, and one in a time zone; all share what they can."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Define the stack."""
        super().__init__(scope, construct_id)
        cluster = self._import_cluster()
        key = kms.Key.from_key_arn(self, "Key", f"arn:aws:kms:{AWS}:key/arena")
        connection = RdsConnection(
            secretsmanager.Secret.from_secret_attributes(
                self,
                "Credentials",
                secret_complete_arn=f"arn:aws:secretsmanager:{AWS}:secret:bixarena/worker-AbCdEf",
                encryption_key=key,
            )
        )
        group = ec2.SecurityGroup.from_security_group_id(self, "Group", "sg-0123456789abcdef0")
        queue = sqs.Queue.from_queue_arn(self, "Queue", f"arn:aws:sqs:{AWS}:lost-runs")
        topic = sns.Topic.from_topic_arn(self, "Topic", f"arn:aws:sns:{AWS}:arena-on-call")
        for name, hour in (("Morning", "10"), ("Evening", "22")):
            ScheduledSnapshotTask(
                self,
                name,
                cluster=cluster,
                schedule=appscaling.Schedule.cron(hour=hour, minute="0"),
                secrets=connection.secrets,
                environment=connection.environment,
                security_groups=[group],
                dead_letter_queue=queue,
                monitoring=SnapshotMonitoring(topic=topic),
            )
        local = SnapshotTask(
            self,
            "Local",
            cluster=cluster,
            secrets=connection.secrets,
            environment=connection.environment,
        )
        schedule = scheduler.Schedule(
            self,
            "LocalSchedule",
            schedule=scheduler.ScheduleExpression.cron(
                hour="12", minute="0", time_zone=TimeZone.EUROPE_BERLIN
            ),
            target=local.schedule_target(),
        )
        # With a topic and a key of its own.
        TaskMonitoring(
            local,
            "Monitoring",
            task=local,
            trigger=schedule,
            settings=SnapshotMonitoring(email="team@example.org"),
        )

    def _import_cluster(self) -> ecs.ICluster:
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0123456789abcdef0",
            availability_zones=["us-east-1a", "us-east-1b"],
            private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"],
        )
        return ecs.Cluster.from_cluster_attributes(
            self, "Cluster", cluster_name="bixarena", vpc=vpc
        )


def main() -> None:
    """Synthesise the app."""
    app = App()
    SnapshotStack(app, "ThreeTasks")
    app.synth()


if __name__ == "__main__":
    main()
