"""Neighbours that another stack of the app defines: each works, or is refused with a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
PLACES = [None, Environment(account="111122223333", region="eu-west-1")]


class Stacks:
    """A stack of the team that operates, one of the network, and that of the task."""

    def __init__(self, place: Environment | None) -> None:
        app = App()
        self.ops = Stack(app, "Ops", env=place)
        self.own = Stack(app, "Own", env=place)
        network = Stack(app, "Network", env=place)
        self.cluster = ecs.Cluster(network, "Cluster", vpc=ec2.Vpc(network, "Vpc", max_azs=2))
        self.key = kms.Key(self.ops, "Key")

    def define(self, *ids: str, **props: Any) -> Template:
        schedule = events.Schedule.cron(hour="10", minute="0")
        for each in ids or ("Task",):
            ScheduledSnapshotTask(self.own, each, cluster=self.cluster, schedule=schedule, **props)
        Template.from_stack(self.own)  # the whole app is synthesised
        return Template.from_stack(self.ops)


@pytest.fixture(params=PLACES, ids=["anywhere", "somewhere"])
def stacks(request: pytest.FixtureRequest) -> Stacks:
    return Stacks(request.param)


def sole(template: Template, kind: str) -> dict[str, Any]:
    (found,) = template.find_resources(kind).values()
    document: dict[str, Any] = found["Properties"]["PolicyDocument"]
    return document


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_topic_hears_of_rules_and_alarms_of_any_name(stacks: Stacks, encrypted: bool) -> None:  # noqa: FBT001
    topic = sns.Topic(stacks.ops, "Topic", master_key=stacks.key if encrypted else None)
    monitoring = SnapshotMonitoring(topic=topic, retry_after=Duration.hours(1), dashboard=True)
    document = sole(stacks.define("One", "Two", monitoring=monitoring), "AWS::SNS::TopicPolicy")
    conditions = {
        each["Principal"]["Service"]: each["Condition"]["ArnLike"]["aws:SourceArn"]
        for each in document["Statement"]
    }
    assert len(document["Statement"]) == 2
    assert ":events:" in str(conditions["events.amazonaws.com"])
    assert str(conditions["events.amazonaws.com"]).rstrip("']}").endswith(":rule/*")
    assert ":cloudwatch:" in str(conditions["cloudwatch.amazonaws.com"])
    assert str(conditions["cloudwatch.amazonaws.com"]).rstrip("']}").endswith(":alarm:*")


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


@pytest.mark.parametrize(
    "props",
    [
        lambda ops: {"log_group": logs.LogGroup(ops, "Log", encryption_key=kms.Key(ops, "K"))},
        lambda ops: {"registry_credentials": secretsmanager.Secret(ops, "Secret")},
        lambda ops: {"secrets": {"A": secretsmanager.Secret(ops, "Secret")}},
        lambda ops: {
            "task_role": iam.Role(
                ops, "R", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
            )
        },
    ],
    ids=["log group", "credentials", "secret", "task role"],
)
def test_these_work_as_they_are(stacks: Stacks, props: Callable[[Stack], Any]) -> None:
    stacks.define(**props(stacks.ops), monitoring=SnapshotMonitoring())


def test_an_execution_role_is_refused_with_a_way_out(stacks: Stacks) -> None:
    role = iam.Role(stacks.ops, "Role", assumed_by=AGENT)
    with pytest.raises(ValueError, match="execution_role is Ops/Role of another stack"):
        stacks.define(execution_role=role)
    way_out = iam.Role.from_role_arn(stacks.own, "Imported", role.role_arn)
    stacks.define("Other", execution_role=way_out)
    policies = Template.from_stack(stacks.own).find_resources("AWS::IAM::Policy")
    assert "logs:PutLogEvents" in str(policies)


@pytest.mark.parametrize(
    ("prop", "props"),
    [
        ("registry_credentials", lambda secret: {"registry_credentials": secret}),
        (r"secrets\['A'\]", lambda secret: {"secrets": {"A": secret}}),
        (r"secrets\['A'\]", lambda secret: {"secrets": {"A": (secret, "field")}}),
    ],
)
def test_a_secret_under_a_key_is_refused_with_a_way_out(
    stacks: Stacks, prop: str, props: Callable[[secretsmanager.ISecret], Any]
) -> None:
    secret = secretsmanager.Secret(stacks.ops, "Secret", encryption_key=stacks.key)
    with pytest.raises(ValueError, match=f"{prop} is encrypted with Ops/Key of another stack"):
        stacks.define(**props(secret))
    way_out = secretsmanager.Secret.from_secret_attributes(
        stacks.own,
        "Imported",
        secret_complete_arn=secret.secret_arn,
        encryption_key=kms.Key.from_key_arn(stacks.own, "Key", stacks.key.key_arn),
    )
    stacks.define("Other", **props(way_out))
    policies = Template.from_stack(stacks.own).find_resources("AWS::IAM::Policy")
    assert "kms:Decrypt" in str(policies)
