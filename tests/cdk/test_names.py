"""Construct ids and stack names that a service would not take in what is made of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, NestedStack, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Template
from constructs import Construct

from bixarena_constructs import ExitCode, ScheduledSnapshotTask, SnapshotMonitoring, WorkerSignals

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of EC2's API reference, CreateSecurityGroup.
DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def define(
    scope: Construct, *ids: str, monitoring: SnapshotMonitoring | None = None
) -> ScheduledSnapshotTask:
    for each in ids[:-1]:
        scope = Construct(scope, each)
    vpc = ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    cluster = ecs.Cluster.from_cluster_attributes(scope, "Cluster", cluster_name="arena", vpc=vpc)
    return ScheduledSnapshotTask(scope, ids[-1], cluster=cluster, monitoring=monitoring)


def texts(value: object, name: str) -> Iterator[str]:
    """Yield each text that a template has under a name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name and isinstance(inner, str):
                yield inner
            yield from texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, name)


@pytest.mark.parametrize(
    ("ids", "length"),
    [
        (["Täglich"], 22),
        (["At 10:00"], 23),
        (["10 * 2"], 21),
        (["US$"], 18),
        (["Outer" * 12] * 4 + ["Snapshot"], 267),
    ],
)
def test_refuses_ids_that_make_no_namespace_of_metrics(ids: list[str], length: int) -> None:
    stack = Stack(App(), "Arena")
    with pytest.raises(ValueError, match="construct_id of ") as refused:
        define(stack, *ids, monitoring=SnapshotMonitoring())
    path = "/".join(["Arena", *ids])
    assert str(refused.value) == (
        f"construct_id of {path} makes the metrics' namespace {f'Bixarena/{path}'!r}, of {length} "
        "characters; it must be 1 to 255 of ASCII without ':', '*' and '$': choose shorter or "
        "plainer ids"
    )


@pytest.mark.parametrize(
    "ids", [["At 10.00 (UTC)"], ["a_b-c#d"], ["Outer" * 12] * 3 + ["Outer" * 9 + "Tasks"]]
)
def test_takes_any_other_id_in_each_text_that_has_its_path(ids: list[str]) -> None:
    stack = Stack(App(), "Arena")
    longest = WorkerSignals(exit_codes={3: ExitCode(meaning="m" * 200)})
    define(stack, *ids, monitoring=SnapshotMonitoring(signals=longest))
    template = Template.from_stack(stack).to_json()
    (namespace,) = set(texts(template, "MetricNamespace"))
    assert namespace == "/".join(["Bixarena", "Arena", *ids])
    assert all(len(text) <= 512 for text in texts(template, "Description"))
    assert all(len(text) <= 1024 for text in texts(template, "AlarmDescription"))
    assert all(map(DESCRIPTION.fullmatch, texts(template, "GroupDescription")))


def test_takes_a_nested_stack_whose_name_is_known_at_deployment() -> None:
    stack = Stack(App(), "Arena")
    nested = NestedStack(stack, "Nested")
    define(nested, "Snapshot", monitoring=SnapshotMonitoring())
    assert '"Bixarena/"' in json.dumps(Template.from_stack(nested).to_json())


@pytest.mark.parametrize("ids", [["Täglich"], ["O'Brien"], ["Outer" * 12] * 5 + ["Snapshot"]])
def test_describes_the_security_group_as_ec2_takes_it(ids: list[str]) -> None:
    stack = Stack(Stage(App(), "Stage"), "Arena")
    define(stack, *ids)
    (description,) = texts(Template.from_stack(stack).to_json(), "GroupDescription")
    assert DESCRIPTION.fullmatch(description)
    assert description.startswith("Stage/Arena/")


def test_keeps_the_description_that_the_cdk_gives_the_security_group() -> None:
    stack = Stack(App(), "Arena")
    define(stack, "Snapshot")
    (description,) = texts(Template.from_stack(stack).to_json(), "GroupDescription")
    assert description == "Arena/Snapshot/ScheduledTaskDef/SecurityGroup"


def test_refuses_a_meaning_that_has_no_room_in_the_description_of_a_rule() -> None:
    with pytest.raises(ValueError, match=r"meaning is 'mm.*'; it must be a line of 1 to 200"):
        ExitCode(meaning="m" * 201)
