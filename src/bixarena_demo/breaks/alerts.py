"""Breaks of what reports a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.stage import Stage

__all__ = ["alarm_deleted", "no_subscriber", "topic_deleted"]


def topic_deleted(stage: Stage) -> Iterator[None]:
    """Delete the topic of the alerts."""
    sns, arn = stage.aws.session.client("sns"), stage.task.outputs[Output.ALERT_TOPIC_ARN]
    policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    subscribed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    sns.delete_topic(TopicArn=arn)
    yield
    sns.create_topic(Name=arn.rpartition(":")[2], Attributes={"Policy": policy})
    _subscribe(sns, arn, subscribed)


def no_subscriber(stage: Stage) -> Iterator[None]:
    """Take every subscription from the topic of the alerts."""
    sns, arn = stage.aws.session.client("sns"), stage.task.outputs[Output.ALERT_TOPIC_ARN]
    subscribed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    for each in subscribed:
        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    yield
    _subscribe(sns, arn, subscribed)


def alarm_deleted(stage: Stage) -> Iterator[None]:
    """Delete the alarm of missed runs."""
    cloudwatch: Any = stage.aws.session.client("cloudwatch")
    names = stage.task.outputs[Output.ALARM_NAMES].split(",")
    (alarm,) = [
        each
        for each in cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        if "MissedRun" in each["AlarmName"]
    ]
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    yield
    settable = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    cloudwatch.put_metric_alarm(
        **{name: alarm[name] for name in settable if alarm.get(name) not in (None, [], "")}
    )


# `Any`: a client, and the subscriptions as it lists them.
def _subscribe(sns: Any, arn: str, subscribed: Any) -> None:
    for each in subscribed:
        sns.subscribe(TopicArn=arn, Protocol=each["Protocol"], Endpoint=each["Endpoint"])
