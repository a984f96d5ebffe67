"""Topics and logs of the user's that let no alert through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring

if TYPE_CHECKING:
    from collections.abc import Callable

ARN = "arn:aws:sns:us-east-1:000000000000:alerts"


def under_the_key_of_aws(stack: Stack) -> sns.ITopic:
    key = kms.Alias.from_alias_name(stack, "Key", "alias/aws/sns")
    return sns.Topic(stack, "Topic", master_key=key)


def set_under_the_key_of_aws(stack: Stack) -> sns.ITopic:
    topic = sns.Topic(stack, "Topic")
    resource: Any = topic.node.default_child
    resource.kms_master_key_id = "alias/aws/sns"
    return topic


@pytest.mark.parametrize(
    ("topic_in", "sentence"),
    [
        (
            lambda stack: sns.Topic(stack, "Topic", fifo=True),
            "topic is a FIFO topic; it must be a",
        ),
        (
            lambda stack: sns.Topic.from_topic_arn(stack, "Topic", f"{ARN}.fifo"),
            "topic is a FIFO topic; it must be a",
        ),
        (under_the_key_of_aws, "topic is encrypted with the key that AWS manages, .*customer key"),
        (set_under_the_key_of_aws, "topic is encrypted with the key that AWS manages"),
    ],
)
def test_refuses_a_topic_that_no_service_can_publish_to(
    define: Any, topic_in: Callable[[Stack], sns.ITopic], sentence: str
) -> None:
    of = define()
    with pytest.raises(ValueError, match=sentence):
        ScheduledSnapshotTask(
            of.stack,
            "Second",
            cluster=of.task.cluster,
            monitoring=SnapshotMonitoring(topic=topic_in(of.stack)),
        )


def test_refuses_a_log_that_takes_no_metric_filters(define: Any) -> None:
    of = define()
    rare = logs.LogGroupClass.INFREQUENT_ACCESS
    log_group = logs.LogGroup(of.stack, "Log", log_group_class=rare)
    props = {"cluster": of.task.cluster, "log_group": log_group}
    with pytest.raises(ValueError, match=r"log_group is of the class INFREQUENT.*STANDARD"):
        ScheduledSnapshotTask(of.stack, "Second", monitoring=SnapshotMonitoring(), **props)
    # Without monitoring it is a log like any other.
    ScheduledSnapshotTask(of.stack, "Third", **props)
