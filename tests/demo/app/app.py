"""A scheduled task in a cluster and a VPC that exist already: the smallest app like ours."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager

app = App()
stack = Stack(app, "Scheduled")
vpc = ec2.Vpc.from_vpc_attributes(
    stack,
    "Vpc",
    vpc_id="vpc-0123456789abcdef0",
    availability_zones=["us-east-1a"],
    private_subnet_ids=["subnet-0123456789abcdef0"],
)
cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="existing", vpc=vpc)
password = secretsmanager.Secret(
    stack,
    "Password",
    generate_secret_string=secretsmanager.SecretStringGenerator(
        secret_string_template='{"username": "worker"}', generate_string_key="password"
    ),
    removal_policy=RemovalPolicy.DESTROY,
)
task_definition = ecs.FargateTaskDefinition(stack, "TaskDefinition")
log_group = logs.LogGroup(stack, "Logs", removal_policy=RemovalPolicy.DESTROY)
task_definition.add_container(
    "Worker",
    container_name="worker",
    image=ecs.ContainerImage.from_registry("ghcr.io/example/worker:1.0.0"),
    environment={"GREETING": app.node.get_context("greeting")},
    secrets={"PASSWORD": ecs.Secret.from_secrets_manager(password, "password")},
    logging=ecs.LogDriver.aws_logs(stream_prefix="worker", log_group=log_group),
    stop_timeout=Duration.seconds(2),
)
scheduled = ecs_patterns.ScheduledFargateTask(
    stack,
    "Task",
    cluster=cluster,
    schedule=autoscaling.Schedule.cron(hour="10", minute="0"),
    scheduled_fargate_task_definition_options=(
        ecs_patterns.ScheduledFargateTaskDefinitionOptions(task_definition=task_definition)
    ),
)
CfnOutput(stack, "RuleName", value=scheduled.event_rule.rule_name)
CfnOutput(stack, "LogGroupName", value=log_group.log_group_name)
app.synth()
