"""The stack of ``before.py``, with ``ScheduledSnapshotTask`` under the pattern's id."""

from __future__ import annotations

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from bixarena_constructs import ScheduledSnapshotTask


class SnapshotStack(Stack):
    """Runs a container every day at 10:00 UTC."""

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
        ScheduledSnapshotTask(
            self,
            "Snapshot",
            cluster=ecs.Cluster.from_cluster_attributes(
                self, "Cluster", cluster_name="bixarena", vpc=vpc
            ),
            image="ghcr.io/arena/worker:1.4.0",
        )


def main() -> None:
    """Synthesise the app."""
    app = App()
    SnapshotStack(app, "Bixarena")
    app.synth()


if __name__ == "__main__":
    main()
