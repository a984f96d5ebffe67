"""The construct as a whole: what its template promises."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Duration, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template

from bixarena_constructs import GuardDutyAgentPull, ScheduledSnapshotTask
from bixarena_constructs.deployment import OVERDUE_REASON
from bixarena_constructs.testing import assert_schedule_can_start_its_task
from bixarena_constructs.worker.contract import VERSION

if TYPE_CHECKING:
    from aws_cdk.aws_secretsmanager import ISecret

IMAGE = "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0"


# Of the task below. It must stay: whoever has the grant of before sees no other runs.
RUN_TAG = {"Key": "bixarena-constructs:task", "Value": "Stack/Snapshot/64477370"}


def define(stack: Stack, cluster: ecs.ICluster, **props: Any) -> ScheduledSnapshotTask:  # any prop
    return ScheduledSnapshotTask(
        stack, "Snapshot", **{"cluster": cluster, "image": IMAGE, **props}
    )


def only(template: Template, resource_type: str) -> dict[str, Any]:  # CloudFormation is untyped
    (resource,) = template.find_resources(resource_type).values()
    properties = resource["Properties"]
    assert isinstance(properties, dict)
    return properties


def statements(template: Template, policy_id: str) -> list[dict[str, Any]]:  # untyped as above
    (policy,) = (
        resource
        for logical_id, resource in template.find_resources("AWS::IAM::Policy").items()
        if policy_id in logical_id
    )
    found = policy["Properties"]["PolicyDocument"]["Statement"]
    assert isinstance(found, list)
    return found


def as_deployed(value: Any) -> str:  # a resolved token: a string or an intrinsic function
    """Join what CloudFormation would join; a reference becomes its name."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        separator, parts = argument
        return str(separator).join(as_deployed(part) for part in parts)
    return "-".join(argument) if isinstance(argument, list) else str(argument)


class TestDefaults:
    def test_runs_every_day_at_ten(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster)
        rule = only(Template.from_stack(stack), "AWS::Events::Rule")
        assert rule["ScheduleExpression"] == "cron(0 10 * * ? *)"
        assert rule["State"] == "ENABLED"

    def test_has_one_vcpu_and_two_gib(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster)
        Template.from_stack(stack).has_resource_properties(
            "AWS::ECS::TaskDefinition", {"Cpu": "1024", "Memory": "2048"}
        )

    def test_names_its_only_container_bixarena_worker(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster)
        (container,) = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")[
            "ContainerDefinitions"
        ]
        assert container["Name"] == "bixarena-worker"
        assert container["Image"] == IMAGE
        assert "RepositoryCredentials" not in container
        assert container["Environment"] == [{"Name": "MAX_RUNTIME_SECONDS", "Value": "900"}]
        assert "Secrets" not in container

    def test_runs_in_private_subnets_without_a_public_address(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster)
        (target,) = only(Template.from_stack(stack), "AWS::Events::Rule")["Targets"]
        network = target["EcsParameters"]["NetworkConfiguration"]["AwsVpcConfiguration"]
        assert network["Subnets"] == ["subnet-private-1", "subnet-private-2"]
        assert network["AssignPublicIp"] == "DISABLED"
        assert len(network["SecurityGroups"]) == 1

    def test_keeps_logs_for_three_months_and_beyond_the_stack(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster)
        Template.from_stack(stack).has_resource(
            "AWS::Logs::LogGroup",
            {"Properties": {"RetentionInDays": 90}, "DeletionPolicy": "Retain"},
        )

    def test_grants_the_pull_of_guarddutys_agent(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster)
        actions = [
            one["Action"] for one in statements(Template.from_stack(stack), "ExecutionRole")
        ]
        assert "ecr:GetAuthorizationToken" in actions

    def test_leaves_to_the_image_and_to_fargate_what_is_not_told(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        # No command, user, stop timeout, secret or credentials; no architecture or storage.
        define(stack, cluster, image="ghcr.io/arena/worker:1")
        definition = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")
        (container,) = definition.pop("ContainerDefinitions")
        assert container.keys() == {
            "Environment",
            "Essential",
            "Image",
            "LogConfiguration",
            "Name",
        }
        assert definition.keys() == {
            "Cpu",
            "ExecutionRoleArn",
            "Family",
            "Memory",
            "NetworkMode",
            "RequiresCompatibilities",
            "TaskRoleArn",
        }
        assert definition["Family"].startswith("StackSnapshotScheduledTaskDef")

    def test_leaves_to_eventbridge_what_is_not_told(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        # No platform version, propagation, or ECS Exec; EventBridge's own retry attempts.
        define(stack, cluster)
        (target,) = only(Template.from_stack(stack), "AWS::Events::Rule")["Targets"]
        assert target["EcsParameters"].keys() == {
            "LaunchType",
            "NetworkConfiguration",
            "TagList",
            "TaskCount",
            "TaskDefinitionArn",
        }
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600}

    def test_lets_the_program_do_nothing(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster)
        policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
        assert not [name for name in policies if "TaskRole" in name]

    def test_names_log_streams_after_the_worker(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster)
        definition = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")
        (container,) = definition["ContainerDefinitions"]
        options = container["LogConfiguration"]["Options"]
        assert options["awslogs-stream-prefix"] == "bixarena-worker"

    def test_exports_no_output(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster)
        outputs = Template.from_stack(stack).find_outputs("*")
        assert not [name for name, one in outputs.items() if "Export" in one]

    def test_measures_in_steps_of_five_minutes(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define(stack, cluster)
        for metric in (
            task.metric_dead_letters(),
            task.metric_failed_invocations(),
            task.metric_invocations(),
        ):
            assert metric.period.to_minutes() == 5

    def test_defines_no_vpc_cluster_or_physical_name(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster)
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::EC2::VPC", 0)
        template.resource_count_is("AWS::ECS::Cluster", 0)
        template.has_resource_properties("AWS::Events::Rule", {"Name": Match.absent()})
        template.has_resource_properties("AWS::Logs::LogGroup", {"LogGroupName": Match.absent()})


def test_lets_the_events_role_pass_both_roles(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster)
    assert_schedule_can_start_its_task(Template.from_stack(stack).to_json())


def test_hands_secrets_to_the_ecs_agent_by_reference(
    stack: Stack, cluster: ecs.ICluster, secret: ISecret
) -> None:
    define(
        stack,
        cluster,
        environment={"MIN_EVALS": "20"},
        secrets={"POSTGRES_PASSWORD": (secret, "password")},
    )
    template = Template.from_stack(stack)
    (container,) = only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert {"Name": "MIN_EVALS", "Value": "20"} in container["Environment"]
    assert container["Secrets"] == [
        {"Name": "POSTGRES_PASSWORD", "ValueFrom": f"{secret.secret_arn}:password::"}
    ]
    readable = [
        one["Resource"]
        for one in statements(template, "ExecutionRole")
        if "secretsmanager:GetSecretValue" in one["Action"]
    ]
    assert readable == [secret.secret_arn]


def test_pulls_a_private_image_with_the_credentials(
    stack: Stack, cluster: ecs.ICluster, secret: ISecret
) -> None:
    define(stack, cluster, registry_credentials=secret)
    (container,) = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")[
        "ContainerDefinitions"
    ]
    assert container["RepositoryCredentials"] == {"CredentialsParameter": secret.secret_arn}


def test_gives_a_public_address_in_listed_public_subnets(
    stack: Stack, cluster: ecs.ICluster, vpc: ec2.IVpc
) -> None:
    task = define(
        stack,
        cluster,
        subnet_selection=ec2.SubnetSelection(subnets=vpc.public_subnets),
        assign_public_ip=True,
    )
    (target,) = only(Template.from_stack(stack), "AWS::Events::Rule")["Targets"]
    network = target["EcsParameters"]["NetworkConfiguration"]["AwsVpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    assert "assignPublicIp=ENABLED" in task.run_task_command


def test_honours_size_retention_and_guardduty_choices(stack: Stack, cluster: ecs.ICluster) -> None:
    define(
        stack,
        cluster,
        cpu=512,
        memory_limit_mib=1024,
        log_retention=logs.RetentionDays.ONE_WEEK,
        log_removal_policy=RemovalPolicy.DESTROY,
        guardduty_agent_pull=GuardDutyAgentPull.NONE,
    )
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::ECS::TaskDefinition", {"Cpu": "512", "Memory": "1024"})
    template.has_resource(
        "AWS::Logs::LogGroup", {"Properties": {"RetentionInDays": 7}, "DeletionPolicy": "Delete"}
    )
    assert not template.find_mappings("*")


def test_grants_go_to_the_task_role(stack: Stack, cluster: ecs.ICluster) -> None:
    task = define(stack, cluster)
    bucket = s3.Bucket(stack, "Bucket")
    bucket.grant_read(task)
    (statement,) = statements(Template.from_stack(stack), "TaskRoleDefaultPolicy")
    assert "s3:GetObject*" in statement["Action"]


def test_connections_open_the_way_from_the_tasks_security_group(
    stack: Stack, cluster: ecs.ICluster, vpc: ec2.IVpc
) -> None:
    task = define(stack, cluster)
    database = ec2.SecurityGroup(stack, "Database", vpc=vpc)
    database.connections.allow_from(task, ec2.Port.POSTGRES)
    ingress = only(Template.from_stack(stack), "AWS::EC2::SecurityGroupIngress")
    assert ingress["FromPort"] == 5432
    assert "SnapshotScheduledTaskDefSecurityGroup" in str(ingress["SourceSecurityGroupId"])


def test_uses_the_security_groups_it_is_given(stack: Stack, cluster: ecs.ICluster) -> None:
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    define(stack, cluster, security_groups=[group])
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::EC2::SecurityGroup", 0)
    (target,) = only(template, "AWS::Events::Rule")["Targets"]
    network = target["EcsParameters"]["NetworkConfiguration"]["AwsVpcConfiguration"]
    assert network["SecurityGroups"] == ["sg-1"]


class TestOutputs:
    def test_names_all_that_an_operator_needs(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster)
        outputs = Template.from_stack(stack).find_outputs("*")
        assert sorted(re.sub(r"[0-9A-F]{8}$", "", name) for name in outputs) == [
            "SnapshotOutputsClusterArn",
            "SnapshotOutputsContainerName",
            "SnapshotOutputsContractVersion",
            "SnapshotOutputsDeadLetterQueueUrl",
            "SnapshotOutputsLogGroupName",
            "SnapshotOutputsLogTailCommand",
            "SnapshotOutputsRuleName",
            "SnapshotOutputsRunTaskCommand",
            "SnapshotOutputsTaskDefinitionArn",
            "SnapshotOutputsTaskDefinitionFamily",
        ]

    def test_are_the_values_of_the_properties(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define(stack, cluster)
        outputs = {
            re.sub(r"^SnapshotOutputs|[0-9A-F]{8}$", "", name): one["Value"]
            for name, one in Template.from_stack(stack).find_outputs("*").items()
        }
        assert outputs == stack.resolve(
            {
                "ClusterArn": task.cluster.cluster_arn,
                "ContainerName": task.container_name,
                "ContractVersion": str(VERSION),
                "DeadLetterQueueUrl": task.dead_letter_queue.queue_url,
                "LogGroupName": task.log_group.log_group_name,
                "LogTailCommand": task.log_tail_command,
                "RuleName": task.event_rule.rule_name,
                "RunTaskCommand": task.run_task_command,
                "TaskDefinitionArn": task.task_definition.task_definition_arn,
                "TaskDefinitionFamily": task.task_definition.family,
            }
        )

    def test_give_a_command_line_that_a_shell_takes_apart_as_meant(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
        task = define(stack, cluster, security_groups=[group])
        words = shlex.split(as_deployed(stack.resolve(task.run_task_command)))
        assert words[:3] == ["aws", "ecs", "run-task"]
        options = dict(zip(words[3::2], words[4::2], strict=True))
        assert options["--launch-type"] == "FARGATE"
        assert options["--tags"] == f"key={RUN_TAG['Key']},value={RUN_TAG['Value']}"
        assert options["--overrides"] == '{"containerOverrides": [{"name": "bixarena-worker"}]}'
        assert re.fullmatch(
            r"awsvpcConfiguration=\{subnets=\[subnet-private-1,subnet-private-2\],"
            r"securityGroups=\[sg-1\],assignPublicIp=DISABLED\}",
            options["--network-configuration"],
        )


@pytest.mark.parametrize("image", ["ghcr.io/Worker", ""])
def test_refuses_an_image_that_no_registry_could_hold(
    stack: Stack, cluster: ecs.ICluster, image: str
) -> None:
    with pytest.raises(ValueError, match="has the repository"):
        define(stack, cluster, image=image)


class TestContainer:
    def test_gets_every_prop_that_the_pattern_ignores(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(
            stack,
            cluster,
            command=["python", "-m", "bixarena_constructs.worker", "--dry-run"],
            runtime_platform=ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.ARM64),
            ephemeral_storage_gib=30,
            family="arena-snapshot",
            user="1000:1000",
            stop_timeout=Duration.seconds(90),
            max_runtime=Duration.minutes(5),
            log_stream_prefix="snapshot",
        )
        definition = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")
        assert definition["RuntimePlatform"] == {
            "CpuArchitecture": "ARM64",
            "OperatingSystemFamily": "LINUX",
        }
        assert definition["EphemeralStorage"] == {"SizeInGiB": 30}
        assert definition["Family"] == "arena-snapshot"
        (container,) = definition["ContainerDefinitions"]
        assert container["Command"][-1] == "--dry-run"
        assert container["User"] == "1000:1000"
        assert container["StopTimeout"] == 90
        assert container["Environment"] == [{"Name": "MAX_RUNTIME_SECONDS", "Value": "300"}]
        assert container["LogConfiguration"]["Options"]["awslogs-stream-prefix"] == "snapshot"

    def test_has_a_read_only_root_and_a_writable_tmp_for_the_reference_worker(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        define(stack, cluster)
        definition = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")
        (container,) = definition["ContainerDefinitions"]
        assert container["ReadonlyRootFilesystem"] is True
        assert container["MountPoints"] == [
            {"ContainerPath": "/tmp", "ReadOnly": False, "SourceVolume": "tmp"}  # noqa: S108
        ]
        assert definition["Volumes"] == [{"Name": "tmp"}]

    @pytest.mark.parametrize(
        "props",
        [
            {"readonly_root_filesystem": False},
            {"image": ecs.ContainerImage.from_registry("python:3.13")},
            {"image": "ghcr.io/another/worker:1"},
        ],
    )
    def test_has_a_writable_root_otherwise(
        self, stack: Stack, cluster: ecs.ICluster, props: dict[str, Any]
    ) -> None:
        define(stack, cluster, **props)
        definition = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")
        (container,) = definition["ContainerDefinitions"]
        assert "ReadonlyRootFilesystem" not in container
        assert "Volumes" not in definition

    def test_takes_roles_of_the_users(self, stack: Stack, cluster: ecs.ICluster) -> None:
        roles = {
            name: iam.Role(stack, name, assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
            for name in ("TaskRole", "ExecutionRole")
        }
        define(stack, cluster, task_role=roles["TaskRole"], execution_role=roles["ExecutionRole"])
        definition = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")
        assert definition["TaskRoleArn"] == stack.resolve(roles["TaskRole"].role_arn)
        assert definition["ExecutionRoleArn"] == stack.resolve(roles["ExecutionRole"].role_arn)

    def test_may_be_opened_by_ecs_exec(self, stack: Stack, cluster: ecs.ICluster) -> None:
        define(stack, cluster, enable_execute_command=True, readonly_root_filesystem=False)
        template = Template.from_stack(stack)
        (target,) = only(template, "AWS::Events::Rule")["Targets"]
        assert target["EcsParameters"]["EnableExecuteCommand"] is True
        (statement,) = statements(template, "TaskRoleDefaultPolicy")
        assert "ssmmessages:OpenDataChannel" in statement["Action"]

    @pytest.mark.parametrize(
        ("props", "message"),
        [
            ({"enable_execute_command": True}, "set readonly_root_filesystem=False"),
            ({"stop_timeout": Duration.seconds(121)}, "stop_timeout is .* 1 to 120"),
            ({"max_runtime": Duration.millis(500)}, "max_runtime is .* 1 to 86400"),
            ({"cpu": 2048}, "memory_limit_mib is 2048; with cpu 2048 it must be"),
            ({"ephemeral_storage_gib": 20}, "ephemeral_storage_gib is 20"),
            ({"environment": {"SCHEDULED_AT": "now"}}, "environment sets SCHEDULED_AT"),
            ({"environment": {"MAX_RUNTIME_SECONDS": "1"}}, "set max_runtime instead"),
            (
                {"platform_version": ecs.FargatePlatformVersion.VERSION1_3},
                "platform_version is VERSION1_3; it must be 1.4.0 or later",
            ),
        ],
    )
    def test_is_refused_where_a_run_would_fail(
        self, stack: Stack, cluster: ecs.ICluster, props: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            define(stack, cluster, **props)

    def test_may_read_secrets_under_imported_keys(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        keys = [
            kms.Key.from_key_arn(stack, name, f"arn:aws:kms:us-east-1:111122223333:key/{name}")
            for name in ("registry", "database", "ready")
        ]
        registry, database, ready = (
            secretsmanager.Secret.from_secret_attributes(
                stack,
                f"{key.key_id}-secret",
                secret_complete_arn=(
                    f"arn:aws:secretsmanager:us-east-1:111122223333:secret:{key.key_id}-AbCdEf"
                ),
                encryption_key=key,
            )
            for key in keys
        )
        define(
            stack,
            cluster,
            registry_credentials=registry,
            secrets={
                "POSTGRES_PASSWORD": (database, "password"),
                "TOKEN": ecs.Secret.from_secrets_manager(ready),
            },
            secret_keys=[keys[2]],
        )
        (decrypt,) = (
            one
            for one in statements(Template.from_stack(stack), "ExecutionRole")
            if one["Action"] == "kms:Decrypt"
        )
        assert decrypt["Resource"] == sorted(key.key_arn for key in keys)


class TestBroughtTaskDefinition:
    @pytest.fixture
    def definition(self, stack: Stack, log_group: logs.ILogGroup) -> ecs.FargateTaskDefinition:
        """One with nothing but a container that logs."""
        definition = ecs.FargateTaskDefinition(stack, "Mine")
        definition.add_container(
            "mine",
            image=ecs.ContainerImage.from_registry("python:3.13"),
            logging=ecs.LogDrivers.aws_logs(stream_prefix="mine", log_group=log_group),
        )
        return definition

    @pytest.fixture
    def log_group(self, stack: Stack) -> logs.ILogGroup:
        return logs.LogGroup.from_log_group_name(stack, "Log", "/mine")

    def test_has_both_roles_passed_by_the_events_role(
        self,
        stack: Stack,
        cluster: ecs.ICluster,
        definition: ecs.FargateTaskDefinition,
        log_group: logs.ILogGroup,
    ) -> None:
        define(stack, cluster, image=None, task_definition=definition, log_group=log_group)
        template = Template.from_stack(stack)
        assert_schedule_can_start_its_task(template.to_json())
        assert "ExecutionRoleArn" in only(template, "AWS::ECS::TaskDefinition")
        actions = [one["Action"] for one in statements(template, "ExecutionRole")]
        assert "ecr:GetAuthorizationToken" in actions

    def test_has_its_own_container_told_and_named(
        self,
        stack: Stack,
        cluster: ecs.ICluster,
        definition: ecs.FargateTaskDefinition,
        log_group: logs.ILogGroup,
    ) -> None:
        task = define(stack, cluster, image=None, task_definition=definition, log_group=log_group)
        template = Template.from_stack(stack)
        assert task.container_name == "mine"
        (container,) = only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
        assert container["Environment"] == [{"Name": "MAX_RUNTIME_SECONDS", "Value": "900"}]
        (target,) = only(template, "AWS::Events::Rule")["Targets"]
        assert '"name":"mine"' in target["InputTransformer"]["InputTemplate"]

    def test_is_refused_beside_props_of_a_container(
        self,
        stack: Stack,
        cluster: ecs.ICluster,
        definition: ecs.FargateTaskDefinition,
        log_group: logs.ILogGroup,
    ) -> None:
        with pytest.raises(ValueError, match="image, cpu would have no effect"):
            define(stack, cluster, task_definition=definition, log_group=log_group, cpu=256)

    @pytest.mark.parametrize(
        ("props", "message"),
        [
            ({}, "log_group is missing"),
            ({"log_stream_prefix": "mine"}, "log_stream_prefix is not for a task_definition"),
        ],
    )
    def test_needs_its_log_group_and_nothing_else_of_the_log(
        self,
        stack: Stack,
        cluster: ecs.ICluster,
        definition: ecs.FargateTaskDefinition,
        props: dict[str, Any],
        message: str,
    ) -> None:
        with pytest.raises(ValueError, match=message):
            define(stack, cluster, image=None, task_definition=definition, **props)

    def test_is_refused_without_a_container(
        self, stack: Stack, cluster: ecs.ICluster, log_group: logs.ILogGroup
    ) -> None:
        empty = ecs.FargateTaskDefinition(stack, "Empty")
        with pytest.raises(ValueError, match="task_definition has no container"):
            define(stack, cluster, image=None, task_definition=empty, log_group=log_group)


def test_logs_to_the_group_it_is_given(stack: Stack, cluster: ecs.ICluster) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Log", "/aws/ecs/arena-worker")
    task = define(stack, cluster, log_group=group)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Logs::LogGroup", 0)
    (container,) = only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    options = container["LogConfiguration"]["Options"]
    assert options["awslogs-group"] == "/aws/ecs/arena-worker"
    assert task.log_tail_command.startswith("aws logs tail /aws/ecs/arena-worker ")


def test_refuses_props_of_a_new_log_group_beside_a_given_one(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Log", "/aws/ecs/arena-worker")
    with pytest.raises(ValueError, match="log_retention is for a new log group"):
        define(stack, cluster, log_group=group, log_retention=logs.RetentionDays.ONE_DAY)


def test_sets_what_eventbridge_takes_for_a_run(stack: Stack, cluster: ecs.ICluster) -> None:
    define(
        stack,
        cluster,
        enabled=False,
        rule_name="arena-snapshot",
        platform_version=ecs.FargatePlatformVersion.VERSION1_4,
        task_tags={"team": "arena"},
        propagate_tags=ecs.PropagatedTagSource.TASK_DEFINITION,
        enable_ecs_managed_tags=True,
        max_event_age=Duration.minutes(10),
        retry_attempts=2,
    )
    rule = only(Template.from_stack(stack), "AWS::Events::Rule")
    assert rule["State"] == "DISABLED"
    assert rule["Name"] == "arena-snapshot"
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 600, "MaximumRetryAttempts": 2}
    parameters = target["EcsParameters"]
    assert parameters["PlatformVersion"] == "1.4.0"
    assert parameters["TagList"] == [{"Key": "team", "Value": "arena"}, RUN_TAG]
    assert parameters["PropagateTags"] == "TASK_DEFINITION"
    assert parameters["EnableECSManagedTags"] is True


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({RUN_TAG["Key"]: "mine"}, r"task_tags sets bixarena-constructs:task, .*; leave it out"),
        (dict.fromkeys(map(str, range(50)), "x"), "task_tags has 50 tags; it may have up to 49"),
    ],
)
def test_refuses_tags_that_leave_no_room_for_its_own(
    stack: Stack, cluster: ecs.ICluster, tags: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        define(stack, cluster, task_tags=tags)


def test_takes_as_many_tags_as_ecs_does(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster, task_tags=dict.fromkeys(map(str, range(49)), "x"))
    (target,) = only(Template.from_stack(stack), "AWS::Events::Rule")["Targets"]
    assert len(target["EcsParameters"]["TagList"]) == 50


def test_has_one_target_with_the_scheduled_time_and_a_dead_letter_queue(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    define(stack, cluster)
    (target,) = only(Template.from_stack(stack), "AWS::Events::Rule")["Targets"]
    assert '"name":"SCHEDULED_AT"' in target["InputTransformer"]["InputTemplate"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600}
    assert "DeadLetterConfig" in target


def test_uses_the_dead_letter_queue_it_is_given(stack: Stack, cluster: ecs.ICluster) -> None:
    queue = sqs.Queue(stack, "Letters")
    task = define(stack, cluster, dead_letter_queue=queue)
    Template.from_stack(stack).resource_count_is("AWS::SQS::Queue", 1)
    assert task.dead_letter_queue is queue


class TestGrantRun:
    @pytest.fixture
    def granted(self, stack: Stack, cluster: ecs.ICluster) -> dict[str, dict[str, Any]]:
        """The statements of an operator, by their first action."""
        operator = iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())
        define(stack, cluster).grant_run(operator)
        found = statements(Template.from_stack(stack), "OperatorDefaultPolicy")
        return {
            one["Action"] if isinstance(one["Action"], str) else one["Action"][0]: one
            for one in found
        }

    def test_runs_this_task_in_this_cluster_only(self, granted: dict[str, dict[str, Any]]) -> None:
        run = granted["ecs:RunTask"]
        assert "SnapshotScheduledTaskDef" in run["Resource"]["Ref"]
        assert "ecs:cluster" in run["Condition"]["ArnEquals"]

    def test_watches_and_stops_runs_of_this_task_only(
        self, granted: dict[str, dict[str, Any]]
    ) -> None:
        watch = granted["ecs:DescribeTasks"]
        assert watch["Action"] == ["ecs:DescribeTasks", "ecs:StopTask"]
        assert str(watch["Resource"]).endswith(":task/arena/*']]}")
        assert watch["Condition"] == {
            "StringEquals": {f"aws:ResourceTag/{RUN_TAG['Key']}": RUN_TAG["Value"]}
        }

    def test_tags_a_run_when_it_starts_it_and_at_no_other_time(
        self, granted: dict[str, dict[str, Any]]
    ) -> None:
        tag = granted["ecs:TagResource"]
        assert tag["Action"] == "ecs:TagResource"
        assert str(tag["Resource"]).endswith(":task/arena/*']]}")
        assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}

    def test_passes_both_roles_to_tasks_only(self, granted: dict[str, dict[str, Any]]) -> None:
        passed = granted["iam:PassRole"]
        assert len(passed["Resource"]) == 2
        assert passed["Condition"] == {
            "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
        }

    def test_finds_the_task_by_its_stack_and_its_rule(
        self, granted: dict[str, dict[str, Any]]
    ) -> None:
        assert granted["cloudformation:DescribeStacks"]["Resource"] == {"Ref": "AWS::StackId"}
        assert "ScheduledEventRule" in str(granted["events:DescribeRule"]["Resource"])
        assert "ecs:DescribeTaskDefinition" in granted

    def test_reads_the_workers_log_only(self, granted: dict[str, dict[str, Any]]) -> None:
        read = granted["logs:DescribeLogStreams"]
        assert "logs:FilterLogEvents" in read["Action"]
        assert all("SnapshotLogGroup" in str(one) for one in read["Resource"])


class TestMetrics:
    def test_count_what_the_rule_did(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define(stack, cluster)
        for metric, name in (
            (task.metric_invocations(), "Invocations"),
            (task.metric_failed_invocations(period=Duration.hours(1)), "FailedInvocations"),
        ):
            assert (metric.namespace, metric.metric_name) == ("AWS/Events", name)
            assert metric.dimensions == {"RuleName": task.event_rule.rule_name}
            assert metric.statistic == "Sum"
        assert task.metric_failed_invocations(period=Duration.hours(1)).period.to_hours() == 1

    def test_count_dead_letters(self, stack: Stack, cluster: ecs.ICluster) -> None:
        metric = define(stack, cluster).metric_dead_letters()
        assert metric.metric_name == "ApproximateNumberOfMessagesVisible"
        assert metric.statistic == "Maximum"


class TestOnFailure:
    def test_matches_the_worker_by_name_or_a_failed_start(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define(stack, cluster)
        task.on_failure("Failed", target=targets.SqsQueue(sqs.Queue(stack, "Queue")))
        Template.from_stack(stack).has_resource_properties(
            "AWS::Events::Rule",
            {
                "EventPattern": {
                    "source": ["aws.ecs"],
                    "detail-type": ["ECS Task State Change"],
                    "detail": {
                        "clusterArn": [stack.resolve(task.cluster.cluster_arn)],
                        "group": [f"family:{task.task_definition.family}"],
                        "lastStatus": ["STOPPED"],
                        "$or": [
                            {
                                "containers": {
                                    "name": ["bixarena-worker"],
                                    "exitCode": [{"anything-but": [0]}],
                                },
                                "stopCode": [{"anything-but": ["UserInitiated"]}],
                            },
                            {"stopCode": ["TaskFailedToStart"]},
                            {"stopCode": ["UserInitiated"], "stoppedReason": [OVERDUE_REASON]},
                        ],
                    },
                }
            },
        )


def test_exports_outputs_under_a_prefix(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster, export_prefix="arena-")
    exports = [
        one["Export"]["Name"] for one in Template.from_stack(stack).find_outputs("*").values()
    ]
    assert "arena-RunTaskCommand" in exports
    assert len(exports) == 10


def test_defines_no_outputs_on_request(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster, outputs=False)
    assert not Template.from_stack(stack).find_outputs("*")


def test_lets_tokens_through_where_it_checks(stack: Stack, cluster: ecs.ICluster) -> None:
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    text = CfnParameter(stack, "Text").value_as_string
    length = Duration.seconds(number)
    define(
        stack,
        cluster,
        image=f"ghcr.io/arena/worker:{text}",
        schedule=appscaling.Schedule.expression(text),
        max_runtime=length,
        max_event_age=length,
        stop_timeout=length,
    )
    (container,) = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")[
        "ContainerDefinitions"
    ]
    assert container["StopTimeout"] == {"Ref": "Number"}
    assert {"Name": "MAX_RUNTIME_SECONDS", "Value": {"Ref": "Number"}} in container["Environment"]


def test_refuses_a_secrets_value_among_the_plain_variables(
    stack: Stack, cluster: ecs.ICluster, secret: ISecret
) -> None:
    value = secret.secret_value_from_json("password").unsafe_unwrap()
    with pytest.raises(ValueError, match=r"environment\['TOKEN'\] .* use secrets"):
        define(stack, cluster, environment={"TOKEN": value})


def test_takes_other_tokens_among_the_plain_variables(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster, environment={"REGION": stack.region})
    (container,) = only(Template.from_stack(stack), "AWS::ECS::TaskDefinition")[
        "ContainerDefinitions"
    ]
    assert {"Name": "REGION", "Value": {"Ref": "AWS::Region"}} in container["Environment"]
