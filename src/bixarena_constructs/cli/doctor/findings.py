"""What a check finds, and what it is told to look at."""

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

__all__ = ["Finding", "Subject", "fine", "not_checked", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: The check's name.
        state: ``ok``, ``problem`` or ``not checked``; the last is never as good as the first.
        message: What was found, or why nothing was.
        fix: What to do about a problem.
    """

    check: str
    state: Literal["ok", "problem", "not checked"]
    message: str
    fix: str | None = None


def fine(check: str, message: str) -> Finding:
    """Report that something is as the next run needs it."""
    return Finding(check=check, state="ok", message=message)


def problem(check: str, message: str, *, fix: str) -> Finding:
    """Report what would break the next run."""
    return Finding(check=check, state="problem", message=message, fix=fix)


def not_checked(check: str, why: str) -> Finding:
    """Report that something could not be looked at."""
    return Finding(check=check, state="not checked", message=why)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A deployed task as the next run would start it.

    Attributes:
        task: Where it is.
        rule: What starts it.
        definition: The task definition that the rule names.
        container: The worker's container in it.
        database_security_group: The database's, if the caller named it.
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
        definition = task.session.client("ecs").describe_task_definition(taskDefinition=arn)[
            "taskDefinition"
        ]
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
        """Makes clients of the task's account and region."""
        return self.task.session

    @property
    def subnet_ids(self) -> list[str]:
        """Where the task's network interface goes."""
        return list(self._network.get("Subnets", ()))

    @property
    def security_group_ids(self) -> list[str]:
        """What that interface belongs to."""
        return list(self._network.get("SecurityGroups", ()))

    @property
    def has_public_address(self) -> bool:
        """Whether that interface gets a public address."""
        return self._network.get("AssignPublicIp") == "ENABLED"

    @property
    def _network(self) -> AwsVpcConfigurationOutputTypeDef:
        nowhere: AwsVpcConfigurationOutputTypeDef = {"Subnets": []}
        return self.rule.ecs.get("NetworkConfiguration", {}).get("awsvpcConfiguration", nowhere)
