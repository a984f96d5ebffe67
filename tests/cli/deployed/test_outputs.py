"""A stack's outputs, sorted by task."""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Template
from constructs import Construct

from bixarena_constructs import ScheduledSnapshotTask, SnapshotTask
from bixarena_constructs.cli.deployed.outputs import outputs_by_task


def test_finds_every_output_of_every_task_whatever_its_path() -> None:
    stack = Stack(App(), "Stack")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="a", vpc=vpc)
    image = "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0"
    for scope, name in (
        (stack, "Snapshot"),
        (stack, "Default"),
        (Construct(stack, "Night"), "Run-1"),
    ):
        ScheduledSnapshotTask(scope, name, cluster=cluster, image=image)
    SnapshotTask(stack, "Unscheduled", cluster=cluster, image=image)
    keys = Template.from_stack(stack).to_json()["Outputs"]
    tasks = outputs_by_task({key: f"value of {key}" for key in keys})
    assert tasks.keys() == {"Snapshot", "Default", "NightRun1", "Unscheduled"}
    names = {"ClusterArn", "ContainerName", "LogGroupName", "TaskDefinitionArn"}
    for outputs in tasks.values():
        assert names <= outputs.keys()
    assert "SnapshotOutputsRuleName" in tasks["Snapshot"]["RuleName"]
    assert "RuleName" not in tasks["Unscheduled"]


def test_leaves_out_what_is_no_output_of_a_task() -> None:
    others = {
        "ApiEndpoint12345678": "x",
        "LoadOutputsUrlABCDEF01": "y",
        "JobOutputsTaskDefinitionArnABCDEF02": "z",
    }
    assert outputs_by_task(others) == {}
