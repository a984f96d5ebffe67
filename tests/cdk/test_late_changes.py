"""What is set past the props, on the resources of a task, and found at synthesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Fn, Tags, Token
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import Stack

IMAGE = ecs.ContainerImage.from_registry


@pytest.fixture
def task(stack: Stack, cluster: ecs.ICluster) -> ScheduledSnapshotTask:
    return ScheduledSnapshotTask(stack, "Task", cluster=cluster, family="arena")


# `Any`: a resource as its setters take it, here and below.
def definition(task: SnapshotTask) -> Any:
    return task.task_definition.node.default_child


def rule(task: ScheduledSnapshotTask) -> Any:
    return task.event_rule.node.default_child


def worker(task: SnapshotTask) -> ecs.ContainerDefinition:
    container = task.task_definition.default_container
    assert container is not None
    return container


def set_twice(task: ScheduledSnapshotTask) -> None:
    secret = secretsmanager.Secret(task, "Secret")
    worker(task).add_environment("TOKEN", "a")
    worker(task).add_secret("TOKEN", ecs.Secret.from_secrets_manager(secret))


def add_sidecar(task: SnapshotTask, **props: Any) -> None:
    task.task_definition.add_container("sidecar", image=IMAGE("arena/sidecar:1.0.0"), **props)


CHANGES: list[tuple[Callable[[ScheduledSnapshotTask], object], str]] = [
    (
        lambda task: setattr(definition(task), "cpu", "300"),
        "of the task definition, cpu is 300; on Fargate it must be one of 256, 512,",
    ),
    (
        lambda task: setattr(definition(task), "memory", "300"),
        "of the task definition, memory_limit_mib is 300; with cpu 1024 it must be 2048 to",
    ),
    (
        lambda task: setattr(definition(task), "network_mode", "bridge"),
        "network_mode of the task definition is bridge; it must be awsvpc",
    ),
    (
        lambda task: setattr(definition(task), "requires_compatibilities", ["EC2"]),
        r"requires_compatibilities of the task definition is \['EC2'\]; add FARGATE",
    ),
    (
        lambda task: setattr(definition(task), "family", "other"),
        "the family of the task definition is set to other, and alerts follow arena; set family",
    ),
    (
        lambda task: setattr(
            definition(task),
            "container_definitions",
            [ecs.CfnTaskDefinition.ContainerDefinitionProperty(name="a", image="b")],
        ),
        "the task definition has no container 'bixarena-worker' any more",
    ),
    (
        lambda task: worker(task).add_environment("MAX_RUNTIME_SECONDS", "5"),
        "MAX_RUNTIME_SECONDS of the container 'bixarena-worker' is 5, and alarms follow .* 900",
    ),
    (
        lambda task: worker(task).add_environment("SCHEDULED_AT", "2026-03-06T10:00:00Z"),
        "the container 'bixarena-worker' sets SCHEDULED_AT, which each run gets from what starts",
    ),
    (set_twice, "the container 'bixarena-worker' takes TOKEN from its environment and from a se"),
    (
        lambda task: add_sidecar(task, memory_limit_mib=4096),
        "the container 'sidecar' has 4096 MiB of memory, more than the 2048 of its task; set mem",
    ),
    (
        lambda task: add_sidecar(task, container_name="a sidecar"),
        "the name of the container 'a sidecar' must be 1 to 255 letters, digits, '_' and '-'",
    ),
    (
        lambda task: add_sidecar(task, container_name="bixarena-worker"),
        "the task definition has more than one container bixarena-worker; give each its own name",
    ),
    (
        lambda task: [
            task.task_definition.add_container(f"sidecar{number}", image=IMAGE("arena/sidecar:1"))
            for number in range(10)
        ],
        "the task definition has 11 containers; ECS takes up to 10",
    ),
    (
        lambda task: [worker(task).add_environment(f"V{n}", "x" * 700) for n in range(100)],
        (
            "the containers of the task definition have 7[0-9],[0-9]{3} characters of text, most "
            "of it in environment of 'bixarena-worker', and ECS takes 65,536"
        ),
    ),
    (
        lambda task: task.node.try_remove_child("LogGroup"),
        "Stack/Task/LogGroup is removed from the app, and the task refers to it; leave it, or pa",
    ),
    (
        lambda task: task.node.try_remove_child("ScheduledTaskDef"),
        "Stack/Task/ScheduledTaskDef is removed from the app, and the task refers to it; leave it",
    ),
    (
        lambda task: task.node.try_remove_child("Default"),
        "Stack/Task/Default is removed from the app, and the task refers to it; leave it, or pas",
    ),
    (
        lambda task: task.node.try_remove_child("DeadLetterQueue"),
        "Stack/Task/DeadLetterQueue is removed from the app, and the task refers to it",
    ),
    (
        lambda task: task.task_definition.node.try_remove_child("SecurityGroup"),
        "Stack/Task/ScheduledTaskDef/SecurityGroup is removed from the app, and the task refers",
    ),
    (
        lambda task: setattr(rule(task), "state", "DISABLED"),
        "the state of the rule is set to DISABLED, .*; set enabled=False instead",
    ),
    (
        lambda task: setattr(rule(task), "schedule_expression", "rate(1 minute)"),
        r"the schedule of the rule is set to rate\(1 minute\), .*; set schedule instead",
    ),
    (
        lambda task: task.event_rule.add_event_pattern(source=["arena"]),
        "the rule has an event pattern, too, .*; define a rule of its own for it",
    ),
    (
        lambda task: setattr(rule(task), "targets", []),
        "the first target of the rule is no longer the task; leave targets as they are",
    ),
    (
        lambda task: task.event_rule.add_target(targets.SqsQueue(sqs.Queue(task, "Queue"))),
        "the rule that starts the task has the target Target1, too, .* define a rule of its own",
    ),
    (
        lambda task: task.event_rule.add_target(
            targets.EcsTask(cluster=task.cluster, task_definition=task.task_definition)
        ),
        "the rule that starts the task has the target Target1, too, .* define a rule of its own",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_fails_the_synthesis_with_the_path_and_a_way_out(
    stack: Stack,
    task: ScheduledSnapshotTask,
    change: Callable[[ScheduledSnapshotTask], object],
    sentence: str,
) -> None:
    change(task)
    with pytest.raises(RuntimeError, match=rf"\[Stack/Task\] {sentence}"):
        Template.from_stack(stack)


@pytest.mark.parametrize(
    ("source", "tags", "is_refused"),
    [
        (ecs.PropagatedTagSource.TASK_DEFINITION, 29, False),
        (ecs.PropagatedTagSource.TASK_DEFINITION, 30, True),
        (ecs.PropagatedTagSource.NONE, 30, False),
    ],
)
def test_counts_the_tags_that_a_run_takes_from_its_definition(
    stack: Stack,
    cluster: ecs.ICluster,
    source: ecs.PropagatedTagSource,
    tags: int,
    *,
    is_refused: bool,
) -> None:
    own = {f"own{number}": "a" for number in range(20)}
    task = SnapshotTask(stack, "Task", cluster=cluster, task_tags=own, propagate_tags=source)
    for number in range(tags):
        Tags.of(task).add(f"of-app{number}", "a")
    Tags.of(task).add("own0", "the same key")
    if is_refused:
        with pytest.raises(RuntimeError, match=r"a run has 51 tags, 21 of its own .* up to 50"):
            Template.from_stack(stack)
    else:
        Template.from_stack(stack).resource_count_is("AWS::ECS::TaskDefinition", 1)


@pytest.mark.parametrize("prop", ["task_role", "execution_role"])
@pytest.mark.parametrize("service", ["lambda", "ecs", "ecs-tasks"])
def test_fails_the_synthesis_for_a_role_that_ecs_may_not_assume(
    stack: Stack, cluster: ecs.ICluster, prop: str, service: str
) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal(f"{service}.amazonaws.com"))
    props: dict[str, Any] = {prop: role}
    SnapshotTask(stack, "Task", cluster=cluster, **props)
    if service == "ecs-tasks":
        Template.from_stack(stack)
        return
    with pytest.raises(RuntimeError, match=f"{prop} is Stack/Role, which ecs-tasks.* may not ass"):
        Template.from_stack(stack)


def test_takes_a_role_that_ecs_may_assume_by_a_later_statement(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    SnapshotTask(stack, "Task", cluster=cluster, task_role=role)
    document = role.assume_role_policy
    assert document is not None
    agent = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
    document.add_statements(iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[agent]))
    Template.from_stack(stack).resource_count_is("AWS::ECS::TaskDefinition", 1)


NAMED = logs.LogGroup.from_log_group_name


@pytest.mark.parametrize(
    ("logging", "log_group", "sentence"),
    [
        (
            "/arena/one",
            NAMED,
            "the container 'worker' logs to /arena/one, and log_group is /arena",
        ),
        ("", logs.LogGroup, "the container 'worker' logs to .*; pass the log group that it logs"),
    ],
)
def test_fails_the_synthesis_where_log_group_is_another_than_the_definitions(
    stack: Stack, cluster: ecs.ICluster, logging: str, log_group: Any, sentence: str
) -> None:
    of_worker = logs.LogGroup(stack, "One") if not logging else NAMED(stack, "One", logging)
    driver = ecs.LogDrivers.aws_logs(stream_prefix="a", log_group=of_worker)
    definition = ecs.FargateTaskDefinition(stack, "Definition")
    definition.add_container(
        "worker",
        image=IMAGE("ghcr.io/arena/worker:1.0.0"),
        logging=driver,
    )
    other = NAMED(stack, "Two", "/arena/two") if log_group is NAMED else log_group(stack, "Two")
    SnapshotTask(stack, "Task", cluster=cluster, task_definition=definition, log_group=other)
    with pytest.raises(RuntimeError, match=rf"\[Stack/Task\] {sentence}"):
        Template.from_stack(stack)


def test_takes_the_log_group_of_a_definition_by_its_name(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    definition = ecs.FargateTaskDefinition(stack, "Definition")
    driver = ecs.LogDrivers.aws_logs(stream_prefix="a", log_group=NAMED(stack, "One", "/arena"))
    image = IMAGE("ghcr.io/arena/worker:1.0.0")
    definition.add_container("worker", image=image, logging=driver)
    again = NAMED(stack, "Two", "/arena")
    SnapshotTask(stack, "Task", cluster=cluster, task_definition=definition, log_group=again)
    Template.from_stack(stack).resource_count_is("AWS::ECS::TaskDefinition", 1)


def test_takes_what_works(stack: Stack, cluster: ecs.ICluster) -> None:
    number: Any = Token.as_number({"Ref": "Number"})
    task = ScheduledSnapshotTask(
        stack,
        "Task",
        cluster=cluster,
        cpu=number,
        max_runtime=Duration.seconds(number),
        schedule=events.Schedule.expression(Fn.import_value("Expression")),
        enabled=False,
    )
    worker(task).add_environment("MODE", "a")
    add_sidecar(task, memory_reservation_mib=512, environment={"SCHEDULED_AT": "theirs"})
    definition(task).tags.set_tag("team", "arena")
    rule(task).description = "Starts it"
    Template.from_stack(stack)
