"""The scheduled snapshot with all that it needs: VPC, cluster and an RDS PostgreSQL.

It defines a NAT gateway and a database instance, which cost money from the first hour on. The
database is empty at first: run the task ``Schema`` once after the deployment, and again when the
secret of the worker's role was changed.

    cdk deploy
    bixarena run BixarenaSnapshot --task Schema

In BixArena itself the API's migrations bring the tables; there only the role and its grants are
needed.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from bixarena_constructs import (
    RdsConnection,
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
)

FOLDER = Path(__file__).parent


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
        # The worker logs in as a role that may do what it needs and no more, not as the master.
        credentials = rds.DatabaseSecret(
            self, "WorkerCredentials", username="bixarena_worker", dbname="bixarena"
        ).attach(database)
        connection = RdsConnection(credentials)
        schema = self._define_schema_step(cluster, database, credentials)
        # The image is left out: it is the worker of the installed release.
        task = ScheduledSnapshotTask(
            self,
            "Snapshot",
            cluster=cluster,
            secrets=connection.secrets,
            environment=connection.environment,
            monitoring=SnapshotMonitoring(
                # It gets a mail that asks to confirm the subscription.
                email=str(self.node.get_context("alert_email")),
                dashboard=True,
            ),
        )
        database.connections.allow_default_port_from(task, "leaderboard snapshot task")
        database.connections.allow_default_port_from(schema, "schema step")

    def _define_schema_step(
        self,
        cluster: ecs.ICluster,
        database: rds.DatabaseInstance,
        worker: secretsmanager.ISecret,
    ) -> SnapshotTask:
        master = RdsConnection(_secret_of(database))
        return SnapshotTask(
            self,
            "Schema",
            cluster=cluster,
            entry_point=["python", "-c", (FOLDER / "migrate.py").read_text()],
            secrets={**master.secrets, "WORKER_PASSWORD": (worker, "password")},
            environment={**master.environment, "SCHEMA": (FOLDER / "schema.sql").read_text()},
        )

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
