"""A scheduled worker on the bare pattern: what BixArena's stack looks like today.

Compare it with ``after.py``; docs/migration.md shows what the change does.
"""

from __future__ import annotations

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

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
        task = ecs_patterns.ScheduledFargateTask(
            self,
            "Worker",
            cluster=cluster,
            schedule=appscaling.Schedule.cron(hour="10", minute="0"),
            rule_name=f"{PREFIX}-worker",
            scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
                image=ecs.ContainerImage.from_registry(
                    "ghcr.io/sage-bionetworks/bixarena-worker:edge"
                ),
                container_name="bixarena-worker",
                cpu=1024,
                memory_limit_mib=2048,
                environment={"POSTGRES_HOST": "database.internal", "POSTGRES_DB": "bixarena"},
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
    WorkerStack(app, "BixarenaWorker")
    app.synth()


if __name__ == "__main__":
    main()
