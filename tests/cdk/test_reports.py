"""Public reports on the pattern and its neighbours, tried here; the numbers are aws/aws-cdk's.

docs/construct.md lists them. One is not closed: 12080, a retry across a deployment, in
docs/monitoring.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import (
    App,
    CfnParameter,
    Duration,
    Environment,
    Fn,
    Stack,
    Tags,
    TimeZone,
)
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, SnapshotTask

if TYPE_CHECKING:
    from collections.abc import Callable

    # `Any`: any prop.
    Props = Callable[[Stack], dict[str, Any]]

PAGE = (Path(__file__).parents[2] / "docs" / "construct.md").read_text()
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
    policies = json.dumps([of_kind(stack, f"AWS::IAM::{kind}") for kind in ("Policy", "Role")])
    # The rule's role, and that of the retry.
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


RETRY = SnapshotMonitoring(retry_after=Duration.minutes(10), email="team@example.org")


def role_policy(stack: Stack, name: str) -> list[dict[str, Any]]:  # as above
    (found,) = (
        policy["Properties"]["PolicyDocument"]["Statement"]
        for logical_id, policy in Template.from_stack(stack)
        .find_resources("AWS::IAM::Policy")
        .items()
        if name in logical_id
    )
    return list(found)


def test_32877_lets_the_agent_pull_guarddutys_sidecar_in_a_retry_as_well(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    define(stack, vpc, monitoring=RETRY)
    pulls = [each for each in role_policy(stack, "ExecutionRole") if "ecr" in str(each["Action"])]
    assert "aws-guardduty-agent-fargate" in str(pulls[-1]["Resource"])
    # It does not wait for the task, whose sidecar may fail although the worker is fine.
    machines = json.dumps(of_kind(stack, "AWS::StepFunctions::StateMachine"))
    assert "runTask" in machines
    assert "runTask.sync" not in machines


def test_22688_sets_a_variable_from_the_event(stack: Stack, vpc: ec2.IVpc) -> None:
    define(stack, vpc)
    (rule,) = of_kind(stack, "AWS::Events::Rule")
    transformer = rule["Targets"][0]["InputTransformer"]
    assert transformer["InputPathsMap"] == {"time": "$.time"}
    assert '"name":"SCHEDULED_AT","value":<time>' in transformer["InputTemplate"]


def test_15171_overrides_a_container_of_any_name(stack: Stack, vpc: ec2.IVpc) -> None:
    define(stack, vpc, container_name="ranker", monitoring=RETRY)
    rules, machines = (
        json.dumps(of_kind(stack, kind)).replace("\\", "")
        for kind in ("AWS::Events::Rule", "AWS::StepFunctions::StateMachine")
    )
    assert '"containerOverrides":[{"name":"ranker"' in rules
    assert '"ContainerOverrides":[{"Name":"ranker"' in machines


def test_16181_and_16093_may_pass_both_roles(stack: Stack, vpc: ec2.IVpc) -> None:
    agent = iam.Role.from_role_arn(stack, "Agent", "arn:aws:iam::111122223333:role/agent")
    define(stack, vpc, execution_role=agent)
    passed = [
        str(each["Resource"])
        for each in role_policy(stack, "EventsRole")
        if each["Action"] == "iam:PassRole"
    ]
    assert len(passed) == 2
    assert "arn:aws:iam::111122223333:role/agent" in passed
    assert any("TaskRole" in each for each in passed)


def test_7859_runs_with_roles_that_somebody_else_creates() -> None:
    stack = Stack(App(), "Stack")
    iam.Role.customize_roles(
        stack,
        use_precreated_roles={
            f"Stack/Task/ScheduledTaskDef/{name}": name
            for name in ("TaskRole", "ExecutionRole", "EventsRole")
        },
    )
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    define(stack, vpc)
    assert of_kind(stack, "AWS::IAM::Role") == of_kind(stack, "AWS::IAM::Policy") == []
    (rule,) = of_kind(stack, "AWS::Events::Rule")
    assert "role/EventsRole" in str(rule["Targets"][0]["RoleArn"])


def test_27446_and_18106_and_12623_reach_the_task(stack: Stack, vpc: ec2.IVpc) -> None:
    define(
        stack,
        vpc,
        runtime_platform=ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.ARM64),
        ephemeral_storage_gib=50,
        platform_version=ecs.FargatePlatformVersion.VERSION1_4,
    )
    (definition,) = of_kind(stack, "AWS::ECS::TaskDefinition")
    assert definition["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    assert definition["EphemeralStorage"] == {"SizeInGiB": 50}
    (rule,) = of_kind(stack, "AWS::Events::Rule")
    assert rule["Targets"][0]["EcsParameters"]["PlatformVersion"] == "1.4.0"


def test_21118_and_13659_keep_what_started_no_run(stack: Stack, vpc: ec2.IVpc) -> None:
    define(stack, vpc, retry_attempts=3, max_event_age=Duration.minutes(30))
    (rule,) = of_kind(stack, "AWS::Events::Rule")
    target = rule["Targets"][0]
    assert "DeadLetterQueue" in str(target["DeadLetterConfig"]["Arn"])
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 1800,
        "MaximumRetryAttempts": 3,
    }


def test_11945_takes_subnets_that_are_known_at_deployment(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Other",
        vpc_id=Fn.import_value("VpcId"),
        availability_zones=Fn.get_azs(),
        private_subnet_ids=Fn.split(",", Fn.import_value("Subnets")),
    )
    task = define(stack, vpc)
    subnets = {"Fn::Split": [",", {"Fn::ImportValue": "Subnets"}]}
    assert network_of(stack)["Subnets"] == subnets
    assert {"Fn::Join": [",", subnets]} in stack.resolve(task.run_task_command)["Fn::Join"][1]
    # How many zones there are is known at deployment, too.
    found = Annotations.from_stack(stack).find_warning(
        "/Stack/Task", Match.string_like_regexp("singleAvailabilityZone")
    )
    assert found == []


def test_5254_and_10672_take_subnets_that_the_vpc_does_not_know(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Other", vpc_id="vpc-2", availability_zones=["a", "b"]
    )
    subnets = [
        ec2.Subnet.from_subnet_id(stack, name, Fn.import_value(name)) for name in ("One", "Two")
    ]
    define(stack, vpc, subnet_selection=ec2.SubnetSelection(subnets=subnets))
    assert network_of(stack)["Subnets"] == [
        {"Fn::ImportValue": "One"},
        {"Fn::ImportValue": "Two"},
    ]


def test_12468_says_how_to_import_a_cluster_with_its_vpc(stack: Stack) -> None:
    cluster = ecs.Cluster.from_cluster_arn(
        stack, "Its", "arn:aws:ecs:us-east-1:111122223333:cluster/arena"
    )
    with pytest.raises(ValueError, match=r"imported without its VPC; import it with Cluster\."):
        ScheduledSnapshotTask(stack, "Task", cluster=cluster, image=IMAGE)


def test_18123_takes_a_version_of_a_secret(stack: Stack, vpc: ec2.IVpc) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:arena-AbCdEf"
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", arn)
    version = ecs.SecretVersionInfo(version_stage="AWSPREVIOUS")
    define(
        stack,
        vpc,
        secrets={"TOKEN": ecs.Secret.from_secrets_manager_version(secret, version, "token")},
    )
    (definition,) = of_kind(stack, "AWS::ECS::TaskDefinition")
    (used,) = definition["ContainerDefinitions"][0]["Secrets"]
    assert used["ValueFrom"] == f"{arn}:token:AWSPREVIOUS:"
    read = [each for each in role_policy(stack, "ExecutionRole") if "secretsmanager" in str(each)]
    assert [each["Resource"] for each in read] == [arn]


def test_8695_takes_a_managed_policy_of_another_stack(stack: Stack, vpc: ec2.IVpc) -> None:
    managed = iam.ManagedPolicy.from_managed_policy_arn(
        stack, "Managed", Fn.import_value("PolicyArn")
    )
    define(stack, vpc).task_role.add_managed_policy(managed)
    policies = [role.get("ManagedPolicyArns") for role in of_kind(stack, "AWS::IAM::Role")]
    assert [{"Fn::ImportValue": "PolicyArn"}] in policies


def test_24984_refuses_an_imported_task_definition(stack: Stack, vpc: ec2.IVpc) -> None:
    imported = ecs.FargateTaskDefinition.from_fargate_task_definition_arn(
        stack, "Imported", "arn:aws:ecs:us-east-1:111122223333:task-definition/arena:1"
    )
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=vpc)
    wrong: Any = imported  # of another kind than the prop's
    with pytest.raises(TypeError, match=r"FargateTaskDefinition.* of the app"):
        ScheduledSnapshotTask(stack, "Task", cluster=cluster, task_definition=wrong)


def test_30368_starts_the_revision_that_it_may_start(stack: Stack, vpc: ec2.IVpc) -> None:
    define(stack, vpc, monitoring=RETRY).grant_run(iam.Role.from_role_name(stack, "Op", "op"))
    in_roles = [
        each for role in of_kind(stack, "AWS::IAM::Role") for each in role.get("Policies", ())
    ]
    allowed = [
        statement["Resource"]
        for policy in [*of_kind(stack, "AWS::IAM::Policy"), *in_roles]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "ecs:RunTask"
    ]
    # The schedule, the retry and the operator: a reference is an ARN with its revision.
    assert len(allowed) == 3
    assert all(list(each) == ["Ref"] for each in allowed)


def subnets(stack: Stack, *ids: str) -> dict[str, Any]:  # any prop, here and below
    found = [ec2.Subnet.from_subnet_id(stack, f"Subnet{n}", each) for n, each in enumerate(ids)]
    return {"subnet_selection": ec2.SubnetSelection(subnets=found)}


def own_definition(stack: Stack) -> ecs.FargateTaskDefinition:
    definition = ecs.FargateTaskDefinition(stack, "Definition")
    definition.add_container("worker", image=ecs.ContainerImage.from_registry(IMAGE))
    return definition


def another_stack(stack: Stack, env: Environment | None = None) -> Stack:
    app: Any = stack.node.root  # the CDK has an interface for it
    return Stack(app, "Other", env=env)


def secret_under_a_key(stack: Stack) -> secretsmanager.ISecret:
    return secretsmanager.Secret(stack, "Secret", encryption_key=kms.Key(stack, "Key"))


def imported_key(stack: Stack) -> kms.IKey:
    return kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/1")


REFUSED: dict[str, tuple[Props, str]] = {
    "15952 and 16299": (
        lambda stack: subnets(stack, "subnet-1", "subnet-1"),
        r"subnet_selection has the same one more than once \(Stack/Subnet0, Stack/Subnet1\)",
    ),
    "16024": (
        lambda stack: {"task_definition": own_definition(stack), "command": ["weekly"]},
        r"command would have no effect with task_definition; set it there",
    ),
    "21181": (
        lambda _: {
            "schedule": scheduler.ScheduleExpression.cron(
                hour="8", minute="0", time_zone=TimeZone.EUROPE_LONDON
            )
        },
        "in the time zone Europe/London; it must be .* give its schedule_target",
    ),
    "26511": (
        lambda stack: {"secrets": {"TOKEN": secret_under_a_key(another_stack(stack))}},
        r"secrets\['TOKEN'\] is encrypted with Other/Key of another stack, .*; pass Secret\.from",
    ),
    "30549": (
        lambda stack: {
            "dead_letter_queue": sqs.Queue(
                stack, "Queue", encryption=sqs.QueueEncryption.KMS_MANAGED
            )
        },
        "dead_letter_queue is encrypted with the key that AWS manages",
    ),
    "32753": (
        lambda _: {"schedule": events.Schedule.expression("rate(1 minutes)")},
        r"rate\(1 minutes\)",
    ),
}


@pytest.mark.parametrize("reports", REFUSED)
def test_refuses_what_fails_when_deployed_or_run(
    stack: Stack, vpc: ec2.IVpc, reports: str
) -> None:
    props, sentence = REFUSED[reports]
    with pytest.raises((TypeError, ValueError), match=sentence):
        define(stack, vpc, **props(stack))


def monitored_by_a_topic_under(key: kms.IKey) -> dict[str, Any]:
    topic = sns.Topic(Stack.of(key), "Topic", master_key=key)
    return {"monitoring": SnapshotMonitoring(topic=topic)}


WARNED: dict[str, tuple[Props, str, str]] = {
    "11121": (
        lambda stack: monitored_by_a_topic_under(imported_key(stack)),
        "Topic",
        "alertTopicKey",
    ),
    "17881": (lambda _: {"schedule": events.Schedule.cron(hour="8")}, "Task", "overlappingRuns"),
    "35628": (
        lambda stack: {
            "dead_letter_queue": sqs.Queue(
                stack, "Queue", encryption_master_key=imported_key(stack)
            )
        },
        "Task/Default/ScheduledEventRule",
        "deadLetterQueueKey",
    ),
    "38225": (
        lambda _: {"environment": {f"V{n}": "a" for n in range(100)}},
        "Task/ScheduledTaskDef",
        "manyVariables",
    ),
}


@pytest.mark.parametrize("reports", WARNED)
def test_warns_of_what_may_fail(stack: Stack, vpc: ec2.IVpc, reports: str) -> None:
    props, path, warning = WARNED[reports]
    define(stack, vpc, **props(stack))
    Annotations.from_stack(stack).has_warning(
        f"/Stack/{path}", Match.string_like_regexp(f"bixarena-constructs:{warning}")
    )


def target_of(stack: Stack) -> dict[str, Any]:  # as above
    (rule,) = of_kind(stack, "AWS::Events::Rule")
    return dict(rule["Targets"][0])


def agents_statements(stack: Stack, action: str) -> list[dict[str, Any]]:  # as above
    return [each for each in role_policy(stack, "ExecutionRole") if action in str(each["Action"])]


def test_28165_takes_a_queue_whose_arn_is_a_parameter(stack: Stack, vpc: ec2.IVpc) -> None:
    arn = ssm.StringParameter.value_for_string_parameter(stack, "/arena/queue")
    define(stack, vpc, dead_letter_queue=sqs.Queue.from_queue_arn(stack, "Queue", arn))
    assert list(target_of(stack)["DeadLetterConfig"]["Arn"]) == ["Ref"]


def test_18821_and_30530_and_20804_and_33169_use_a_queue_and_its_key_of_another_stack(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    other = another_stack(stack)
    queue = sqs.Queue(other, "Queue", encryption_master_key=kms.Key(other, "Key"))
    define(stack, vpc, dead_letter_queue=queue)
    assert list(target_of(stack)["DeadLetterConfig"]["Arn"]) == ["Fn::ImportValue"]
    (key,) = of_kind(other, "AWS::KMS::Key")
    granted = key["KeyPolicy"]["Statement"][-1]
    assert granted["Principal"] == {"Service": "events.amazonaws.com"}
    assert granted["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_31785_lets_the_role_of_a_schedule_send_dead_letters(stack: Stack, vpc: ec2.IVpc) -> None:
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=vpc)
    scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
        target=SnapshotTask(stack, "Task", cluster=cluster, image=IMAGE).schedule_target(),
    )
    actions = [each["Action"] for each in role_policy(stack, "ScheduleRole")]
    assert "sqs:SendMessage" in actions


def test_11121_lets_alarms_use_the_key_of_a_topic(stack: Stack, vpc: ec2.IVpc) -> None:
    define(stack, vpc, **monitored_by_a_topic_under(kms.Key(stack, "Key")))
    (key,) = of_kind(stack, "AWS::KMS::Key")
    assert "cloudwatch.amazonaws.com" in str(key["KeyPolicy"])


@pytest.mark.parametrize("is_imported", [False, True])
def test_6097_and_7096_and_13215_may_write_the_streams_of_a_log_group(
    stack: Stack, vpc: ec2.IVpc, *, is_imported: bool
) -> None:
    log_group: logs.ILogGroup = logs.LogGroup(another_stack(stack), "Log")
    if is_imported:
        log_group = logs.LogGroup.from_log_group_name(stack, "Log", "arena")
    define(stack, vpc, log_group=log_group)
    (write,) = agents_statements(stack, "logs:PutLogEvents")
    if is_imported:
        assert write["Resource"]["Fn::Join"][1][-1].endswith(":log-group:arena:*")
    else:
        # What CloudFormation has as the ARN of a log group ends so.
        assert re.search(r"GetAtt.*Log.*Arn", str(write["Resource"]))


def test_13215_may_write_them_where_one_stack_has_an_environment_and_the_other_has_none(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    place = Environment(account="111122223333", region="us-east-1")
    other = another_stack(stack, place)
    define(stack, vpc, log_group=logs.LogGroup(other, "Log", log_group_name="arena"))
    written = [str(each["Resource"]) for each in agents_statements(stack, "logs:PutLogEvents")]
    assert any(each.endswith("log-group:arena:*']]}") for each in written)


def test_20313_and_22307_need_no_policy_of_the_log_group(stack: Stack, vpc: ec2.IVpc) -> None:
    agent = iam.Role.from_role_arn(stack, "Agent", "arn:aws:iam::111122223333:role/agent")
    log_group = logs.LogGroup.from_log_group_name(stack, "Log", "arena")
    define(stack, vpc, execution_role=agent, log_group=log_group)
    assert of_kind(stack, "AWS::Logs::ResourcePolicy") == []


def test_31404_and_28577_share_the_log_policy_and_10669_and_19407_no_role(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=vpc)
    for name in ("One", "Two"):
        ScheduledSnapshotTask(
            stack, name, cluster=cluster, image=IMAGE, monitoring=SnapshotMonitoring()
        )
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Logs::ResourcePolicy", 1)
    roles = template.find_resources("AWS::IAM::Role")
    assert sum("EventsRole" in logical_id for logical_id in roles) == 2


def test_4498_and_17156_decrypt_a_parameter_and_a_secret(stack: Stack, vpc: ec2.IVpc) -> None:
    key = imported_key(stack)
    parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
        stack, "Parameter", parameter_name="/arena/token", encryption_key=key
    )
    secret = secretsmanager.Secret.from_secret_attributes(
        stack,
        "Secret",
        secret_complete_arn="arn:aws:secretsmanager:us-east-1:111122223333:secret:a-AbCdEf",
        encryption_key=key,
    )
    ready = ecs.Secret.from_ssm_parameter(parameter)
    define(stack, vpc, secrets={"PARAMETER": ready, "SECRET": secret})
    decrypted = {str(each["Resource"]) for each in agents_statements(stack, "kms:Decrypt")}
    assert decrypted == {key.key_arn}


def test_3242_and_5222_and_10352_bound_every_role(stack: Stack, vpc: ec2.IVpc) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "boundary")
    iam.PermissionsBoundary.of(stack).apply(boundary)
    define(stack, vpc, monitoring=RETRY)
    bounded = ["PermissionsBoundary" in each for each in of_kind(stack, "AWS::IAM::Role")]
    assert len(bounded) > 3
    assert all(bounded)


def test_16648_takes_a_parameter_as_the_size_of_the_disk(stack: Stack, vpc: ec2.IVpc) -> None:
    size = CfnParameter(stack, "Size", type="Number").value_as_number
    define(stack, vpc, ephemeral_storage_gib=size)
    (definition,) = of_kind(stack, "AWS::ECS::TaskDefinition")
    assert definition["EphemeralStorage"] == {"SizeInGiB": {"Ref": "Size"}}


def test_4118_and_8568_run_in_a_vpc_of_parameters(stack: Stack) -> None:
    listed = "List<AWS::EC2::Subnet::Id>"
    zones = "List<AWS::EC2::AvailabilityZone::Name>"
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Other",
        vpc_id=CfnParameter(stack, "Id").value_as_string,
        availability_zones=CfnParameter(stack, "Zones", type=zones).value_as_list,
        private_subnet_ids=CfnParameter(stack, "Subnets", type=listed).value_as_list,
    )
    define(stack, vpc)
    assert network_of(stack)["Subnets"] == {"Ref": "Subnets"}


def test_9233_and_18642_give_an_address_in_subnets_that_are_listed(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    define(stack, vpc, **subnets(stack, "subnet-public-1"), assign_public_ip=True)
    assert network_of(stack)["AssignPublicIp"] == "ENABLED"


def test_25106_and_5850_and_13618_reach_the_rule(stack: Stack, vpc: ec2.IVpc) -> None:
    spot = ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=1)
    define(
        stack,
        vpc,
        capacity_provider_strategies=[spot],
        enable_execute_command=True,
        enable_ecs_managed_tags=True,
    )
    parameters = target_of(stack)["EcsParameters"]
    assert parameters["CapacityProviderStrategy"][0]["CapacityProvider"] == "FARGATE_SPOT"
    assert "LaunchType" not in parameters
    assert parameters["EnableExecuteCommand"] is parameters["EnableECSManagedTags"] is True


def test_28857_of_the_terraform_provider_leaves_out_what_eventbridge_does_not_know(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    define(stack, vpc, propagate_tags=ecs.PropagatedTagSource.NONE)
    assert "PropagateTags" not in target_of(stack)["EcsParameters"]


def test_1654_and_10547_open_a_database_of_another_stack_from_the_task(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    other = another_stack(stack)
    group = ec2.SecurityGroup(
        other,
        "Group",
        vpc=ec2.Vpc.from_vpc_attributes(other, "Vpc", vpc_id="vpc-1", availability_zones=["a"]),
    )
    secret = secretsmanager.Secret(other, "Secret")
    task = define(stack, vpc, secrets={"PASSWORD": secret})
    task.connections.allow_to(group, ec2.Port.tcp(5432))
    (rule,) = of_kind(stack, "AWS::EC2::SecurityGroupIngress")
    assert list(rule["GroupId"]) == ["Fn::ImportValue"]


def test_the_page_lists_each_report_that_is_tried_here() -> None:
    table = PAGE.partition("## Public reports")[2].partition("\n## ")[0]
    tests = [name for name in globals() if name.startswith("test_")]
    names = [*tests, *REFUSED, *WARNED]
    tried = {number for name in names for number in re.findall(r"[0-9]{4,}", name)}
    assert sorted(set(re.findall(r"\b[0-9]{4,}\b", table))) == sorted({*tried, "12080"})
