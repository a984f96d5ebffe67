"""The construct as a whole: what its template promises."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from bixarena_constructs import GuardDutyAgentPull, ScheduledSnapshotTask

if TYPE_CHECKING:
    from aws_cdk.aws_secretsmanager import ISecret

IMAGE = "ghcr.io/sage-bionetworks/bixarena-worker:1.4.0"


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
        assert "Environment" not in container
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
    template = Template.from_stack(stack)
    definition = only(template, "AWS::ECS::TaskDefinition")
    passed = [
        one["Resource"]
        for one in statements(template, "EventsRole")
        if one["Action"] == "iam:PassRole"
    ]
    assert definition["ExecutionRoleArn"] in passed
    assert definition["TaskRoleArn"] in passed


def test_keeps_the_logical_ids_of_a_bare_scheduled_fargate_task(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    define(stack, cluster)
    ours = Template.from_stack(stack).to_json()["Resources"]
    bare_stack = Stack(App(), "Stack")
    vpc = ec2.Vpc.from_vpc_attributes(
        bare_stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a"],
        private_subnet_ids=["subnet-1"],
    )
    ecs_patterns.ScheduledFargateTask(
        bare_stack,
        "Snapshot",
        cluster=ecs.Cluster.from_cluster_attributes(
            bare_stack, "Cluster", cluster_name="arena", vpc=vpc
        ),
        schedule=appscaling.Schedule.cron(hour="10", minute="0"),
        scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
            image=ecs.ContainerImage.from_registry(IMAGE)
        ),
    )
    bare = Template.from_stack(bare_stack).to_json()["Resources"]
    log_groups = {name for name, one in bare.items() if one["Type"] == "AWS::Logs::LogGroup"}
    assert len(log_groups) == 1
    kept = set(bare) - log_groups
    assert kept <= set(ours)
    assert {name: bare[name]["Type"] for name in kept} == {
        name: ours[name]["Type"] for name in kept
    }


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
    assert container["Environment"] == [{"Name": "MIN_EVALS", "Value": "20"}]
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
                "ContainerName": "bixarena-worker",
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
