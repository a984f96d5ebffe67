"""Public reports on the pattern and its neighbours, tried here; the numbers are aws/aws-cdk's.

One is not closed: 12080, a retry across a deployment, in docs/monitoring.md.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Fn, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring

IMAGE = f"ghcr.io/arena/worker@sha256:{'0' * 64}"


def define(stack: Stack, vpc: ec2.IVpc, **props: Any) -> ScheduledSnapshotTask:  # any prop
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=vpc)
    return ScheduledSnapshotTask(stack, "Task", cluster=cluster, image=IMAGE, **props)


def of_kind(stack: Stack, kind: str) -> list[dict[str, Any]]:  # CloudFormation is untyped
    found = Template.from_stack(stack).find_resources(kind)
    return [each["Properties"] for each in found.values()]


def network_of(stack: Stack) -> dict[str, Any]:  # as above
    (rule,) = of_kind(stack, "AWS::Events::Rule")
    parameters = rule["Targets"][0]["EcsParameters"]
    return dict(parameters["NetworkConfiguration"]["AwsVpcConfiguration"])


def test_6312_runs_in_a_vpc_of_public_subnets_only(stack: Stack) -> None:
    public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
    vpc = ec2.Vpc(stack, "Own", max_azs=2, nat_gateways=0, subnet_configuration=[public])
    selection = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    define(stack, vpc, subnet_selection=selection)
    assert network_of(stack)["AssignPublicIp"] == "ENABLED"


def test_7062_says_what_a_vpc_without_private_subnets_needs(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Other", vpc_id="vpc-2", availability_zones=["a"], public_subnet_ids=["subnet-1"]
    )
    with pytest.raises(ValueError, match=r"subnet_selection is missing: .* public ones by"):
        define(stack, vpc)


@pytest.mark.parametrize("group", ["workload-private", "data"])
def test_13962_and_28146_wait_for_the_groups_of_a_looked_up_vpc(group: str) -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    vpc = ec2.Vpc.from_lookup(stack, "Vpc", vpc_id="vpc-1")
    define(stack, vpc, subnet_selection=ec2.SubnetSelection(subnet_group_name=group))
    assert network_of(stack)["AssignPublicIp"] == "DISABLED"


def test_30897_runs_where_private_subnets_are_taken_for_isolated_ones(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    selection = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    define(stack, vpc, subnet_selection=selection)
    assert network_of(stack)["Subnets"] == ["subnet-isolated-1", "subnet-isolated-2"]
    Annotations.from_stack(stack).has_warning(
        "/Stack/Task", Match.string_like_regexp("noWayToTheInternet")
    )


def test_5213_and_14971_open_a_database_for_a_group_of_ones_own(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    own = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-worker")
    database = ec2.SecurityGroup.from_security_group_id(stack, "Database", "sg-database")
    task = define(stack, vpc, security_groups=[own])
    database.connections.allow_from(task, ec2.Port.tcp(5432))
    assert network_of(stack)["SecurityGroups"] == ["sg-worker"]
    rules = of_kind(stack, "AWS::EC2::SecurityGroupIngress")
    assert [(each["GroupId"], each["SourceSecurityGroupId"]) for each in rules] == [
        ("sg-database", "sg-worker")
    ]


def test_28854_and_9823_lets_whatever_starts_a_run_tag_it(stack: Stack, vpc: ec2.IVpc) -> None:
    settings = SnapshotMonitoring(retry_after=Duration.minutes(10))
    define(stack, vpc, task_tags={"team": "arena"}, monitoring=settings)
    policies = json.dumps(of_kind(stack, "AWS::IAM::Policy"))
    # The rule's role, and the retry's.
    assert policies.count("ecs:TagResource") == policies.count("ecs:RunTask") == 2


def test_10519_refuses_a_secret_by_its_name(stack: Stack, vpc: ec2.IVpc) -> None:
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Named", "arena/worker")
    with pytest.raises(ValueError, match=r"secrets\['TOKEN'\] has a secret without its complete"):
        define(stack, vpc, secrets={"TOKEN": secret})


def test_24142_takes_a_secret_and_its_key_from_another_stacks_exports(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    secret = secretsmanager.Secret.from_secret_attributes(
        stack,
        "Imported",
        secret_complete_arn=Fn.import_value("SecretArn"),
        encryption_key=kms.Key.from_key_arn(
            stack, "Key", f"arn:aws:kms:us-east-1:111122223333:key/{Fn.import_value('KeyId')}"
        ),
    )
    define(stack, vpc, secrets={"TOKEN": (secret, "token")})
    granted = json.dumps(of_kind(stack, "AWS::IAM::Policy"))
    assert '"Action": "kms:Decrypt"' in granted
    assert '"Fn::ImportValue": "KeyId"' in granted
    (definition,) = of_kind(stack, "AWS::ECS::TaskDefinition")
    (used,) = definition["ContainerDefinitions"][0]["Secrets"]
    assert used["ValueFrom"] == {"Fn::Join": ["", [{"Fn::ImportValue": "SecretArn"}, ":token::"]]}


@pytest.mark.parametrize(("account", "is_refused"), [("111122223333", False), ("9" * 12, True)])
def test_1566_of_the_containers_roadmap_refuses_credentials_of_another_account(
    account: str, *, is_refused: bool
) -> None:
    stack = Stack(App(), "Stack", env=Environment(account=account, region="us-east-1"))
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    secret = secretsmanager.Secret.from_secret_complete_arn(
        stack, "Secret", "arn:aws:secretsmanager:us-east-1:111122223333:secret:ghcr-AbCdEf"
    )
    if is_refused:
        with pytest.raises(ValueError, match="registry_credentials are of account 111122223333"):
            define(stack, vpc, registry_credentials=secret)
    else:
        define(stack, vpc, registry_credentials=secret)


def test_4907_tags_every_rule(stack: Stack, vpc: ec2.IVpc) -> None:
    Tags.of(stack).add("team", "arena")
    define(stack, vpc, monitoring=SnapshotMonitoring())
    tag = {"Key": "team", "Value": "arena"}
    tagged = [tag in rule.get("Tags", []) for rule in of_kind(stack, "AWS::Events::Rule")]
    # As the CDK does it: all rules, or none on a release from before it could.
    assert len(set(tagged)) == 1


def test_16396_hands_the_tags_on_in_a_retry_as_well(stack: Stack, vpc: ec2.IVpc) -> None:
    settings = SnapshotMonitoring(retry_after=Duration.minutes(10))
    source = ecs.PropagatedTagSource.TASK_DEFINITION
    define(stack, vpc, propagate_tags=source, monitoring=settings)
    (machine,) = of_kind(stack, "AWS::StepFunctions::StateMachine")
    assert '"PropagateTags":"TASK_DEFINITION"' in json.dumps(machine).replace("\\", "")
