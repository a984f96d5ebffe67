"""Whether anybody in the app subscribes to the topic that alerts go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations, CfnResource, Stack
from aws_cdk import aws_sns as sns
from constructs import IValidation

from bixarena_constructs.cdk.tokens import read, resource_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import IConstruct

__all__ = ["warn_without_subscriber"]


def warn_without_subscriber(stack: Stack, topic: sns.ITopic) -> None:
    """Warn, once all is defined, if nobody in the app subscribes to a topic.

    An imported topic may have subscribers that the app does not know, so it is left alone.

    Args:
        stack: The stack of the alerts.
        topic: The topic.
    """
    if not isinstance(topic, sns.Topic):
        return
    if stack not in _CHECKS:
        _CHECKS[stack] = _SubscriberCheck()
        read(stack, "node").add_validation(_CHECKS[stack])
    _CHECKS[stack].topics.append(topic)


@jsii.implements(IValidation)
class _SubscriberCheck:
    """Looks for subscribers to the topics of a stack, in one walk through the app."""

    def __init__(self) -> None:
        self.topics: list[sns.Topic] = []

    def validate(self) -> list[str]:
        """Warn of each topic without one; that is no fault."""
        if self.topics:
            subscribed = list(_subscribed(self.topics[0].node.root))
            for topic in self.topics:
                if not _has_subscriber(topic, subscribed):
                    _warn(topic)
        return []


_CHECKS: WeakKeyDictionary[Stack, _SubscriberCheck] = WeakKeyDictionary()


# `Any`: whatever CloudFormation takes as the ARN of a topic, or as a list of them.
def _subscribed(app: IConstruct) -> Iterator[tuple[Stack, Any]]:
    for construct in app.node.find_all():
        if isinstance(construct, sns.CfnSubscription):
            yield Stack.of(construct), construct.topic_arn
        elif isinstance(construct, CfnResource):
            # A channel of AWS Chatbot has them.
            arns = getattr(construct, "sns_topic_arns", None)
            if arns is not None:
                yield Stack.of(construct), arns


def _has_subscriber(topic: sns.Topic, subscribed: list[tuple[Stack, Any]]) -> bool:
    resource = resource_of(topic)
    if isinstance(resource, sns.CfnTopic) and resource.subscription:
        return True
    return any(_refers(stack, value, topic) for stack, value in subscribed)


def _refers(stack: Stack, value: object, topic: sns.Topic) -> bool:
    home = Stack.of(topic)
    arn = stack.resolve(topic.topic_arn)
    if stack.node.addr != home.node.addr and arn == home.resolve(topic.topic_arn):
        # That stack does not know the topic, and a logical ID may exist in many stacks.
        return False
    found = stack.resolve(value)
    return arn in found if isinstance(found, list) else arn == found


def _warn(topic: sns.Topic) -> None:
    Annotations.of(topic).add_warning_v2(
        "bixarena-constructs:alertTopicWithoutSubscriber",
        f"nobody in the app subscribes to {topic.node.path}, so alerts of monitoring reach "
        "nobody; set email in SnapshotMonitoring(...), add a subscription to the topic, or "
        "acknowledge this if it is subscribed to from elsewhere",
    )
