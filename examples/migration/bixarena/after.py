"""The stack of ``before.py``, with ``ScheduledSnapshotTask`` in the pattern's place.

The construct has the pattern's id, and is given the log group, names and image that are there.
"""

from __future__ import annotations

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from bixarena_constructs import ScheduledSnapshotTask

PREFIX = "bixarena-prod"


class WorkerStack(Stack):
    """Runs the worker every day at 10:00 UTC."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Define the stack in the region of its VPC."""
        super().__init__(
            scope, construct_id, env=Environment(account="111122223333", region="us-east-1")
        )
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0123456789abcdef0",
            availability_zones=["us-east-1a", "us-east-1b"],
            private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"],
        )
        cluster = ecs.Cluster.from_cluster_attributes(
            self, "Cluster", cluster_name="bixarena", vpc=vpc
        )
        credentials = secretsmanager.Secret.from_secret_complete_arn(
            self,
            "DatabaseCredentials",
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:bixarena/database-AbCdEf",
        )
        log_group = logs.LogGroup(
            self,
            "WorkerLogGroup",
            log_group_name=f"/aws/ecs/{PREFIX}-worker",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        ScheduledSnapshotTask(
            self,
            "Worker",
            cluster=cluster,
            schedule=appscaling.Schedule.cron(hour="10", minute="0"),
            rule_name=f"{PREFIX}-worker",
            image="ghcr.io/sage-bionetworks/bixarena-worker:edge",
            environment={"POSTGRES_HOST": "database.internal", "POSTGRES_DB": "bixarena"},
            secrets={
                "POSTGRES_USER": (credentials, "username"),
                "POSTGRES_PASSWORD": (credentials, "password"),
            },
            log_group=log_group,
            log_stream_prefix="worker",
        )


def main() -> None:
    """Synthesise the app."""
    app = App()
    WorkerStack(app, "BixarenaWorker")
    app.synth()


if __name__ == "__main__":
    main()
