"""The topic that alerts go to, and who may publish there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from bixarena_constructs.cdk.permissions import sources
from bixarena_constructs.cdk.resolved_text import as_text
from bixarena_constructs.cdk.tokens import read, resource_of, stack_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_cloudwatch as cloudwatch
    from constructs import Construct

__all__ = ["define_alert_topic", "let_publish", "require_standard_topic"]

_EVENTS: Final = "events.amazonaws.com"
_ALARMS: Final = "cloudwatch.amazonaws.com"
_USE_OF_KEY: Final = {
    "Effect": "Allow",
    "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
    # In a key's policy, the key.
    "Resource": "*",
}


def define_alert_topic(scope: Construct) -> sns.Topic:
    """Define an encrypted topic.

    The key that AWS manages for SNS lets no service publish, hence one of its own.

    Args:
        scope: The construct that the topic and its key are defined in.
    """
    key = kms.Key(
        scope,
        "AlertKey",
        description=f"Alerts of {read(read(scope, 'node'), 'path')}",
        enable_key_rotation=True,
        # Nothing is stored under it: SNS keeps no message.
        removal_policy=RemovalPolicy.DESTROY,
        policy=_key_policy(stack_of(scope)),
    )
    return sns.Topic(scope, "Alerts", master_key=key, enforce_ssl=True)


def require_standard_topic(topic: sns.ITopic) -> None:
    """Check that rules and alarms can publish to a topic of the user's.

    Args:
        topic: The topic.

    Raises:
        ValueError: It is of a kind, or under a key, that lets no service publish.
    """
    if read(topic, "topic_arn").endswith(".fifo") or read(topic, "fifo"):
        raise ValueError(
            "topic is a FIFO topic; it must be a standard one, the only kind that EventBridge "
            "sends events to"
        )
    resource = resource_of(topic)
    key = resource.kms_master_key_id if isinstance(resource, sns.CfnTopic) else None
    if key is not None and as_text(stack_of(topic).resolve(key)).endswith("alias/aws/sns"):
        raise ValueError(
            "topic is encrypted with the key that AWS manages, which CloudWatch "
            "may not use; encrypt it with a customer key"
        )


def let_publish(
    scope: Construct,
    topic: sns.ITopic,
    *,
    is_own: bool,
    alarms: Iterable[cloudwatch.Alarm],
) -> None:
    """Let these alarms, and no others, publish to a topic.

    Args:
        scope: The construct that they are defined in.
        topic: The topic; a warning says so where its policy cannot be changed.
        is_own: Whether it was defined for them.
        alarms: Alarms with the topic as an action.
    """
    # A topic with a policy has lost the one that AWS gives by default, which lets alarms in.
    alarm_arns = [alarm.alarm_arn for alarm in alarms]
    shared = None if is_own else topic
    added = topic.add_to_resource_policy(
        iam.PolicyStatement.from_json(
            {
                "Effect": "Allow",
                "Principal": {"Service": _ALARMS},
                "Action": "sns:Publish",
                "Resource": read(topic, "topic_arn"),
                "Condition": sources(scope, shared, alarm_arns, kind="cloudwatch:alarm:"),
            }
        )
    )
    if not added.statement_added:
        Annotations.of(topic).add_warning_v2(
            "bixarena-constructs:alertTopicPolicy",
            "topic of monitoring is imported and its policy cannot be changed from here; let "
            f"{_ALARMS} call sns:Publish on it, or no alarm arrives",
        )
    if not is_own:
        _let_use_key(scope, topic)


def _let_use_key(scope: Construct, topic: sns.ITopic) -> None:
    # Unknown of a topic that is imported by its ARN.
    key: kms.IKey | None = read(topic, "master_key")
    if key is None:
        return
    statement = _use_by_alarms(read(stack_of(scope), "account"))
    added = key.add_to_resource_policy(iam.PolicyStatement.from_json(statement))
    if not added.statement_added:
        Annotations.of(topic).add_warning_v2(
            "bixarena-constructs:alertTopicKey",
            "topic of monitoring is encrypted with a key whose policy cannot be changed from "
            f"here; let {_ALARMS} call kms:Decrypt and kms:GenerateDataKey* with it, or no alarm "
            "arrives",
        )


def _use_by_alarms(account: str) -> dict[str, object]:
    return {
        **_USE_OF_KEY,
        "Principal": {"Service": _ALARMS},
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


def _key_policy(stack: Stack) -> iam.PolicyDocument:
    account = read(stack, "account")
    root = f"arn:{read(stack, 'partition')}:iam::{account}:root"
    return iam.PolicyDocument.from_json(
        {
            "Version": "2012-10-17",
            "Statement": [
                # What the CDK gives to every key: the account decides by IAM.
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": root},
                    "Action": "kms:*",
                    "Resource": "*",
                },
                # For a rule of the user's own with this topic as a target. No condition on the
                # source: AWS documents that the key of a topic must not have one for EventBridge.
                # Who may publish is up to the topic's own policy.
                {**_USE_OF_KEY, "Principal": {"Service": _EVENTS}},
                _use_by_alarms(account),
            ],
        }
    )
