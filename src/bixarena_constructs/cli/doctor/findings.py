"""Findings of the checks, and the deployed task that the checks examine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bixarena_constructs.cli.deployed.rule import read_rule
from bixarena_constructs.cli.errors import NotFoundError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef, TaskDefinitionTypeDef
    from mypy_boto3_events.type_defs import AwsVpcConfigurationOutputTypeDef

    from bixarena_constructs.cli.deployed.rule import DeployedRule
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["Finding", "Subject", "fine", "not_checked", "problem", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of one check on one thing.

    Attributes:
        check: Name of the check.
        state: ``ok``, ``warning``, ``problem`` or ``not checked``; the last never counts as
            ``ok``.
        message: What was found, or why nothing was checked.
        fix: How to solve a problem; the message of a warning says it.
    """

    check: str
    state: Literal["ok", "warning", "problem", "not checked"]
    message: str
    fix: str | None = None


def fine(check: str, message: str) -> Finding:
    """Report something that the next run can rely on."""
    return Finding(check=check, state="ok", message=message)


def warning(check: str, message: str) -> Finding:
    """Report what may be wrong, and what to do about it."""
    return Finding(check=check, state="warning", message=message)


def problem(check: str, message: str, *, fix: str) -> Finding:
    """Report something that would break the next run."""
    return Finding(check=check, state="problem", message=message, fix=fix)


def not_checked(check: str, why: str) -> Finding:
    """Report something that could not be checked."""
    return Finding(check=check, state="not checked", message=why)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A deployed task as the next run would start it.

    Attributes:
        task: The deployed task.
        rule: The rule that starts it.
        definition: The task definition that the rule names.
        container: The worker's container in that definition.
        database_security_group: ID of the database's security group, if the caller gave it.
    """

    task: DeployedTask
    rule: DeployedRule
    definition: TaskDefinitionTypeDef
    container: ContainerDefinitionOutputTypeDef
    database_security_group: str | None = None

    @classmethod
    def of(cls, task: DeployedTask, *, database_security_group: str | None) -> Subject:
        """Read what every check needs.

        Raises:
            NotFoundError: The rule, its task definition or the worker's container is gone.
        """
        rule = read_rule(task)
        arn = rule.ecs["TaskDefinitionArn"]
        ecs = task.session.client("ecs")
        try:
            definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        except ecs.exceptions.ClientException as error:
            raise NotFoundError(
                f"the task definition {arn} does not exist; deploy the stack again"
            ) from error
        for container in definition["containerDefinitions"]:
            if container["name"] == task.container_name:
                return cls(
                    task=task,
                    rule=rule,
                    definition=definition,
                    container=container,
                    database_security_group=database_security_group,
                )
        raise NotFoundError(
            f"the task definition {arn} has no container {task.container_name}; deploy the stack "
            "again"
        )

    @property
    def session(self) -> boto3.Session:
        """Session in the task's account and region."""
        return self.task.session

    @property
    def subnet_ids(self) -> list[str]:
        """Subnets that the task may be placed in."""
        return list(self._network.get("Subnets", ()))

    @property
    def security_group_ids(self) -> list[str]:
        """Security groups of the task's network interface."""
        return list(self._network.get("SecurityGroups", ()))

    @property
    def has_public_address(self) -> bool:
        """Whether that interface gets a public address."""
        return self._network.get("AssignPublicIp") == "ENABLED"

    @property
    def _network(self) -> AwsVpcConfigurationOutputTypeDef:
        nowhere: AwsVpcConfigurationOutputTypeDef = {"Subnets": []}
        return self.rule.ecs.get("NetworkConfiguration", {}).get("awsvpcConfiguration", nowhere)
