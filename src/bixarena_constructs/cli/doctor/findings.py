"""Findings of the checks, and the deployed task that the checks examine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bixarena_constructs.cli.deployed.request import request_of_command, request_of_rule
from bixarena_constructs.cli.deployed.rule import read_rule
from bixarena_constructs.cli.errors import NotFoundError, NotStartedError

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef, TaskDefinitionTypeDef

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
        rule: The rule that starts it; None without one, or when it is gone.
        request: What starts the next run, as RunTask takes it.
        definition: The task definition that the request names.
        container: The worker's container in that definition.
        database_security_group: ID of the database's security group, if the caller gave it.
        connects: Whether a run may try the login.
    """

    task: DeployedTask
    rule: DeployedRule | None
    request: dict[str, Any]  # `Any`: RunTask's fields
    definition: TaskDefinitionTypeDef
    container: ContainerDefinitionOutputTypeDef
    database_security_group: str | None = None
    connects: bool = False

    @classmethod
    def of(
        cls, task: DeployedTask, *, database_security_group: str | None, connects: bool = False
    ) -> Subject:
        """Read what every check needs; without a rule, the outputs say how the task starts.

        Raises:
            NotFoundError: The task definition or the worker's container is gone.
        """
        now = datetime.now(UTC)
        rule = _rule_of(task)
        try:
            request = request_of_command(task, now) if rule is None else request_of_rule(rule, now)
        except NotStartedError:  # a finding of the check of the rule
            request = request_of_command(task, now)
        definition = _definition_of(task, request["taskDefinition"])
        return cls(
            task=task,
            rule=rule,
            request=request,
            definition=definition,
            container=_container_of(task, definition),
            database_security_group=database_security_group,
            connects=connects,
        )

    @property
    def cluster_arn(self) -> str:
        """The cluster that the next run is in."""
        return str(self.request["cluster"])

    @property
    def session(self) -> boto3.Session:
        """Session in the task's account and region."""
        return self.task.session

    @property
    def subnet_ids(self) -> list[str]:
        """Subnets that the task may be placed in."""
        return list(self._network.get("subnets", ()))

    @property
    def security_group_ids(self) -> list[str]:
        """Security groups of the task's network interface."""
        return list(self._network.get("securityGroups", ()))

    @property
    def has_public_address(self) -> bool:
        """Whether that interface gets a public address."""
        return self._network.get("assignPublicIp") == "ENABLED"

    @property
    def _network(self) -> dict[str, Any]:
        configured: dict[str, Any] = self.request.get("networkConfiguration", {})
        return dict(configured.get("awsvpcConfiguration", {}))


def _rule_of(task: DeployedTask) -> DeployedRule | None:
    try:
        return None if task.rule_name is None else read_rule(task)
    except NotFoundError:
        return None


def _definition_of(task: DeployedTask, arn: str) -> TaskDefinitionTypeDef:
    ecs = task.session.client("ecs")
    try:
        return ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    except ecs.exceptions.ClientException as error:
        raise NotFoundError(f"the task definition {arn} does not exist") from error


def _container_of(
    task: DeployedTask, definition: TaskDefinitionTypeDef
) -> ContainerDefinitionOutputTypeDef:
    for container in definition["containerDefinitions"]:
        if container["name"] == task.container_name:
            return container
    arn = definition["taskDefinitionArn"]
    raise NotFoundError(f"the task definition {arn} has no container {task.container_name}")
