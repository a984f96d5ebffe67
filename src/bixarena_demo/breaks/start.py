"""Breaks of what ECS needs to start a task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bixarena_constructs.deployment import WORKER_IMAGE
from bixarena_demo.breaks.changes import (
    change_secret,
    definition_of,
    secret_arn_of,
    strip_role,
    target_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.stage import Stage

__all__ = [
    "egress_closed",
    "execution_role_stripped",
    "field_missing",
    "image_gone",
    "log_group_deleted",
    "route_gone",
    "secret_deleted",
    "secret_no_json",
]


def image_gone(stage: Stage) -> Iterator[None]:
    """Take the worker's image out of its registry."""
    with stage.aws.without_image(WORKER_IMAGE):
        yield


def secret_deleted(stage: Stage) -> Iterator[None]:
    """Delete the database's secret, as `aws secretsmanager delete-secret` does."""
    secrets, arn = stage.aws.session.client("secretsmanager"), secret_arn_of(stage)
    secrets.delete_secret(SecretId=arn)
    yield
    secrets.restore_secret(SecretId=arn)


def secret_no_json(stage: Stage) -> Iterator[None]:
    """Store a plain text in place of the database's secret."""
    return change_secret(stage, lambda fields: str(fields["password"]))


def field_missing(stage: Stage) -> Iterator[None]:
    """Take the password out of the database's secret."""
    return change_secret(
        stage,
        lambda fields: json.dumps({name: fields[name] for name in fields if name != "password"}),
    )


def execution_role_stripped(stage: Stage) -> Iterator[None]:
    """Take the policies from the role by which ECS reads the secret and writes the log."""
    return strip_role(stage, definition_of(stage)["executionRoleArn"])


def log_group_deleted(stage: Stage) -> Iterator[None]:
    """Delete the worker's log group."""
    logs: Any = stage.aws.session.client("logs")
    group = stage.task.log_group_name
    filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    logs.delete_log_group(logGroupName=group)
    yield
    logs.create_log_group(logGroupName=group)
    settable = logs.meta.service_model.operation_model("PutMetricFilter").input_shape.members
    for each in filters:
        logs.put_metric_filter(**{name: each[name] for name in settable if name in each})


def route_gone(stage: Stage) -> Iterator[None]:
    """Remove the subnets' route to the internet."""
    ec2 = stage.aws.session.client("ec2")
    table = next(
        each
        for each in ec2.describe_route_tables()["RouteTables"]
        if any("NatGatewayId" in route for route in each["Routes"])
    )
    route = next(each for each in table["Routes"] if "NatGatewayId" in each)
    where: Any = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.delete_route(**where)
    yield
    ec2.create_route(**where, NatGatewayId=route["NatGatewayId"])


def egress_closed(stage: Stage) -> Iterator[None]:
    """Let the task's security group out to nothing."""
    ec2: Any = stage.aws.session.client("ec2")
    network = target_of(stage)["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
    (group,) = network["SecurityGroups"]
    (found,) = [
        each
        for each in ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        if each["GroupId"] == group
    ]
    rules = found["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    yield
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=rules)
