"""The task is launched alike, whatever launches it: compared field by field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, cast

import boto3
import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring
from bixarena_constructs.cli.deployed.request import request_for
from bixarena_constructs.cli.deployed.stack import DeployedTask

Fields = dict[str, Any]  # of requests of AWS's APIs

MORNING: Final = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)
OPTIONS: Final[Fields] = {
    "task_tags": {"team": "arena", "cost centre": "a=b c"},
    "propagate_tags": ecs.PropagatedTagSource.TASK_DEFINITION,
    "enable_ecs_managed_tags": True,
    "enable_execute_command": True,
    "platform_version": ecs.FargatePlatformVersion.VERSION1_4,
    "subnet_selection": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
}


def share(name: str, **numbers: int) -> ecs.CapacityProviderStrategy:
    return ecs.CapacityProviderStrategy(capacity_provider=name, **numbers)


SPOT: Final = [share("FARGATE_SPOT", weight=4), share("FARGATE", base=1, weight=1)]


@dataclass(frozen=True)
class Launches:
    """What each launcher asks of ECS, with the keys of RunTask."""

    rule: Fields
    schedule: Fields
    retry: Fields
    run: Fields
    command: Fields

    @classmethod
    def of(cls, **props: Any) -> Launches:  # any prop
        env = Environment(account="111122223333", region="eu-central-1")
        stack = Stack(App(), "Arena", env=env)
        task = _define(stack, **props)
        template = Template.from_stack(stack)
        (rule,) = (
            each["Properties"]
            for each in template.find_resources("AWS::Events::Rule").values()
            if "ScheduleExpression" in each["Properties"]
        )
        (schedule,) = (
            each["Properties"]
            for name, each in template.find_resources("AWS::Scheduler::Schedule").items()
            if name == "Schedule83A77FD1"
        )
        (machine,) = template.find_resources("AWS::StepFunctions::StateMachine").values()
        states = json.loads(as_text(machine["Properties"]["DefinitionString"]))["States"]
        command = as_text(stack.resolve(task.run_task_command))
        session = boto3.Session(region_name="eu-central-1")
        return cls(
            rule=of_target(rule["Targets"][0]),
            schedule=of_target(schedule["Target"]),
            retry=as_api_names(states["RunAgain"]["Arguments"]),
            run=of_rule_as_deployed(rule["Targets"][0]),
            command=request_for(deployed(session, RunTaskCommand=command), MORNING),
        )


def _define(stack: Stack, **props: Any) -> ScheduledSnapshotTask:  # any prop
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["eu-central-1a", "eu-central-1b"],
        public_subnet_ids=["subnet-1", "subnet-2"],
        private_subnet_ids=["subnet-3", "subnet-4"],
    )
    task = ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=ecs.Cluster.from_cluster_attributes(
            stack, "Cluster", cluster_name="arena", vpc=vpc
        ),
        image="ghcr.io/arena/worker:1.4.0",
        security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")],
        monitoring=SnapshotMonitoring(retry_after=Duration.minutes(10)),
        **props,
    )
    scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
        target=task.schedule_target(),
    )
    return task


def as_text(value: Any) -> str:
    """Return a value of a template as one text, with logical ids in place of what they name."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(as_text, parts))
    return str(value.get("Ref") or value["Fn::GetAtt"])


def as_api_names(value: Any) -> Any:
    if isinstance(value, list):
        return [as_api_names(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() & {"Ref", "Fn::Join", "Fn::GetAtt"}:
        return as_text(value)
    return {
        name.replace("ECS", "ecs", 1)
        if name.startswith("ECS")
        else name[0].lower() + name[1:]: as_api_names(each)
        for name, each in value.items()
    }


def of_target(target: Fields) -> Fields:
    """Return a target's parameters as those of RunTask."""
    fields: Fields = as_api_names(target["EcsParameters"])
    fields["cluster"] = as_text(target["Arn"])
    fields["taskDefinition"] = fields.pop("taskDefinitionArn")
    fields["tags"] = fields.pop("tagList", None) or fields.pop("tags")
    network = fields["networkConfiguration"]
    fields["networkConfiguration"] = {"awsvpcConfiguration": next(iter(network.values()))}
    return fields


def deployed(session: object = None, **outputs: str) -> DeployedTask:
    return DeployedTask(
        stack="Arena",
        name="Snapshot",
        arguments="Arena",
        outputs={"ContainerName": "bixarena-worker", **outputs},
        session=cast("boto3.Session", session),
    )


class Events:
    """The Events API, and the session that makes its client, with one rule."""

    def __init__(self, target: Fields) -> None:
        self.exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)
        self._target = target

    def client(self, name: str) -> Events:
        assert name == "events"
        return self

    def describe_rule(self, **_: str) -> Fields:
        return {"Arn": "rule", "ScheduleExpression": "rate(1 day)", "State": "ENABLED"}

    def list_targets_by_rule(self, **_: str) -> Fields:
        return {"Targets": [self._target]}


def of_rule_as_deployed(target: Fields) -> Fields:
    """Return what ``bixarena run`` asks for when the Events API shows it the target."""
    parameters = {**target["EcsParameters"]}
    parameters["Tags"] = parameters.pop("TagList")
    parameters["TaskDefinitionArn"] = as_text(parameters["TaskDefinitionArn"])
    network = parameters["NetworkConfiguration"]["AwsVpcConfiguration"]
    parameters["NetworkConfiguration"] = {"awsvpcConfiguration": network}
    session = Events({**target, "Arn": as_text(target["Arn"]), "EcsParameters": parameters})
    return request_for(deployed(session, RuleName="rule"), MORNING)


@pytest.mark.parametrize(
    "props",
    [
        {},
        OPTIONS,
        {"capacity_provider_strategies": SPOT[:1]},
        {**OPTIONS, "capacity_provider_strategies": SPOT},
    ],
    ids=["defaults", "options", "spot", "both"],
)
def test_is_launched_alike_by_rule_schedule_retry_and_hand(props: Fields) -> None:
    launches = Launches.of(**props)
    expected = launches.rule
    has_capacity = "capacity_provider_strategies" in props
    assert ("launchType" in expected) is not has_capacity
    assert ("capacityProviderStrategy" in expected) is has_capacity
    for name in ("schedule", "retry", "run", "command"):
        assert comparable(getattr(launches, name)) == comparable(expected), name


def comparable(request: Fields) -> Fields:
    """Return a request without what is each launcher's own, and in any order of tags."""
    own = {"clientToken", "overrides", "startedBy"}
    kept = {name: value for name, value in request.items() if name not in own and value}
    # RunTask starts one task, unless asked for more.
    if kept.get("taskCount") == 1:
        del kept["taskCount"]
    return {**kept, "tags": sorted(map(str, kept["tags"]))}


@pytest.mark.parametrize("is_enabled", [True, False])
def test_warns_where_the_cluster_lacks_a_capacity_provider(*, is_enabled: bool) -> None:
    stack = Stack(App(), "Arena")
    cluster = ecs.Cluster(stack, "Cluster", vpc=ec2.Vpc(stack, "Vpc"))
    ScheduledSnapshotTask(
        stack, "Snapshot", cluster=cluster, capacity_provider_strategies=SPOT[:1]
    )
    if is_enabled:
        # After the task.
        cluster.enable_fargate_capacity_providers()
    found = Annotations.from_stack(stack).find_warning(
        "*", Match.string_like_regexp("has FARGATE_SPOT, which the cluster lacks")
    )
    assert len(found) == (not is_enabled)


def test_has_every_field_of_what_was_asked_for() -> None:
    assert comparable(Launches.of(**OPTIONS, capacity_provider_strategies=SPOT).retry) == {
        "capacityProviderStrategy": [
            {"capacityProvider": "FARGATE_SPOT", "weight": 4},
            {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        ],
        "cluster": "arn:AWS::Partition:ecs:eu-central-1:111122223333:cluster/arena",
        "enableECSManagedTags": True,
        "enableExecuteCommand": True,
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "assignPublicIp": "ENABLED",
                "securityGroups": ["sg-1"],
                "subnets": ["subnet-1", "subnet-2"],
            }
        },
        "platformVersion": "1.4.0",
        "propagateTags": "TASK_DEFINITION",
        "tags": [
            "{'key': 'bixarena-constructs:task', 'value': 'Arena/Snapshot/08B737AA'}",
            "{'key': 'cost centre', 'value': 'a=b c'}",
            "{'key': 'team', 'value': 'arena'}",
        ],
        "taskDefinition": "SnapshotScheduledTaskDef65D79DB6",
    }


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        ([], "is empty; name at least one"),
        (["spot"], r"\[0\] is the text 'spot'; it must be an aws_ecs.CapacityProviderStrategy"),
        ([share("MyInstances")], "has 'MyInstances'; a Fargate task runs on FARGATE or FARGATE_S"),
        ([share("FARGATE"), share("FARGATE", weight=1)], "has a provider twice"),
        ([share("FARGATE"), share("FARGATE_SPOT")], "has no weight"),
        ([share("FARGATE", base=1), share("FARGATE_SPOT", base=1)], "has two bases"),
        ([share("FARGATE", weight=1001)], "has the weight 1001; .* from 0 to 1000"),
        ([share("FARGATE", base=-1)], "has the base -1; .* from 0 to 100000"),
    ],
)
def test_refuses_capacity_that_no_run_could_get(
    stack: Stack, cluster: ecs.ICluster, strategies: Any, message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^capacity_provider_strategies.*{message}"):
        ScheduledSnapshotTask(
            stack,
            "Snapshot",
            cluster=cluster,
            image="ghcr.io/arena/worker:1.4.0",
            capacity_provider_strategies=strategies,
        )


def test_takes_a_provider_whose_name_is_a_token(stack: Stack, cluster: ecs.ICluster) -> None:
    name = CfnParameter(stack, "Provider").value_as_string
    ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image="ghcr.io/arena/worker:1.4.0",
        capacity_provider_strategies=[share(name)],
    )
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule",
        {
            "Targets": [
                {
                    "EcsParameters": {
                        "CapacityProviderStrategy": [{"CapacityProvider": {"Ref": "Provider"}}],
                        "LaunchType": Match.absent(),
                    }
                }
            ]
        },
    )


@pytest.mark.parametrize(
    ("platform", "architecture"),
    [
        (ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.ARM64), "ARM64"),
        (ecs.RuntimePlatform(operating_system_family=ecs.OperatingSystemFamily.LINUX), None),
    ],
)
def test_takes_the_cdks_runtime_platform_and_names(
    stack: Stack, cluster: ecs.ICluster, platform: ecs.RuntimePlatform, architecture: str | None
) -> None:
    task = ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image="ghcr.io/arena/worker:1.4.0",
        runtime_platform=platform,
        container_name="ScheduledContainer",
        entry_point=["python", "-m"],
        command=["worker"],
    )
    assert task.container_name == "ScheduledContainer"
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::ECS::TaskDefinition",
        {
            "ContainerDefinitions": [
                {
                    "Name": "ScheduledContainer",
                    "EntryPoint": ["python", "-m"],
                    "Command": ["worker"],
                }
            ],
            "RuntimePlatform": {
                "OperatingSystemFamily": "LINUX",
                **({} if architecture is None else {"CpuArchitecture": architecture}),
            },
        },
    )
    (rule,) = template.find_resources("AWS::Events::Rule").values()
    assert '"name":"ScheduledContainer"' in json.dumps(rule).replace("\\", "")


def test_refuses_windows(stack: Stack, cluster: ecs.ICluster) -> None:
    with pytest.raises(ValueError, match=r"^runtime_platform is not Linux"):
        ScheduledSnapshotTask(
            stack,
            "Snapshot",
            cluster=cluster,
            image="ghcr.io/arena/worker:1.4.0",
            runtime_platform=ecs.RuntimePlatform(
                operating_system_family=ecs.OperatingSystemFamily.WINDOWS_SERVER_2022_CORE
            ),
        )
