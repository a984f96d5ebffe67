"""The traps of a bare ScheduledFargateTask: each is sprung on it, and closed here.

Every test builds both, so that a trap that the CDK closes one day shows up as a failure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import ScheduledSnapshotTask
from bixarena_constructs.testing import (
    assert_complete_secret_arns,
    assert_finite_log_retention,
    assert_schedule_can_start_its_task,
    assert_single_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.aws_ec2 import IVpc

IMAGE = "ghcr.io/arena/worker:1"
DAILY = appscaling.Schedule.cron(hour="10", minute="0")
ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


class Side:
    """A stack with an imported VPC and cluster, for the bare pattern or for ours."""

    def __init__(self) -> None:
        self.stack = Stack(App(), "Stack")
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self.stack,
            "Vpc",
            vpc_id="vpc-1",
            availability_zones=["us-east-1a", "us-east-1b"],
            public_subnet_ids=["subnet-public-1", "subnet-public-2"],
            public_subnet_names=["Front"],
            private_subnet_ids=["subnet-private-1", "subnet-private-2"],
        )
        self.cluster = ecs.Cluster.from_cluster_attributes(
            self.stack, "Cluster", cluster_name="arena", vpc=self.vpc
        )

    @property
    def template(self) -> dict[str, Any]:  # CloudFormation is untyped
        return dict(Template.from_stack(self.stack).to_json())

    def only(self, kind: str) -> dict[str, Any]:  # untyped as above
        resources = self.template["Resources"].values()
        (properties,) = (one["Properties"] for one in resources if one["Type"] == kind)
        assert isinstance(properties, dict)
        return properties

    @property
    def target(self) -> dict[str, Any]:  # untyped as above
        (target,) = self.only("AWS::Events::Rule")["Targets"]
        assert isinstance(target, dict)
        return target

    @property
    def public_ip(self) -> object:
        network = self.target["EcsParameters"]["NetworkConfiguration"]
        return network["AwsVpcConfiguration"]["AssignPublicIp"]

    def allowed(self, action: str) -> list[dict[str, Any]]:  # untyped as above
        return [
            statement
            for one in self.template["Resources"].values()
            if one["Type"] == "AWS::IAM::Policy"
            for statement in one["Properties"]["PolicyDocument"]["Statement"]
            if action in statement["Action"]
        ]

    def warnings(self) -> list[str]:
        found = Annotations.from_stack(self.stack).find_warning("*", Match.any_value())
        # An imported VPC has warnings of its own.
        return [str(one.entry.data) for one in found if not one.id.startswith("/Stack/Vpc/")]


class Bare(Side):
    """The pattern as it is."""

    def define(
        self,
        *,
        image: ecs.ContainerImage | None = None,
        options: dict[str, Any] | None = None,  # any option
        **props: Any,  # any prop
    ) -> ecs_patterns.ScheduledFargateTask:
        container = ecs_patterns.ScheduledFargateTaskImageOptions(
            image=image or ecs.ContainerImage.from_registry(IMAGE), **(options or {})
        )
        given = {
            "cluster": self.cluster,
            "schedule": DAILY,
            "scheduled_fargate_task_image_options": container,
            **props,
        }
        if "scheduled_fargate_task_definition_options" in props:
            del given["scheduled_fargate_task_image_options"]
        return ecs_patterns.ScheduledFargateTask(self.stack, "Snapshot", **given)


class Ours(Side):
    """The construct."""

    def define(self, **props: Any) -> ScheduledSnapshotTask:  # any prop
        return ScheduledSnapshotTask(
            self.stack, "Snapshot", **{"cluster": self.cluster, "image": IMAGE, **props}
        )


@pytest.fixture
def bare() -> Bare:
    return Bare()


@pytest.fixture
def ours() -> Ours:
    return Ours()


def without_execution_role(stack: Stack) -> ecs.FargateTaskDefinition:
    definition = ecs.FargateTaskDefinition(stack, "Mine")
    definition.add_container("mine", image=ecs.ContainerImage.from_registry(IMAGE))
    return definition


def encrypted_secret(stack: Stack) -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_attributes(
        stack,
        "Secret",
        secret_complete_arn=f"{ARN}:arena-AbCdEf",
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY),
    )


def test_a_late_execution_role_cannot_be_passed(bare: Bare, ours: Ours) -> None:
    # The usual fix for GuardDuty: grant the pull to the execution role once the task is there.
    pull = iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])
    definition = without_execution_role(bare.stack)
    bare.define(
        scheduled_fargate_task_definition_options=(
            ecs_patterns.ScheduledFargateTaskDefinitionOptions(task_definition=definition)
        )
    )
    definition.add_to_execution_role_policy(pull)
    with pytest.raises(AssertionError, match=r"may not iam:PassRole .*ExecutionRole"):
        assert_schedule_can_start_its_task(bare.template)

    definition = without_execution_role(ours.stack)
    log_group = logs.LogGroup.from_log_group_name(ours.stack, "Log", "/mine")
    ours.define(image=None, task_definition=definition, log_group=log_group)
    definition.add_to_execution_role_policy(pull)
    assert_schedule_can_start_its_task(ours.template)


def test_the_grant_on_an_imported_key_is_dropped(bare: Bare, ours: Ours) -> None:
    secret = encrypted_secret(bare.stack)
    bare.define(
        image=ecs.ContainerImage.from_registry(IMAGE, credentials=secret),
        options={"secrets": {"TOKEN": ecs.Secret.from_secrets_manager(secret)}},
    )
    assert bare.allowed("kms:Decrypt") == []
    assert bare.warnings() == []

    secret = encrypted_secret(ours.stack)
    ours.define(registry_credentials=secret, secrets={"TOKEN": secret})
    (decrypt,) = ours.allowed("kms:Decrypt")
    assert decrypt["Resource"] == KEY
    assert "kms:ViaService" in decrypt["Condition"]["StringEquals"]


def test_the_key_of_a_ready_secret_cannot_be_seen(bare: Bare, ours: Ours) -> None:
    ready = ecs.Secret.from_secrets_manager(encrypted_secret(bare.stack))
    bare.define(options={"secrets": {"TOKEN": ready}})
    assert bare.allowed("kms:Decrypt") == []

    ready = ecs.Secret.from_secrets_manager(encrypted_secret(ours.stack))
    key = kms.Key.from_key_arn(ours.stack, "Named", KEY)
    ours.define(secrets={"TOKEN": ready}, secret_keys=[key])
    assert [one["Resource"] for one in ours.allowed("kms:Decrypt")] == [KEY]


@pytest.mark.parametrize("name", ["arena", "bixarena-worker"])
def test_a_secret_by_name_lacks_the_end_of_its_arn(bare: Bare, ours: Ours, name: str) -> None:
    def named(stack: Stack) -> secretsmanager.ISecret:
        return secretsmanager.Secret.from_secret_name_v2(stack, "Named", name)

    bare.define(image=ecs.ContainerImage.from_registry(IMAGE, credentials=named(bare.stack)))
    (container,) = bare.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    arn = container["RepositoryCredentials"]["CredentialsParameter"]
    assert arn["Fn::Join"][1][-1].endswith(f":secret:{name}")

    with pytest.raises(ValueError, match="registry_credentials has a secret without its complete"):
        ours.define(registry_credentials=named(ours.stack))


def test_a_ready_secret_by_name_lacks_the_end_of_its_arn(bare: Bare, ours: Ours) -> None:
    def ready(stack: Stack) -> ecs.Secret:
        named = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "arena")
        return ecs.Secret.from_secrets_manager(named, "field")

    bare.define(options={"secrets": {"TOKEN": ready(bare.stack)}})
    with pytest.raises(AssertionError, match="lacks the six characters"):
        assert_complete_secret_arns(bare.template)

    with pytest.raises(ValueError, match=r"secrets\['TOKEN'\] has a secret without its complete"):
        ours.define(secrets={"TOKEN": ready(ours.stack)})


@pytest.mark.parametrize(
    "select",
    [
        lambda vpc: ec2.SubnetSelection(subnets=vpc.public_subnets),
        lambda _: ec2.SubnetSelection(subnet_group_name="Front"),
    ],
)
def test_public_subnets_get_no_public_address(
    bare: Bare, ours: Ours, select: Callable[[IVpc], ec2.SubnetSelection]
) -> None:
    bare.define(subnet_selection=select(bare.vpc))
    assert bare.public_ip == "DISABLED"
    assert bare.warnings() == []

    with pytest.raises(ValueError, match="set assign_public_ip=True"):
        Ours().define(subnet_selection=select(ours.vpc))
    ours.define(subnet_selection=select(ours.vpc), assign_public_ip=True)
    assert ours.public_ip == "ENABLED"


def test_a_schedule_of_events_is_refused(bare: Bare, ours: Ours) -> None:
    schedule = events.Schedule.rate(Duration.days(1))
    with pytest.raises(TypeError):
        bare.define(schedule=schedule)

    ours.define(schedule=schedule)
    assert ours.only("AWS::Events::Rule")["ScheduleExpression"] == "rate(1 day)"


@pytest.mark.parametrize("expression", ["at(2026-03-06T10:00:00)", "cron(0 25 * * ? *)", "daily"])
def test_a_schedule_that_never_runs_passes_in_silence(
    bare: Bare, ours: Ours, expression: str
) -> None:
    schedule = appscaling.Schedule.expression(expression)
    bare.define(schedule=schedule)
    assert bare.only("AWS::Events::Rule")["ScheduleExpression"] == expression
    assert bare.warnings() == []

    with pytest.raises(ValueError, match=f"schedule {re.escape(repr(expression))}"):
        ours.define(schedule=schedule)


def test_a_forgotten_cluster_becomes_a_vpc_with_nat_gateways(bare: Bare, ours: Ours) -> None:
    bare.define(cluster=None)
    kinds = [one["Type"] for one in bare.template["Resources"].values()]
    assert kinds.count("AWS::EC2::NatGateway") == 2

    with pytest.raises(TypeError, match="cluster"):
        ScheduledSnapshotTask(ours.stack, "Snapshot", image=IMAGE)  # type: ignore[call-arg] # the missing argument is what is tested


def test_logs_are_kept_for_ever(bare: Bare, ours: Ours) -> None:
    bare.define()
    with pytest.raises(AssertionError, match="no RetentionInDays"):
        assert_finite_log_retention(bare.template)

    ours.define()
    assert_finite_log_retention(ours.template)


def test_there_are_no_outputs(bare: Bare, ours: Ours) -> None:
    bare.define()
    assert "Outputs" not in bare.template

    ours.define()
    assert len(ours.template["Outputs"]) == 10


def test_a_run_does_not_hear_its_scheduled_time(bare: Bare, ours: Ours) -> None:
    bare.define()
    assert bare.target["Input"] == "{}"

    ours.define()
    assert "Input" not in ours.target
    assert list(ours.target["InputTransformer"]["InputPathsMap"].values()) == ["$.time"]


def test_sizes_and_architecture_are_ignored(bare: Bare, ours: Ours) -> None:
    arm = ecs.CpuArchitecture.ARM64
    bare.define(
        cpu=512,
        memory_limit_mib=1024,
        ephemeral_storage_gib=30,
        runtime_platform=ecs.RuntimePlatform(cpu_architecture=arm),
    )
    definition = bare.only("AWS::ECS::TaskDefinition")
    assert (definition["Cpu"], definition["Memory"]) == ("256", "512")
    assert "EphemeralStorage" not in definition
    assert "RuntimePlatform" not in definition

    ours.define(
        cpu=512,
        memory_limit_mib=1024,
        ephemeral_storage_gib=30,
        runtime_platform=ecs.RuntimePlatform(cpu_architecture=arm),
    )
    definition = ours.only("AWS::ECS::TaskDefinition")
    assert (definition["Cpu"], definition["Memory"]) == ("512", "1024")
    assert definition["EphemeralStorage"] == {"SizeInGiB": 30}
    assert definition["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


def test_the_architecture_is_ignored_among_the_images_options_too(bare: Bare, ours: Ours) -> None:
    arm = ecs.CpuArchitecture.ARM64
    bare.define(options={"runtime_platform": ecs.RuntimePlatform(cpu_architecture=arm)})
    assert "RuntimePlatform" not in bare.only("AWS::ECS::TaskDefinition")

    ours.define(runtime_platform=ecs.RuntimePlatform(cpu_architecture=arm))
    assert "RuntimePlatform" in ours.only("AWS::ECS::TaskDefinition")


def test_a_size_that_fargate_has_not_passes_in_silence(bare: Bare, ours: Ours) -> None:
    bare.define(options={"cpu": 256, "memory_limit_mib": 8192})
    assert bare.only("AWS::ECS::TaskDefinition")["Memory"] == "8192"
    assert bare.warnings() == []

    with pytest.raises(ValueError, match="memory_limit_mib is 8192"):
        ours.define(cpu=256, memory_limit_mib=8192)


@pytest.mark.parametrize(
    ("prop", "value", "path"),
    [
        ("family", "arena", ("Family",)),
        ("readonly_root_filesystem", True, ("ContainerDefinitions", 0, "ReadonlyRootFilesystem")),
        ("user", "1000", ("ContainerDefinitions", 0, "User")),
        ("stop_timeout", Duration.minutes(1), ("ContainerDefinitions", 0, "StopTimeout")),
    ],
)
def test_a_definition_cannot_be_told_more(
    bare: Bare, ours: Ours, prop: str, value: object, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(TypeError, match=prop):
        bare.define(options={prop: value})

    ours.define(**{prop: value})
    found: Any = ours.only("AWS::ECS::TaskDefinition")
    for step in path:
        found = found[step]
    assert found == (60 if prop == "stop_timeout" else value)


def test_an_environment_beside_ones_own_definition_is_not_taken(bare: Bare, ours: Ours) -> None:
    with pytest.raises(RuntimeError, match="not both"):
        ecs_patterns.ScheduledFargateTask(
            bare.stack,
            "Snapshot",
            cluster=bare.cluster,
            schedule=DAILY,
            scheduled_fargate_task_definition_options=(
                ecs_patterns.ScheduledFargateTaskDefinitionOptions(
                    task_definition=without_execution_role(bare.stack)
                )
            ),
            scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
                image=ecs.ContainerImage.from_registry(IMAGE), environment={"A": "1"}
            ),
        )

    with pytest.raises(ValueError, match="environment would have no effect with task_definition"):
        ours.define(
            image=None,
            environment={"A": "1"},
            task_definition=without_execution_role(ours.stack),
        )


def test_events_that_start_no_run_are_dropped_after_a_day(bare: Bare, ours: Ours) -> None:
    bare.define()
    assert "RetryPolicy" not in bare.target
    with pytest.raises(AssertionError, match="drops the events"):
        assert_single_target(bare.template)

    ours.define()
    assert ours.target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600
    assert_single_target(ours.template)


def test_the_sidecar_of_guardduty_cannot_be_pulled(bare: Bare, ours: Ours) -> None:
    bare.define()
    assert bare.allowed("ecr:GetAuthorizationToken") == []

    ours.define()
    (layers,) = ours.allowed("ecr:BatchGetImage")
    assert str(layers["Resource"]).endswith("repository/aws-guardduty-agent-fargate']]}")


def test_a_misspelt_image_passes_in_silence(bare: Bare, ours: Ours) -> None:
    image = "https://ghcr.io/arena/worker:1"
    bare.define(image=ecs.ContainerImage.from_registry(image))
    assert bare.warnings() == []
    (container,) = bare.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["Image"] == image

    with pytest.raises(ValueError, match="has the registry 'https:'"):
        ours.define(image=image)


def test_a_moving_tag_passes_in_silence(bare: Bare, ours: Ours) -> None:
    bare.define(image=ecs.ContainerImage.from_registry("ghcr.io/arena/worker:edge"))
    assert bare.warnings() == []

    ours.define(image="ghcr.io/arena/worker:edge")
    assert ["mutableImageTag" in one for one in ours.warnings()] == [True]


def test_an_immutable_execution_role_is_granted_nothing_in_silence(bare: Bare, ours: Ours) -> None:
    def immutable(stack: Stack) -> iam.IRole:
        arn = "arn:aws:iam::111122223333:role/execution"
        return iam.Role.from_role_arn(stack, "Execution", arn, mutable=False)

    definition = ecs.FargateTaskDefinition(
        bare.stack, "Mine", execution_role=immutable(bare.stack)
    )
    definition.add_container(
        "mine",
        image=ecs.ContainerImage.from_registry(IMAGE),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="mine"),
    )
    bare.define(
        scheduled_fargate_task_definition_options=(
            ecs_patterns.ScheduledFargateTaskDefinitionOptions(task_definition=definition)
        )
    )
    assert bare.allowed("logs:PutLogEvents") == []
    assert bare.warnings() == []

    ours.define(execution_role=immutable(ours.stack), image=f"{IMAGE}@sha256:{'0' * 64}")
    assert ["executionRolePolicy" in one for one in ours.warnings()] == [True]


def test_a_shell_on_a_read_only_root_is_refused(bare: Bare, ours: Ours) -> None:
    with pytest.raises(TypeError, match="enable_execute_command"):
        bare.define(enable_execute_command=True)

    with pytest.raises(ValueError, match="set readonly_root_filesystem=False"):
        ours.define(enable_execute_command=True, readonly_root_filesystem=True)


@pytest.mark.parametrize(
    ("prop", "value", "policy"),
    [
        ("retry_attempts", 2, {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2}),
        ("max_event_age", Duration.minutes(5), {"MaximumEventAgeInSeconds": 300}),
    ],
)
def test_a_retry_policy_has_no_prop(
    bare: Bare, ours: Ours, prop: str, value: object, policy: dict[str, int]
) -> None:
    with pytest.raises(TypeError, match=prop):
        bare.define(**dict[str, Any]({prop: value}))

    ours.define(**{prop: value})
    assert ours.target["RetryPolicy"] == policy


@pytest.mark.parametrize("prop", ["task_role", "execution_role"])
def test_a_role_of_ones_own_has_no_prop(bare: Bare, ours: Ours, prop: str) -> None:
    def role(stack: Stack) -> iam.Role:
        return iam.Role(stack, "R", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))

    with pytest.raises(TypeError, match=prop):
        bare.define(options={prop: role(bare.stack)})

    mine = role(ours.stack)
    ours.define(**{prop: mine})
    place = {"task_role": "TaskRoleArn", "execution_role": "ExecutionRoleArn"}[prop]
    definition = ours.only("AWS::ECS::TaskDefinition")
    assert definition[place] == ours.stack.resolve(mine.role_arn)
    assert_schedule_can_start_its_task(ours.template)
