"""How the task is started, and the AWS command lines that an operator pastes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bixarena_constructs.cdk.tokens import joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bixarena_constructs.cdk.capacity import CapacityShare

__all__ = ["TaskLaunch", "log_tail_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLaunch:
    """How the task is started, for everything that calls RunTask.

    Attributes:
        region: Region of the cluster.
        cluster_arn: The cluster.
        task_definition_arn: The task definition, with its revision.
        container_name: The container whose settings the command lets its user override.
        subnet_ids: Subnets to choose from; may be one token that stands for a list.
        security_group_ids: Security groups of the task's network interface; none for the VPC's
            default group.
        assign_public_ip: Whether that interface gets a public address.
        platform_version: Fargate platform version, as in ``1.4.0``; None for ECS's own choice.
        tags: Tags of the run's task.
        propagate_tags: ``TASK_DEFINITION`` where the run's task takes further tags from it.
        enable_ecs_managed_tags: Whether ECS tags the run's task with its cluster.
        enable_execute_command: Whether ECS Exec may open a shell in it.
        capacity_shares: Capacity providers to run on; none for the launch type FARGATE.
    """

    region: str
    cluster_arn: str
    task_definition_arn: str
    container_name: str
    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]
    assign_public_ip: bool
    platform_version: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    propagate_tags: str | None = None
    enable_ecs_managed_tags: bool = False
    enable_execute_command: bool = False
    capacity_shares: Sequence[CapacityShare] = ()

    @property
    def command(self) -> str:
        """The command line, quoted for a POSIX shell, with a place for overrides."""
        overrides = json.dumps({"containerOverrides": [{"name": self.container_name}]})
        return f"{self.plain_command} --overrides '{overrides}'"

    @property
    def plain_command(self) -> str:
        """The same without overrides and so without double quotes, fit for a JSON text."""
        network = f"subnets=[{joined(self.subnet_ids)}],"
        if self.security_group_ids:
            network += f"securityGroups=[{joined(self.security_group_ids)}],"
        network += f"assignPublicIp={self._public_ip}"
        return (
            f"aws ecs run-task --region {self.region} --cluster {self.cluster_arn}"
            f" --task-definition {self.task_definition_arn}{self._capacity}"
            f" --network-configuration 'awsvpcConfiguration={{{network}}}'"
            f"{self._options}"
        )

    def run_task_arguments(self) -> dict[str, object]:
        """Return the arguments of RunTask, spelled as a state machine's SDK integration does."""
        network: dict[str, object] = {"Subnets": list(self.subnet_ids)}
        if self.security_group_ids:
            network["SecurityGroups"] = list(self.security_group_ids)
        arguments: dict[str, object] = {
            "Cluster": self.cluster_arn,
            "TaskDefinition": self.task_definition_arn,
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {**network, "AssignPublicIp": self._public_ip}
            },
        }
        if self.capacity_shares:
            arguments["CapacityProviderStrategy"] = self.capacity_provider_strategy()
        else:
            arguments["LaunchType"] = "FARGATE"
        if self.platform_version is not None:
            arguments["PlatformVersion"] = self.platform_version
        if self.tags:
            arguments["Tags"] = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        if self._propagates_tags:
            arguments["PropagateTags"] = "TASK_DEFINITION"
        if self.enable_ecs_managed_tags:
            # The name in ECS's API is enableECSManagedTags.
            arguments["EnableECSManagedTags"] = True
        if self.enable_execute_command:
            arguments["EnableExecuteCommand"] = True
        return arguments

    def capacity_provider_strategy(self) -> list[CapacityShare]:
        """Return the strategy as a rule and a state machine spell it."""
        return [
            {name[0].upper() + name[1:]: value for name, value in share.items()}
            for share in self.capacity_shares
        ]

    @property
    def _capacity(self) -> str:
        if not self.capacity_shares:
            return " --launch-type FARGATE"
        shares = (
            ",".join(f"{name}={value}" for name, value in share.items())
            for share in self.capacity_shares
        )
        return f" --capacity-provider-strategy {' '.join(shares)}"

    @property
    def _public_ip(self) -> str:
        return "ENABLED" if self.assign_public_ip else "DISABLED"

    @property
    def _propagates_tags(self) -> bool:
        return self.propagate_tags == "TASK_DEFINITION"

    @property
    def _options(self) -> str:
        options = ""
        if self.platform_version is not None:
            options += f" --platform-version {self.platform_version}"
        if self._propagates_tags:
            options += " --propagate-tags TASK_DEFINITION"
        if self.enable_ecs_managed_tags:
            options += " --enable-ecs-managed-tags"
        if self.enable_execute_command:
            options += " --enable-execute-command"
        if self.tags:
            pairs = (f"'key={key},value={value}'" for key, value in self.tags.items())
            options += f" --tags {' '.join(pairs)}"
        return options


def log_tail_command(*, region: str, log_group_name: str) -> str:
    """Return the command line that follows a log group."""
    return f"aws logs tail {log_group_name} --region {region} --follow --since 1h"
