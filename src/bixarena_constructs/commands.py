"""The AWS command lines that an operator pastes: run the task now, follow its log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import publication
from aws_cdk import Fn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TaskLaunch", "log_tail_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLaunch:
    """All that ``aws ecs run-task`` must be told to start the task as the schedule does.

    Attributes:
        region: Region of the cluster.
        cluster_arn: The cluster.
        task_definition_arn: The task definition, with its revision.
        container_name: The container whose settings the command lets its user override.
        subnet_ids: Subnets to choose from; may be one token that stands for a list.
        security_group_ids: Security groups of the task's network interface.
        assign_public_ip: Whether that interface gets a public address.
    """

    region: str
    cluster_arn: str
    task_definition_arn: str
    container_name: str
    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]
    assign_public_ip: bool

    @property
    def command(self) -> str:
        """The command line, quoted for a POSIX shell, with a place for overrides."""
        overrides = json.dumps({"containerOverrides": [{"name": self.container_name}]})
        return f"{self.plain_command} --overrides '{overrides}'"

    @property
    def plain_command(self) -> str:
        """The same without overrides and so without double quotes, fit for a JSON text."""
        network = (
            f"subnets=[{Fn.join(',', self.subnet_ids)}],"
            f"securityGroups=[{Fn.join(',', self.security_group_ids)}],"
            f"assignPublicIp={'ENABLED' if self.assign_public_ip else 'DISABLED'}"
        )
        return (
            f"aws ecs run-task --region {self.region} --cluster {self.cluster_arn}"
            f" --task-definition {self.task_definition_arn} --launch-type FARGATE"
            f" --network-configuration 'awsvpcConfiguration={{{network}}}'"
        )


def log_tail_command(*, region: str, log_group_name: str) -> str:
    """Return the command line that follows a log group."""
    return f"aws logs tail {log_group_name} --region {region} --follow --since 1h"


publication.publish()
