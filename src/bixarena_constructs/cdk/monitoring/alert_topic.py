"""The topic that alerts go to, and who may publish there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_events as events
    from constructs import Construct

__all__ = ["define_alert_topic", "let_publish"]

_EVENTS: Final = "events.amazonaws.com"
_ALARMS: Final = "cloudwatch.amazonaws.com"
_USE_OF_KEY: Final = ("kms:Decrypt", "kms:GenerateDataKey*")


def define_alert_topic(scope: Construct) -> sns.Topic:
    """Define an encrypted topic.

    The key that AWS manages for SNS lets no service publish, hence one of its own.

    Args:
        scope: The construct that the topic and its key are defined in.
    """
    key = kms.Key(
        scope,
        "AlertKey",
        description=f"Alerts of {scope.node.path}",
        enable_key_rotation=True,
        # Nothing is stored under it: SNS keeps no message.
        removal_policy=RemovalPolicy.DESTROY,
    )
    for statement in _key_statements(scope):
        key.add_to_resource_policy(statement)
    return sns.Topic(scope, "Alerts", master_key=key, enforce_ssl=True)


def let_publish(
    topic: sns.ITopic,
    *,
    rules: Iterable[events.Rule],
    alarms: Iterable[cloudwatch.Alarm],
) -> None:
    """Let these rules and alarms, and no others of their services, publish to a topic.

    Args:
        topic: The topic; a warning says so where its policy cannot be changed.
        rules: Rules with the topic as a target.
        alarms: Alarms with the topic as an action.
    """
    # A topic with a policy has lost the one that AWS gives by default, which lets alarms in.
    sources = {
        _EVENTS: [rule.rule_arn for rule in rules],
        _ALARMS: [alarm.alarm_arn for alarm in alarms],
    }
    added = [
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"ArnEquals": {"aws:SourceArn": arns}},
            )
        ).statement_added
        for service, arns in sources.items()
    ]
    if not all(added):
        Annotations.of(topic).add_warning_v2(
            "bixarena-constructs:alertTopicPolicy",
            "topic of monitoring is imported and its policy cannot be changed from here; let "
            f"{_EVENTS} and {_ALARMS} call sns:Publish on it, or no alert arrives",
        )


def _key_statements(scope: Construct) -> tuple[iam.PolicyStatement, ...]:
    account = Stack.of(scope).account
    return (
        iam.PolicyStatement(
            # No condition on the source: AWS documents that the key of a topic must not have
            # one for EventBridge. Who may publish is up to the topic's own policy.
            principals=[iam.ServicePrincipal(_EVENTS)],
            actions=list(_USE_OF_KEY),
            # In a key's policy, the key.
            resources=["*"],
        ),
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(_ALARMS)],
            actions=list(_USE_OF_KEY),
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        ),
    )
