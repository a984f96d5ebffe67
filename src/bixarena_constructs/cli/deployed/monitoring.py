"""What a stack defines to watch a task, and who gets the alerts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["alarm_names", "find_alarms", "monitoring_parts", "subscribers"]

# An alarm that each monitoring has, by its logical ID.
_HANG_ALARM: Final = re.compile("(.*)WatchHang[0-9A-F]{8}")


def alarm_names(task: DeployedTask) -> list[str]:
    """Return the names of a task's alarms; none without monitoring."""
    return [each for each in task.outputs.get(Output.ALARM_NAMES, "").split(",") if each]


def find_alarms(task: DeployedTask) -> dict[str, MetricAlarmTypeDef | None]:
    """Return a task's alarms by name, None for one that is gone; none without monitoring."""
    names = alarm_names(task)
    # No name would mean all alarms of the account.
    if not names:
        return {}
    found = task.session.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    return {**dict.fromkeys(names), **{alarm["AlarmName"]: alarm for alarm in found}}


def monitoring_parts(task: DeployedTask) -> list[tuple[str, str]]:
    """Return kind and name of each resource of a task's monitoring.

    Args:
        task: The task. None are found if its stack does not define the alarms of its outputs.
    """
    alarms = alarm_names(task)
    pages = task.session.client("cloudformation").get_paginator("list_stack_resources")
    resources = [
        (each["LogicalResourceId"], each["ResourceType"], each.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=task.stack)
        for each in page["StackResourceSummaries"]
    ]
    prefixes = tuple(
        match[1]
        for logical_id, _, name in resources
        if name in alarms and (match := _HANG_ALARM.fullmatch(logical_id))
    )
    return [(kind, name) for each, kind, name in resources if each.startswith(prefixes)]


def subscribers(session: boto3.Session, topic_arn: str) -> list[tuple[str, bool]] | None:
    """Return who subscribes to a topic, and whether each has confirmed; None if it is gone."""
    sns = session.client("sns", region_name=topic_arn.split(":")[3])
    try:
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        return [
            (each["Endpoint"], each["SubscriptionArn"].startswith("arn:"))
            for page in pages
            for each in page["Subscriptions"]
        ]
    except sns.exceptions.NotFoundException:
        return None
