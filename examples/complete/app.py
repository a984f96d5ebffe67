"""The scheduled snapshot with all that it needs: VPC, cluster and an RDS PostgreSQL.

It defines a NAT gateway and a database instance, which cost money from the first hour on.
"""

from __future__ import annotations

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, postgres_secrets


class SnapshotStack(Stack):
    """Runs the worker every day at 10:00 UTC against a new database."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Define the stack."""
        super().__init__(scope, construct_id)
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            # One way out is enough for a job that runs a minute a day.
            nat_gateways=1,
            flow_logs={"Rejected": ec2.FlowLogOptions(traffic_type=ec2.FlowLogTrafficType.REJECT)},
        )
        cluster = ecs.Cluster(
            self, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
        )
        database = self._define_database(vpc)
        credentials = _secret_of(database)
        task = ScheduledSnapshotTask(
            self,
            "Snapshot",
            cluster=cluster,
            image="ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0",
            secrets=postgres_secrets(credentials),
            # Add a subscription to task.monitoring.topic, or nobody gets its alerts.
            monitoring=SnapshotMonitoring(dashboard=True),
        )
        database.connections.allow_default_port_from(task, "leaderboard snapshot task")

    def _define_database(self, vpc: ec2.IVpc) -> rds.DatabaseInstance:
        return rds.DatabaseInstance(
            self,
            "Database",
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_16_9),
            instance_type=ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.SMALL),
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            credentials=rds.Credentials.from_generated_secret("bixarena"),
            database_name="bixarena",
            storage_encrypted=True,
            deletion_protection=True,
            removal_policy=RemovalPolicy.SNAPSHOT,
        )


def _secret_of(database: rds.DatabaseInstance) -> secretsmanager.ISecret:
    if database.secret is None:
        raise ValueError(f"{database.node.path} has no generated secret")
    return database.secret


def main() -> None:
    """Synthesise the app."""
    app = App()
    SnapshotStack(app, "BixarenaSnapshot")
    app.synth()


if __name__ == "__main__":
    main()
