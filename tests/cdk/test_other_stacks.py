"""Neighbours that another stack of the app defines: each works, or is refused with a way out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, Fn, PhysicalName, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
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
from aws_cdk.assertions import Template
from cfnlint.api import lint

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, SnapshotTask
from bixarena_constructs.cdk.outputs import OUTPUT_DESCRIPTIONS
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
PLACE = Environment(account="111122223333", region="eu-west-1")
OTHER_ACCOUNT = Environment(account="444455556666", region="eu-west-1")
OTHER_REGION = Environment(account="111122223333", region="us-east-1")


class Stacks:
    """A stack of the team that operates, one of the network, and that of the task."""

    def __init__(
        self,
        place: Environment | None,
        *,
        in_stage: bool = False,
        is_ops_last: bool = False,
        ops: Environment | None = None,
    ) -> None:
        app = App()
        root = Stage(app, "Stage") if in_stage else app
        network = Stack(root, "Network", env=place)
        if is_ops_last:
            self.own = Stack(root, "Own", env=place)
        self.ops = Stack(root, "Ops", env=ops or place)
        if not is_ops_last:
            self.own = Stack(root, "Own", env=place)
        self.cluster = ecs.Cluster(network, "Cluster", vpc=ec2.Vpc(network, "Vpc", max_azs=2))
        self.key = kms.Key(self.ops, "Key")

    def task(self, construct_id: str = "Task", **props: Any) -> ScheduledSnapshotTask:
        own = {"cluster": self.cluster, "schedule": events.Schedule.cron(hour="10", minute="0")}
        return ScheduledSnapshotTask(self.own, construct_id, **{**own, **props})

    def define(self, *ids: str, **props: Any) -> Template:
        for each in ids or ("Task",):
            self.task(each, **props)
        Template.from_stack(self.own)  # the whole app is synthesised
        return Template.from_stack(self.ops)


@pytest.fixture(
    params=[{"place": None}, {"place": PLACE, "is_ops_last": True, "in_stage": True}],
    ids=["anywhere, ops first", "in a stage, ops last"],
)
def stacks(request: pytest.FixtureRequest) -> Stacks:
    return Stacks(**request.param)


def sole(template: Template, kind: str) -> dict[str, Any]:
    (found,) = template.find_resources(kind).values()
    document: dict[str, Any] = found["Properties"]["PolicyDocument"]
    return document


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_topic_lets_alarms_of_any_name_publish(stacks: Stacks, encrypted: bool) -> None:  # noqa: FBT001
    topic = sns.Topic(stacks.ops, "Topic", master_key=stacks.key if encrypted else None)
    monitoring = SnapshotMonitoring(topic=topic, retry_after=Duration.hours(1), dashboard=True)
    document = sole(stacks.define("One", "Two", monitoring=monitoring), "AWS::SNS::TopicPolicy")
    (statement,) = document["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    source = str(statement["Condition"]["ArnLike"]["aws:SourceArn"])
    assert ":cloudwatch:" in source
    assert source.rstrip("']}").endswith(":alarm:*")


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_dead_letter_queue_takes_letters_of_any_rule(stacks: Stacks, encrypted: bool) -> None:  # noqa: FBT001
    key = stacks.key if encrypted else None
    queue = sqs.Queue(stacks.ops, "Queue", encryption_master_key=key)
    template = stacks.define("One", "Two", dead_letter_queue=queue)
    (statement,) = sole(template, "AWS::SQS::QueuePolicy")["Statement"]
    assert statement["Action"] == "sqs:SendMessage"
    assert ":rule/*" in str(statement["Condition"]["ArnLike"])
    if encrypted:
        assert "kms:GenerateDataKey" in str(template.find_resources("AWS::KMS::Key"))


def test_a_queue_that_tasks_of_one_stack_share_has_no_statement_of_one_name() -> None:
    stacks = Stacks(None)
    stacks.define("One", "Two", dead_letter_queue=sqs.Queue(stacks.own, "Queue"))
    document = sole(Template.from_stack(stacks.own), "AWS::SQS::QueuePolicy")
    assert len(document["Statement"]) == 2
    assert not any("Sid" in each for each in document["Statement"])
    assert all("ArnEquals" in each["Condition"] for each in document["Statement"])


def own_definition(ops: Stack) -> dict[str, Any]:
    log_group = logs.LogGroup(ops, "Log")
    definition = ecs.FargateTaskDefinition(ops, "Definition")
    definition.add_container(
        "worker",
        image=ecs.ContainerImage.from_registry("arena/worker:1.0.0"),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="a", log_group=log_group),
    )
    return {"task_definition": definition, "log_group": log_group}


def cluster_of(ops: Stack) -> ecs.Cluster:
    return ecs.Cluster(ops, "Cluster", vpc=ec2.Vpc(ops, "Vpc", max_azs=2))


NEIGHBOURS: dict[str, Callable[[Stack], dict[str, Any]]] = {
    "cluster": lambda ops: {"cluster": cluster_of(ops)},
    "dead_letter_queue": lambda ops: {"dead_letter_queue": sqs.Queue(ops, "Queue")},
    "environment": lambda ops: {"environment": {"A": secretsmanager.Secret(ops, "S").secret_arn}},
    "image": lambda ops: {
        "image": ecs.ContainerImage.from_ecr_repository(ecr.Repository(ops, "Repository"), "1")
    },
    "image as text": lambda ops: {
        "image": ecr.Repository(ops, "Repository").repository_uri_for_tag("1")
    },
    "log_group": lambda ops: {
        "log_group": logs.LogGroup(ops, "Log", encryption_key=kms.Key(ops, "K"))
    },
    "registry_credentials": lambda ops: {
        "registry_credentials": secretsmanager.Secret(ops, "Secret"),
        "image": "ghcr.io/arena/worker:1.0.0",
    },
    "secrets": lambda ops: {"secrets": {"A": secretsmanager.Secret(ops, "Secret")}},
    "secrets, ready": lambda ops: {
        "secrets": {
            "A": ecs.Secret.from_secrets_manager(secretsmanager.Secret(ops, "Secret"), "field")
        }
    },
    "secrets, a parameter": lambda ops: {
        "secrets": {
            "A": ecs.Secret.from_ssm_parameter(ssm.StringParameter(ops, "P", string_value="a"))
        }
    },
    "security_groups": lambda ops: {
        "security_groups": [
            ec2.SecurityGroup(
                ops,
                "Group",
                vpc=ec2.Vpc.from_vpc_attributes(
                    ops, "Vpc", vpc_id=Fn.import_value("Vpc"), availability_zones=["a"]
                ),
            )
        ]
    },
    "task_definition": own_definition,
    "task_role": lambda ops: {
        "task_role": iam.Role(ops, "Role", assumed_by=AGENT),
        "image": "arena/worker:1.0.0",
        "enable_execute_command": True,
    },
    "topic": lambda ops: {"monitoring": SnapshotMonitoring(topic=sns.Topic(ops, "Topic"))},
}


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_works_with_neighbours_of_a_stack_in_the_same_place(
    stacks: Stacks, neighbour: str
) -> None:
    stacks.define(**{"monitoring": SnapshotMonitoring(), **NEIGHBOURS[neighbour](stacks.ops)})


def test_works_with_a_vpc_of_another_stack(stacks: Stacks) -> None:
    vpc = ec2.Vpc(stacks.ops, "Vpc", max_azs=2)
    stacks.define(cluster=ecs.Cluster(stacks.own, "Cluster", vpc=vpc))


@pytest.mark.parametrize(
    ("ops", "neighbour", "sentence"),
    [
        (OTHER_ACCOUNT, "cluster", "cluster is in the account 444455556666; it must be in 1111"),
        (OTHER_REGION, "cluster", "cluster is in the region us-east-1; it must be in eu-west-1"),
        (OTHER_ACCOUNT, "dead_letter_queue", "dead_letter_queue is of a stack in another account"),
        (OTHER_REGION, "dead_letter_queue", "dead_letter_queue is in the region us-east-1"),
        (OTHER_REGION, "environment", r"environment\['A'\] is of a stack in another account"),
        (OTHER_ACCOUNT, "image", "image is of a stack in another account or region"),
        (OTHER_REGION, "image as text", "image is of a stack in another account or region"),
        (OTHER_ACCOUNT, "log_group", "log_group is in the account 444455556666"),
        (OTHER_REGION, "log_group", "log_group is in the region us-east-1"),
        (OTHER_REGION, "registry_credentials", "registry_credentials is of a stack in another"),
        (OTHER_ACCOUNT, "secrets", r"secrets\['A'\] is of a stack in another account or region"),
        (OTHER_REGION, "secrets, ready", r"secrets\['A'\] is of a stack in another account"),
        (OTHER_REGION, "secrets, a parameter", r"secrets\['A'\] is of a stack in another"),
        (OTHER_REGION, "security_groups", "security_groups is in the region us-east-1"),
        (OTHER_ACCOUNT, "task_definition", "task_definition is in the account 444455556666"),
        (OTHER_ACCOUNT, "task_role", "task_role is in the account 444455556666"),
        (OTHER_REGION, "task_role", "task_role is of a stack in another account or region"),
        (OTHER_ACCOUNT, "topic", "topic is in the account 444455556666"),
        (OTHER_REGION, "topic", "topic is in the region us-east-1"),
    ],
)
def test_refuses_neighbours_that_are_out_of_reach(
    ops: Environment, neighbour: str, sentence: str
) -> None:
    stacks = Stacks(PLACE, is_ops_last=True, ops=ops)
    with pytest.raises(ValueError, match=sentence):
        stacks.define(**NEIGHBOURS[neighbour](stacks.ops))


def test_refuses_a_vpc_of_another_region() -> None:
    stacks = Stacks(PLACE, ops=OTHER_REGION)
    vpc = ec2.Vpc(stacks.ops, "Vpc", max_azs=2)
    with pytest.raises(ValueError, match="VPC of cluster is in the region us-east-1"):
        stacks.define(cluster=ecs.Cluster(stacks.own, "Cluster", vpc=vpc))


def test_refuses_an_imported_cluster_of_another_region() -> None:
    stacks = Stacks(PLACE)
    cluster = ecs.Cluster.from_cluster_attributes(
        stacks.own,
        "Imported",
        cluster_name="arena",
        cluster_arn="arn:aws:ecs:us-west-2:111122223333:cluster/arena",
        vpc=stacks.cluster.vpc,
    )
    with pytest.raises(ValueError, match="cluster is in the region us-west-2"):
        stacks.define(cluster=cluster)


def test_a_queue_of_another_account_works_by_a_name_that_is_known() -> None:
    stacks = Stacks(PLACE, ops=OTHER_ACCOUNT)
    name = PhysicalName.GENERATE_IF_NEEDED
    queue = sqs.Queue(stacks.ops, "Queue", queue_name=name)
    template = stacks.define(dead_letter_queue=queue)
    (statement,) = sole(template, "AWS::SQS::QueuePolicy")["Statement"]
    assert ":111122223333:rule/*" in str(statement["Condition"]["ArnLike"])
    outputs = Template.from_stack(stacks.own).find_outputs("*", {})
    (url,) = (each["Value"] for name, each in outputs.items() if "DeadLetterQueueUrl" in name)
    start, suffix, rest = url["Fn::Join"][1]
    assert start == "https://sqs.eu-west-1."
    assert suffix == {"Ref": "AWS::URLSuffix"}
    assert rest.startswith("/444455556666/ops")


def test_a_queue_of_another_stack_takes_letters_of_a_schedule(stacks: Stacks) -> None:
    task = SnapshotTask(stacks.own, "Task", cluster=stacks.cluster)
    queue = sqs.Queue(stacks.ops, "Queue", encryption_master_key=stacks.key)
    scheduler.Schedule(
        stacks.own,
        "Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.hours(1)),
        target=task.schedule_target(dead_letter_queue=queue),
    )
    policies = Template.from_stack(stacks.own).find_resources("AWS::IAM::Policy")
    assert "sqs:SendMessage" in str(policies)
    assert "kms:GenerateDataKey" in str(policies)


def test_refuses_a_queue_of_another_region_for_a_schedule() -> None:
    stacks = Stacks(PLACE, ops=OTHER_REGION)
    task = SnapshotTask(stacks.own, "Task", cluster=stacks.cluster)
    with pytest.raises(ValueError, match="dead_letter_queue is in the region us-east-1"):
        task.schedule_target(dead_letter_queue=sqs.Queue(stacks.ops, "Queue"))


def test_an_execution_role_is_refused_with_a_way_out(stacks: Stacks) -> None:
    role = iam.Role(stacks.ops, "Role", assumed_by=AGENT)
    with pytest.raises(ValueError, match=r"execution_role is .*Ops/Role of another stack"):
        stacks.define(execution_role=role)
    imported = iam.Role.from_role_arn(stacks.own, "Imported", role.role_arn)
    stacks.define("Other", execution_role=imported)
    policies = Template.from_stack(stacks.own).find_resources("AWS::IAM::Policy")
    assert "logs:PutLogEvents" in str(policies)


READY = ecs.Secret.from_secrets_manager
UNDER_A_KEY: dict[str, Callable[[Any], dict[str, Any]]] = {
    "registry_credentials": lambda secret: {"registry_credentials": secret},
    "secrets['A']": lambda secret: {"secrets": {"A": secret}},
    "secrets['B']": lambda secret: {"secrets": {"B": (secret, "field")}},
    "secrets['C']": lambda secret: {"secrets": {"C": READY(secret)}},
    "secrets['D']": lambda secret: {"secrets": {"D": READY(secret, "field")}},
}


def encrypted(stacks: Stacks) -> secretsmanager.Secret:
    return secretsmanager.Secret(stacks.ops, "Secret", encryption_key=stacks.key)


def way_out(stacks: Stacks, secret: secretsmanager.ISecret) -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_attributes(
        stacks.own,
        "Imported",
        secret_complete_arn=secret.secret_arn,
        encryption_key=kms.Key.from_key_arn(stacks.own, "Key", stacks.key.key_arn),
    )


@pytest.mark.parametrize("prop", UNDER_A_KEY)
def test_a_secret_under_a_key_is_refused_with_a_way_out(stacks: Stacks, prop: str) -> None:
    secret, props = encrypted(stacks), UNDER_A_KEY[prop]
    sentence = re.escape(f"{prop} is encrypted with {stacks.key.node.path} of another stack")
    with pytest.raises(ValueError, match=f"^{sentence}"):
        stacks.define(**props(secret))
    stacks.define("Other", **props(way_out(stacks, secret)))
    policies = Template.from_stack(stacks.own).find_resources("AWS::IAM::Policy")
    assert "kms:Decrypt" in str(policies)


@pytest.mark.parametrize("is_out", [False, True], ids=["cycle", "way out"])
def test_so_is_one_that_no_prop_shows(stacks: Stacks, *, is_out: bool) -> None:
    secret: secretsmanager.ISecret = encrypted(stacks)
    if is_out:
        secret = way_out(stacks, secret)
    (worker,) = [stacks.task().task_definition.default_container]
    assert worker is not None
    worker.add_secret("LATE", READY(secret, "field"))
    if is_out:
        assert "kms:Decrypt" in str(Template.from_stack(stacks.own).to_json())
        return
    # Of jsii, as all that is found at synthesis.
    with pytest.raises(RuntimeError, match=r"^the secret LATE is encrypted with .*Key of another"):
        Template.from_stack(stacks.own)


def test_so_is_the_secret_of_a_ready_image(stacks: Stacks) -> None:
    image = ecs.ContainerImage.from_registry("a/b:1.0.0", credentials=encrypted(stacks))
    stacks.task(image=image)
    with pytest.raises(RuntimeError, match=r"^the secret of the registry's credentials is encryp"):
        Template.from_stack(stacks.own)


def test_a_secret_of_the_own_stack_with_the_same_path_is_another(stacks: Stacks) -> None:
    # Both have one logical ID, each in its stack.
    encrypted(stacks)
    secret = secretsmanager.Secret(stacks.own, "Secret")
    worker = stacks.task().task_definition.default_container
    assert worker is not None
    worker.add_secret("LATE", READY(secret))
    Template.from_stack(stacks.own)


def test_refuses_what_is_added_later_of_a_stack_in_another_region() -> None:
    stacks = Stacks(PLACE, ops=OTHER_REGION)
    worker = stacks.task().task_definition.default_container
    assert worker is not None
    worker.add_secret("LATE", READY(secretsmanager.Secret(stacks.ops, "Secret")))
    with pytest.raises(RuntimeError, match=r"^a setting of Own/Task/.* is of a stack in another"):
        Template.from_stack(stacks.own)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [True, False])
def test_cfn_lint_finds_outputs_that_repeat_an_import_and_nothing_else(*, outputs: bool) -> None:
    stacks = Stacks(PLACE)
    monitoring = SnapshotMonitoring(topic=sns.Topic(stacks.ops, "Topic"))
    stacks.define(monitoring=monitoring, outputs=outputs)
    template = Template.from_stack(stacks.own).to_json()
    found = {
        (match.rule.id, template["Outputs"][match.path[1]]["Description"])
        for match in lint(json.dumps(template), regions=["eu-west-1"])
    }
    named = (Output.CLUSTER_ARN, Output.RUN_TASK_COMMAND, Output.ALERT_TOPIC_ARN)
    assert found == (
        {("W6001", OUTPUT_DESCRIPTIONS[each]) for each in named} if outputs else set()
    )


def test_lets_a_task_definition_of_another_stack_pull_guarddutys_sidecar() -> None:
    stacks = Stacks(None)
    log_group = logs.LogGroup(stacks.ops, "Log")
    definition = ecs.FargateTaskDefinition(stacks.ops, "Definition")
    definition.add_container(
        "worker",
        image=ecs.ContainerImage.from_registry("ghcr.io/arena/worker:1.0.0"),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="a", log_group=log_group),
    )
    # The mapping is where the policy is that reads it.
    template = stacks.define(task_definition=definition, log_group=log_group).to_json()
    assert "BixarenaGuardDutyAgentAccounts" in template["Mappings"]
    assert "BixarenaGuardDutyAgentAccounts" in json.dumps(template["Resources"])
    own = Template.from_stack(stacks.own).to_json()
    assert "BixarenaGuardDutyAgentAccounts" not in json.dumps(own)
