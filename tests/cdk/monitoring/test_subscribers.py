"""The warning that nobody in the app subscribes to alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Annotations, App, NestedStack, Stack
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring

if TYPE_CHECKING:
    from collections.abc import Callable

WARNING = "bixarena-constructs:alertTopicWithoutSubscriber"
IMPORTED = "arn:aws:sns:us-east-1:111122223333:alerts"
CHANNEL: dict[str, Any] = {
    "slack_channel_configuration_name": "alerts",
    "slack_workspace_id": "T0",
    "slack_channel_id": "C0",
}


def define(stack: Stack, construct_id: str = "Task", **settings: Any) -> sns.Topic:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        f"{construct_id}Vpc",
        vpc_id="vpc-1",
        availability_zones=["a", "b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    cluster = ecs.Cluster.from_cluster_attributes(
        stack, f"{construct_id}Cluster", cluster_name="arena", vpc=vpc
    )
    task = ScheduledSnapshotTask(
        stack, construct_id, cluster=cluster, monitoring=SnapshotMonitoring(**settings)
    )
    assert task.monitoring is not None
    topic: sns.Topic = task.monitoring.topic  # type: ignore[assignment] # or a test's own
    return topic


def warned(*stacks: Stack) -> list[str]:
    """Return the paths of the topics that nobody subscribes to, of stacks of one app."""
    return [
        message.id
        for stack in stacks
        for message in Found.from_stack(stack).find_warning("*", Match.string_like_regexp(WARNING))
    ]


def mail(topic: sns.Topic, _: Stack) -> None:
    topic.add_subscription(subscriptions.EmailSubscription("team@example.org"))


def queue(topic: sns.Topic, elsewhere: Stack) -> None:
    topic.add_subscription(subscriptions.SqsSubscription(sqs.Queue(elsewhere, "Queue")))


def resource(topic: sns.Topic, _: Stack) -> None:
    sns.CfnSubscription(
        Stack.of(topic),
        "Raw",
        topic_arn=topic.node.default_child.ref,  # type: ignore[union-attr] # a topic's
        protocol="email",
        endpoint="team@example.org",
    )


def listed(topic: sns.Topic, _: Stack) -> None:
    raw: sns.CfnTopic = topic.node.default_child  # type: ignore[assignment] # a topic's
    raw.subscription = [
        sns.CfnTopic.SubscriptionProperty(protocol="email", endpoint="team@example.org")
    ]


def slack(topic: sns.Topic, elsewhere: Stack) -> None:
    chatbot.SlackChannelConfiguration(elsewhere, "Slack", **CHANNEL, notification_topics=[topic])


def nested(topic: sns.Topic, elsewhere: Stack) -> None:
    subscriptions_of = NestedStack(elsewhere, "Nested")
    sns.Subscription(
        subscriptions_of,
        "Subscription",
        topic=topic,
        protocol=sns.SubscriptionProtocol.EMAIL,
        endpoint="team@example.org",
    )


WAYS = (mail, queue, resource, listed, slack, nested)


@pytest.mark.parametrize("subscribe", WAYS)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_is_silent_where_somebody_subscribes(
    subscribe: Callable[[sns.Topic, Stack], None], *, elsewhere: bool
) -> None:
    app = App()
    stack, other = Stack(app, "Own"), Stack(app, "Other")
    subscribe(define(stack), other if elsewhere else stack)
    assert warned(stack, other) == []


def test_warns_where_nobody_does(stack: Stack) -> None:
    topic = define(stack)
    assert warned(stack) == [f"/{topic.node.path}"]


def test_is_silent_with_an_address(stack: Stack) -> None:
    define(stack, email="team@example.org")
    assert warned(stack) == []


def test_is_silent_where_another_task_of_the_topic_has_an_address(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    define(stack, "First", topic=topic)
    define(stack, "Second", topic=topic, email="team@example.org")
    assert warned(stack) == []


@pytest.mark.parametrize("subscribe", [None, *WAYS])
def test_looks_at_the_topic_of_another_stack(
    subscribe: Callable[[sns.Topic, Stack], None] | None,
) -> None:
    app = App()
    ops, stack = Stack(app, "Ops"), Stack(app, "Own")
    topic = sns.Topic(ops, "Topic")
    define(stack, topic=topic)
    if subscribe is not None:
        subscribe(topic, stack)
    assert warned(ops, stack) == ([f"/{topic.node.path}"] if subscribe is None else [])


def test_does_not_know_of_an_imported_topic(stack: Stack) -> None:
    define(stack, topic=sns.Topic.from_topic_arn(stack, "Topic", IMPORTED))
    assert warned(stack) == []


@pytest.mark.parametrize("subscribe", [mail, queue, slack])
def test_distinguishes_topics_of_one_logical_id(
    subscribe: Callable[[sns.Topic, Stack], None],
) -> None:
    app = App()
    of_prod, of_dev = Stack(app, "Prod"), Stack(app, "Dev")
    subscribe(define(of_prod), of_prod)
    topic = define(of_dev)
    assert warned(of_prod, of_dev) == [f"/{topic.node.path}"]


def test_distinguishes_topics_of_a_stack(stack: Stack) -> None:
    mail(define(stack, "First"), stack)
    topic = define(stack, "Second")
    assert warned(stack) == [f"/{topic.node.path}"]


def test_warns_once_of_a_topic_that_tasks_share(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    for name in ("First", "Second"):
        define(stack, name, topic=topic)
    assert warned(stack) == ["/Stack/Topic"]


def test_is_acknowledged_on_the_stack(stack: Stack) -> None:
    define(stack)
    Annotations.of(stack).acknowledge_warning(WARNING, "subscribed to by hand")
    assert warned(stack) == []


def test_a_channel_of_another_topic_does_not_count(stack: Stack) -> None:
    topic = define(stack)
    other = sns.Topic(stack, "Other")
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/chat")
    chatbot.SlackChannelConfiguration(
        stack, "Slack", **CHANNEL, notification_topics=[other], role=role
    )
    assert warned(stack) == [f"/{topic.node.path}"]
