"""Whatever the construct accepts can run; whatever it refuses, it refuses by name.

Hypothesis draws props, plain ones and faulty ones, and the template has to keep its promises.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template
from cfnlint.api import lint
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from bixarena_constructs import GuardDutyAgentPull, ScheduledSnapshotTask, postgres_secrets
from bixarena_constructs.testing import (
    assert_complete_secret_arns,
    assert_finite_log_retention,
    assert_schedule_can_start_its_task,
    assert_single_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:arena-AbCdEf"

Maker = st.SearchStrategy["Callable[[Stack], object]"]


def constant(values: st.SearchStrategy[Any]) -> Maker:  # any prop's values
    return values.map(lambda value: lambda _: value)


def secret(stack: Stack) -> secretsmanager.ISecret:
    found = stack.node.try_find_child("Secret")
    if found is None:
        return secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", ARN)
    return found  # type: ignore[return-value] # the secret that the line above made


EXPRESSIONS = st.one_of(
    st.builds("cron({} {} * * ? *)".format, st.integers(0, 61), st.integers(0, 25)),
    st.builds("cron(0 10 ? * {} *)".format, st.sampled_from(["MON-FRI", "2#1", "6L", "8", "SUN"])),
    st.builds("rate({} {})".format, st.integers(0, 40), st.sampled_from(["days", "minutes"])),
    st.sampled_from(["at(2026-03-06T10:00:00)", "cron(0 10 30 2 ? *)", "rate(1 day)"]),
)
SIZES = st.sampled_from([0, 256, 512, 1000, 1024, 2048, 4096, 8192, 30720])
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=12)

# Each prop by a strategy of functions that make its value in a stack.
PROPS: dict[str, Maker] = {
    "image": constant(
        st.one_of(
            st.sampled_from(
                [
                    "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0",
                    f"python@sha256:{'0' * 64}",
                    "111122223333.dkr.ecr.us-east-1.amazonaws.com/worker:1",
                ]
            ),
            NAMES,
        )
    ),
    "cpu": constant(SIZES),
    "memory_limit_mib": constant(SIZES),
    "ephemeral_storage_gib": constant(st.integers(15, 210)),
    "runtime_platform": constant(
        st.sampled_from(["ARM64", "X86_64"]).map(
            lambda name: ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.of(name))
        )
    ),
    "schedule": constant(
        EXPRESSIONS.flatmap(
            lambda text: st.sampled_from(
                [appscaling.Schedule.expression(text), events.Schedule.expression(text)]
            )
        )
    ),
    "max_runtime": constant(st.integers(0, 90_000).map(Duration.seconds)),
    "max_event_age": constant(st.integers(0, 90_000).map(Duration.seconds)),
    "retry_attempts": constant(st.integers(-1, 200)),
    "stop_timeout": constant(st.integers(0, 130).map(Duration.seconds)),
    "environment": constant(st.dictionaries(NAMES, NAMES, max_size=3)),
    "command": constant(st.lists(NAMES, max_size=3)),
    "secrets": st.sampled_from(
        [
            lambda stack: postgres_secrets(secret(stack)),
            lambda stack: {"TOKEN": secret(stack)},
            lambda stack: {"TOKEN": ecs.Secret.from_secrets_manager(secret(stack), "token")},
        ]
    ),
    "registry_credentials": st.just(secret),
    "readonly_root_filesystem": constant(st.booleans()),
    "enable_execute_command": constant(st.booleans()),
    "assign_public_ip": constant(st.booleans()),
    "subnet_selection": constant(
        st.sampled_from(list(ec2.SubnetType)).map(
            lambda kind: ec2.SubnetSelection(subnet_type=kind)
        )
    ),
    "guardduty_agent_pull": constant(st.sampled_from(GuardDutyAgentPull)),
    "log_retention": constant(
        st.sampled_from([logs.RetentionDays.ONE_DAY, logs.RetentionDays.ONE_YEAR])
    ),
    "enabled": constant(st.booleans()),
    "outputs": constant(st.booleans()),
}
SOME_PROPS = st.lists(st.sampled_from(sorted(PROPS)), unique=True, max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: PROPS[name] for name in {*names, "image"}})
)


def synthesised(makers: dict[str, Callable[[Stack], object]]) -> dict[str, Any]:  # untyped JSON
    stack = Stack(App(), "Stack")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["us-east-1a", "us-east-1b"],
        public_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        private_subnet_ids=["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"],
        isolated_subnet_ids=["subnet-0123456789abcdef4", "subnet-0123456789abcdef5"],
    )
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)
    props: dict[str, Any] = {name: make(stack) for name, make in makers.items()}
    ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, **props)
    return dict(Template.from_stack(stack).to_json())


def attempt(makers: dict[str, Callable[[Stack], object]]) -> dict[str, Any] | str:  # as above
    """Return the template, or why there is none."""
    try:
        return synthesised(makers)
    except ValueError as refusal:
        return str(refusal)


@pytest.mark.slow
@settings(max_examples=80)
@given(SOME_PROPS)
def test_what_is_accepted_can_run_and_what_is_refused_is_named(
    makers: dict[str, Callable[[Stack], object]],
) -> None:
    template = attempt(makers)
    if isinstance(template, str):
        event("refused")
        assert any(name in template for name in makers), template
        return
    event("accepted")
    assert_schedule_can_start_its_task(template)
    assert_complete_secret_arns(template)
    assert_finite_log_retention(template)
    assert_single_target(template)
    assert_no_secret_value(template)


@pytest.mark.slow
@settings(max_examples=8)
@given(SOME_PROPS)
def test_what_is_accepted_passes_cfn_lint(makers: dict[str, Callable[[Stack], object]]) -> None:
    template = attempt(makers)
    assume(not isinstance(template, str))
    assert lint(json.dumps(template), regions=["us-east-1"]) == []


def assert_no_secret_value(template: dict[str, Any]) -> None:  # as above
    # CloudFormation would write the value of a dynamic reference into the task definition.
    assert "{{resolve:" not in json.dumps(template)
    (definition,) = (
        one["Properties"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::ECS::TaskDefinition"
    )
    (container,) = definition["ContainerDefinitions"]
    plain = {one["Name"] for one in container.get("Environment", [])}
    for one in container.get("Secrets", []):
        assert one["Name"] not in plain
        assert one["ValueFrom"].startswith(ARN)
