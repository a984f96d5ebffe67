"""BixArena's worker stack in short, on the bare pattern, as it is deployed today.

Compare it with ``after.py``; docs/migration.md shows what the change does.
"""

from __future__ import annotations

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct


class ArenaStack(Stack):
    """Stands for BixArena's stacks of the network, the cluster and the database."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Define the neighbours of the worker."""
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        self.cluster = ecs.Cluster(self, "Cluster", vpc=self.vpc)
        self.database = rds.DatabaseInstance(
            self,
            "Database",
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_16_9),
            vpc=self.vpc,
            credentials=rds.Credentials.from_generated_secret("postgres"),
            storage_encrypted=True,
        )


class WorkerStack(Stack):
    """Runs the worker every day at 10:00 UTC."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stack_prefix: str,
        arena: ArenaStack,
        app_version: str = "edge",
        tarball: str | None = None,
    ) -> None:
        """Define the stack for an image of a version, or of a local tarball."""
        super().__init__(scope, construct_id)
        image = f"ghcr.io/sage-bionetworks/bixarena-worker:{app_version}"
        if tarball is not None:
            asset = ecr_assets.TarballImageAsset(self, "WorkerImage", tarball_file=tarball)
            image = asset.image_uri
        database = arena.database
        if database.secret is None:
            raise ValueError(f"{database.node.path} has no generated secret")
        credentials = secretsmanager.Secret.from_secret_complete_arn(
            self, "DatabaseSecret", database.secret.secret_arn
        )
        log_group = logs.LogGroup(
            self,
            "WorkerLogGroup",
            log_group_name=f"/aws/ecs/{stack_prefix}-worker",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.RETAIN,
        )
        task = ecs_patterns.ScheduledFargateTask(
            self,
            "LeaderboardSnapshotTask",
            cluster=arena.cluster,
            rule_name=f"{stack_prefix}-leaderboard-snapshot-schedule",
            schedule=appscaling.Schedule.cron(hour="10", minute="0"),
            subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
                image=ecs.ContainerImage.from_registry(image),
                cpu=1024,
                memory_limit_mib=2048,
                environment={
                    "NUM_BOOTSTRAP": "1000",
                    "MIN_EVALS": "10",
                    "SIGNIFICANT": "false",
                    "MIN_TOTAL_BATTLES": "30",
                    "MIN_TOTAL_MODELS": "4",
                    "POSTGRES_HOST": database.db_instance_endpoint_address,
                    "POSTGRES_PORT": database.db_instance_endpoint_port,
                    "POSTGRES_DB": "bixarena",
                },
                secrets={
                    "POSTGRES_USER": ecs.Secret.from_secrets_manager(credentials, "username"),
                    "POSTGRES_PASSWORD": ecs.Secret.from_secrets_manager(credentials, "password"),
                },
                log_driver=ecs.LogDrivers.aws_logs(stream_prefix="worker", log_group=log_group),
            ),
        )
        # For the sidecar that GuardDuty injects.
        task.task_definition.add_to_execution_role_policy(
            iam.PolicyStatement(
                actions=[
                    "ecr:GetAuthorizationToken",
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:BatchGetImage",
                ],
                resources=["*"],
            )
        )


def main() -> None:
    """Synthesise the app."""
    app = App()
    prefix = "bixarena-prod"
    arena = ArenaStack(app, f"{prefix}-arena")
    WorkerStack(app, f"{prefix}-worker", stack_prefix=prefix, arena=arena)
    app.synth()


if __name__ == "__main__":
    main()
