"""The log group of the worker."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from bixarena_constructs.cdk.task.container import CONTAINER_NAME
from bixarena_constructs.cdk.tokens import is_token, read, resource_of, stack_of

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["WorkerLog", "require_metric_filters", "write_statements"]

# Of CloudWatch Logs.
_NAME: Final = re.compile("[A-Za-z0-9_/.#-]{1,512}")
# Those that are defined here, whose class need not be asked for.
_OWN: WeakSet[logs.ILogGroup] = WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLog:
    """The props of the log; None stands for the default."""

    log_group: logs.ILogGroup | None
    log_stream_prefix: str | None
    log_retention: logs.RetentionDays | None
    log_removal_policy: RemovalPolicy | None

    def define(self, scope: Construct) -> logs.ILogGroup:
        """Return the user's log group, or define one with a finite retention.

        Args:
            scope: The construct that a new one is defined in.

        Raises:
            ValueError: Props of a new log group are set next to a log group of the user's.
        """
        if self.log_group is None:
            own = logs.LogGroup(
                scope,
                "LogGroup",
                retention=self.log_retention or logs.RetentionDays.THREE_MONTHS,
                removal_policy=self.log_removal_policy or RemovalPolicy.RETAIN,
            )
            _OWN.add(own)
            return own
        for name in ("log_retention", "log_removal_policy"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is for a new log group; set it on log_group itself")
        return _named(self.log_group)

    def of_task_definition(self) -> logs.ILogGroup:
        """Return the log group of the user's task definition.

        Raises:
            ValueError: It is not named, or props of a new log are set.
        """
        for field in fields(self):
            if field.name != "log_group" and getattr(self, field.name) is not None:
                raise ValueError(f"{field.name} is not for a task_definition; set it there")
        if self.log_group is None:
            raise ValueError("log_group is missing; name the one that task_definition logs to")
        return _named(self.log_group)

    def driver(self, log_group: logs.ILogGroup) -> ecs.LogDriver:
        """Return the log driver of the worker's container."""
        return ecs.LogDrivers.aws_logs(
            stream_prefix=self.log_stream_prefix or CONTAINER_NAME, log_group=log_group
        )


def require_metric_filters(log_group: logs.ILogGroup) -> None:
    """Check that monitoring can read a log by metric filters.

    Args:
        log_group: The log group; an imported one does not show its class.

    Raises:
        ValueError: It is of a class without metric filters.
    """
    if log_group in _OWN:
        return
    resource = resource_of(log_group)
    log_class = resource.log_group_class if isinstance(resource, logs.CfnLogGroup) else None
    if log_class not in (None, "STANDARD"):
        raise ValueError(
            f"log_group is of the class {log_class}, whose logs monitoring cannot read by metric "
            "filters; it must be of the class STANDARD"
        )


def write_statements(scope: Construct, log_group: logs.ILogGroup) -> list[iam.PolicyStatement]:
    """Return what the ECS agent needs to write a log, beyond what the CDK grants.

    The CDK names a log group of another environment without its streams (aws-cdk 13215); a stack
    without a region is one to it.

    Args:
        scope: A construct in the stack of the task.
        log_group: The log group.
    """
    if log_group in _OWN:
        return []
    here, there = (read(stack_of(each), "environment") for each in (scope, log_group))
    if here == there:
        return []
    return [
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[f"{log_group.log_group_arn}:*"],
        )
    ]


def _named(log_group: logs.ILogGroup) -> logs.ILogGroup:
    name = read(log_group, "log_group_name")
    if not is_token(name) and not _NAME.fullmatch(name):
        raise ValueError(
            f"log_group has the name {name!r}; it must be 1 to 512 letters, digits and any of "
            "_ - / . #"
        )
    return log_group
