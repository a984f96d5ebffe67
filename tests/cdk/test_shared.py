"""What the tasks of an app share: it works for all, or is refused with the paths of two."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnOutput, Duration, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template
from cfnlint.api import lint
from constructs import Construct

from bixarena_constructs import (
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    TaskMonitoring,
    WorkerSignals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
HERE = Environment(account="111122223333", region="eu-west-1")
THERE = Environment(account="111122223333", region="us-east-1")


def cluster_in(stack: Stack) -> ecs.ICluster:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["eu-west-1a", "eu-west-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    return ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)


def definition_in(stack: Construct, log_group: logs.ILogGroup) -> ecs.FargateTaskDefinition:
    definition = ecs.FargateTaskDefinition(stack, "Definition")
    definition.add_container(
        "worker",
        image=ecs.ContainerImage.from_registry("arena/worker:1.0.0"),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="a", log_group=log_group),
    )
    return definition


def brought(stack: Stack) -> dict[str, Any]:
    log_group = logs.LogGroup(stack, "Log")
    return {"task_definition": definition_in(stack, log_group), "log_group": log_group}


def all_neighbours(stack: Stack) -> dict[str, Any]:
    """Whatever tasks may share, in one stack of the task's own."""
    key = kms.Key(stack, "Key")
    secret = secretsmanager.Secret(stack, "Credentials", encryption_key=key)
    vpc = ec2.Vpc(stack, "OwnVpc", max_azs=2)
    return {
        "cluster": ecs.Cluster(stack, "OwnCluster", vpc=vpc),
        "image": "ghcr.io/arena/worker:1.0.0",
        "registry_credentials": secret,
        "secrets": {"A": secret, "B": (secret, "field")},
        "secret_keys": [key],
        "task_role": iam.Role(stack, "TaskRole", assumed_by=AGENT),
        "execution_role": iam.Role(stack, "ExecutionRole", assumed_by=AGENT),
        "security_groups": [ec2.SecurityGroup(stack, "Group", vpc=vpc)],
        "dead_letter_queue": sqs.Queue(stack, "Queue", encryption_master_key=key),
        "enable_execute_command": True,
        "monitoring": SnapshotMonitoring(
            topic=sns.Topic(stack, "Topic", master_key=key), signals=signals()
        ),
    }


def signals() -> WorkerSignals:
    line = logs.FilterPattern.literal("done")
    return WorkerSignals(outcome=line)


def define(scope: Construct, construct_id: str, **props: Any) -> ScheduledSnapshotTask:
    return ScheduledSnapshotTask(scope, construct_id, **props)


def faults(stack: Stack) -> list[str]:
    with pytest.raises(RuntimeError) as failed:  # of jsii, as all that is found at synthesis
        Template.from_stack(stack)
    return re.findall(r"\[[\w/]+\] (.*)", str(failed.value))


@pytest.mark.slow
def test_three_monitored_tasks_share_all_that_the_page_names() -> None:
    stack = Stack(App(), "Stack")
    props = all_neighbours(stack)
    for number in range(3):
        define(stack, f"Task{number}", **props)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::SQS::Queue", 1)
    template.resource_count_is("AWS::SNS::Topic", 1)
    assert lint_of(template) == []


def lint_of(template: Template) -> list[str]:
    return [str(match) for match in lint(json.dumps(template.to_json()))]


MONITORED = {"monitoring": SnapshotMonitoring()}
# Props of both tasks, with what the second one adds.
REFUSED: dict[str, tuple[Callable[[Stack], dict[str, Any]], dict[str, Any]]] = {
    "export_prefix": (lambda _: {"export_prefix": "arena-"}, {}),
    "family": (lambda _: {"family": "arena"}, MONITORED),
    "log_group": (lambda stack: {"log_group": logs.LogGroup(stack, "Log")}, MONITORED),
    "rule_name": (lambda _: {"rule_name": "arena-daily"}, {}),
    "task_definition": (brought, {}),
}


@pytest.mark.parametrize("prop", REFUSED)
@pytest.mark.parametrize("is_first_watched", [False, True], ids=["second", "first"])
def test_names_both_tasks_that_share_what_one_must_have_alone(
    prop: str, *, is_first_watched: bool
) -> None:
    stack = Stack(App(), "Stack")
    cluster = cluster_in(stack)
    of_both, of_one = REFUSED[prop]
    props = {"cluster": cluster, **of_both(stack)}
    define(stack, "One", **props, **(of_one if is_first_watched else {}))
    define(stack, "Two", **props, **({} if is_first_watched else of_one))
    (fault,) = {each for each in faults(stack) if each.startswith(prop)}
    assert f"{prop} of Stack/Two is that of Stack/One, too" in fault
    assert "; " in fault


@pytest.mark.parametrize("prop", ["family", "log_group"])
def test_both_may_be_shared_while_nobody_watches(prop: str) -> None:
    stack = Stack(App(), "Stack")
    props = {"cluster": cluster_in(stack), **REFUSED[prop][0](stack)}
    define(stack, "One", **props)
    define(stack, "Two", **props)
    Template.from_stack(stack)


def test_a_rule_on_failures_watches_a_family() -> None:
    stack = Stack(App(), "Stack")
    props = {"cluster": cluster_in(stack), "family": "arena"}
    define(stack, "One", **props).on_failure("Failure")
    define(stack, "Two", **props)
    (fault,) = faults(stack)
    assert "family of Stack/Two is that of Stack/One" in fault


def test_a_family_may_run_in_two_clusters() -> None:
    stack = Stack(App(), "Stack")
    cluster = cluster_in(stack)
    other = ecs.Cluster.from_cluster_attributes(
        stack, "Other", cluster_name="other", vpc=cluster.vpc
    )
    define(stack, "One", cluster=cluster, family="arena", **MONITORED)
    define(stack, "Two", cluster=other, family="arena", **MONITORED)
    Template.from_stack(stack)


def test_refuses_the_log_group_that_another_watched_task_made() -> None:
    stack = Stack(App(), "Stack")
    cluster = cluster_in(stack)
    one = define(stack, "One", cluster=cluster, **MONITORED)
    define(stack, "Two", cluster=cluster, log_group=one.log_group)
    (fault,) = faults(stack)
    assert "log_group of Stack/Two is that of Stack/One" in fault


def test_tasks_that_write_different_lines_share_a_log_group() -> None:
    stack = Stack(App(), "Stack")
    props = {"cluster": cluster_in(stack), "log_group": logs.LogGroup(stack, "Log")}
    define(stack, "One", **props, **MONITORED)
    settings = SnapshotMonitoring(signals=signals())
    define(stack, "Two", **props, image="arena/worker:1.0.0", monitoring=settings)
    Template.from_stack(stack)


def test_refuses_lines_of_ones_own_that_two_tasks_read() -> None:
    stack = Stack(App(), "Stack")
    settings = SnapshotMonitoring(signals=signals())
    props = {
        "cluster": cluster_in(stack),
        "log_group": logs.LogGroup(stack, "Log"),
        "image": "arena/worker:1.0.0",
        "monitoring": settings,
    }
    define(stack, "One", **props)
    define(stack, "Two", **props)
    (fault,) = faults(stack)
    assert "log_group of Stack/Two is that of Stack/One" in fault


def test_refuses_a_log_group_of_two_watched_tasks_of_other_constructs() -> None:
    stack = Stack(App(), "Stack")
    cluster, log_group = cluster_in(stack), logs.LogGroup(stack, "Log")
    for name in ("One", "Two"):
        scope = Construct(stack, name)
        pattern = ecs_patterns.ScheduledFargateTask(
            scope,
            "Pattern",
            cluster=cluster,
            schedule=appscaling.Schedule.rate(Duration.hours(1)),
            scheduled_fargate_task_definition_options=(
                ecs_patterns.ScheduledFargateTaskDefinitionOptions(
                    task_definition=definition_in(scope, log_group)
                )
            ),
        )
        TaskMonitoring(scope, "Monitoring", task=pattern, max_runtime=Duration.minutes(5))
    (fault,) = faults(stack)
    assert "log_group of Stack/Two/Pattern is that of Stack/One/Pattern, too" in fault


def two_stacks(one: Construct, two: Construct, places: list[Environment | None]) -> Stack:
    for scope, place, name in zip((one, two), places, ("First", "Second"), strict=True):
        stack = Stack(scope, name, env=place)
        SnapshotTask(stack, "Task", cluster=cluster_in(stack), export_prefix="arena-")
    return stack


@pytest.mark.parametrize("place", [None, HERE], ids=["anywhere", "here"])
def test_refuses_an_export_of_two_stacks_in_one_place(place: Environment | None) -> None:
    app = App()
    (fault, *_) = faults(two_stacks(app, app, [place, place]))
    assert "export_prefix of Second/Task is that of First/Task, too: the name of an ex" in fault


def test_refuses_an_export_of_two_stages_in_one_place() -> None:
    app = App()
    stages = [Stage(app, name, env=HERE) for name in ("Test", "Live")]
    stack = two_stacks(stages[0], stages[1], [None, None])
    assert Stage.of(stack) is stages[1]
    Template.from_stack(stages[0].node.find_child("First"))  # type: ignore[arg-type] # a stack
    (fault, *_) = faults(stack)
    assert "of Live/Second/Task is that of Test/First/Task" in fault


def test_an_export_may_have_one_name_in_two_places() -> None:
    app = App()
    Template.from_stack(two_stacks(app, app, [HERE, THERE]))
    stages = [Stage(app, name) for name in ("Test", "Live")]
    Template.from_stack(two_stacks(stages[0], stages[1], [None, None]))


@pytest.mark.parametrize(("count", "is_warned"), [(200, False), (201, True)])
def test_warns_of_more_outputs_than_cloudformation_takes(count: int, *, is_warned: bool) -> None:
    stack = Stack(App(), "Stack")
    define(stack, "Task", cluster=cluster_in(stack))
    outputs = stack.node.find_child("Task").node.find_child("Outputs").node.children
    for number in range(len(outputs), count):
        CfnOutput(stack, f"Output{number}", value="a")
    CfnOutput(NestedStack(stack, "Nested"), "Output", value="a")
    found = Annotations.from_stack(stack).find_warning(
        "/Stack", Match.string_like_regexp(f"Stack has {count} outputs; .* takes 200")
    )
    assert bool(found) is is_warned
