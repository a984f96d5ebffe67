"""The stack of `make aws-check`: a task without a database that does what its MODE says."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_applicationautoscaling import Schedule

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, WorkerSignals

# Started by the schedule, it succeeds and has no outcome.
SCRIPT = """
case "$MODE" in
good) echo '{"event": "run_finished", "outcome": "published", "exit_code": 0}' ;;
fail) echo '{"event": "run_failed", "cause": "database", "error": "made up", "exit_code": 4}'
      exit 4 ;;
hang) sleep 3600 ;;
esac
"""


def main() -> None:
    """Synthesise the app."""
    app = App()
    stack = Stack(app, "BixarenaAwsCheck")
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        max_azs=2,
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
        ],
    )
    task = ScheduledSnapshotTask(
        stack,
        "Task",
        cluster=ecs.Cluster(stack, "Cluster", vpc=vpc),
        image="public.ecr.aws/docker/library/busybox:stable",
        entry_point=["sh", "-c"],
        command=[SCRIPT],
        schedule=Schedule.expression("cron(0/15 * * * ? *)"),
        max_runtime=Duration.minutes(1),
        max_event_age=Duration.minutes(1),
        assign_public_ip=True,
        subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        log_removal_policy=RemovalPolicy.DESTROY,
        monitoring=SnapshotMonitoring(signals=WorkerSignals(), stop_overdue=False),
    )
    inbox = sqs.Queue(stack, "Inbox")
    if task.monitoring is not None:
        task.monitoring.topic.add_subscription(subscriptions.SqsSubscription(inbox))
    CfnOutput(stack, "InboxUrl", value=inbox.queue_url)
    app.synth()


if __name__ == "__main__":
    main()
