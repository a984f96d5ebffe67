"""The scheduled snapshot of another arena: the same construct, a worker with another store.

The image is made of the folder ``image``; its database has none of BixArena's tables. What exists
is named in the context: edit it in cdk.json, or pass ``-c vpc_id=...``.
"""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, postgres_secrets


class SnapshotStack(Stack):
    """Runs the arena's worker every day at 10:00 UTC against an existing database."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Define the stack from the context of ``scope``."""
        super().__init__(scope, construct_id)
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self._context("vpc_id"),
            availability_zones=self._context("availability_zones").split(","),
            private_subnet_ids=self._context("private_subnet_ids").split(","),
        )
        cluster = ecs.Cluster.from_cluster_attributes(
            self, "Cluster", cluster_name=self._context("cluster_name"), vpc=vpc
        )
        # The database already admits it; without it the task gets a new group.
        security_group = ec2.SecurityGroup.from_security_group_id(
            self, "SecurityGroup", self._context("security_group_id")
        )
        credentials = secretsmanager.Secret.from_secret_complete_arn(
            self, "DatabaseCredentials", self._context("database_secret_arn")
        )
        ScheduledSnapshotTask(
            self,
            "Snapshot",
            cluster=cluster,
            image="ghcr.io/example/arena-worker:1.0.0",
            secrets=postgres_secrets(credentials),
            security_groups=[security_group],
            # The address gets a mail that asks to confirm the subscription.
            monitoring=SnapshotMonitoring(email=self._context("alert_email")),
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
