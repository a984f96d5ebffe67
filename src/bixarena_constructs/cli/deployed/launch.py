"""Starts a deployed task as its schedule would, and stops its runs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from bixarena_constructs.cli.deployed.causes import fix_for_refusal
from bixarena_constructs.cli.deployed.request import override_of, request_for, set_variables
from bixarena_constructs.cli.errors import (
    NotStartedError,
    OutOfSightError,
    UnusableOptionError,
    explained,
    is_denied,
)
from bixarena_constructs.deployment import STARTED_BY_COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["start", "stop"]

_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})


def start(
    task: DeployedTask,
    *,
    scheduled_at: datetime,
    environment: Mapping[str, str] = _NO_VARIABLES,
    arguments: Sequence[str] = (),
) -> str:
    """Start one run and return its ID.

    Args:
        task: What to start.
        scheduled_at: The time that the run is for.
        environment: Variables of the worker that win over the deployed ones.
        arguments: Arguments of the worker, after those of the task definition.

    Raises:
        NotFoundError: The stack does not say how to start the task.
        UnusableOptionError: A variable is a secret of the task, which no run can override.
        NotStartedError: ECS refused.
        OutOfSightError: ECS did not answer, so it may have started the run.
    """
    request = request_for(task, scheduled_at)
    override = override_of(request["overrides"], task.container_name)
    set_variables(override, environment)
    request["startedBy"] = STARTED_BY_COMMAND_LINE
    try:
        container = _container(task, request["taskDefinition"])
        _refuse_secrets(container, environment)
        if arguments:
            override["command"] = [*container.get("command", ()), *arguments]
        answer = task.session.client("ecs").run_task(
            **{name: value for name, value in request.items() if value not in ([], {}, None)}
        )
    except ClientError as error:
        if is_denied(error):
            raise
        fix = fix_for_refusal(str(error))
        raise NotStartedError(f"ECS refused the run: {explained(error)}{fix}") from error
    except (HTTPClientError, ResponseParserError) as error:
        raise OutOfSightError(
            f"{explained(error)}; ECS may have started the run all the same: look with "
            f"`{task.hint('status')}` before you start another"
        ) from error
    if not answer["tasks"]:
        reasons = "; ".join(
            " ".join(filter(None, (failure.get("reason"), failure.get("detail"))))
            for failure in answer["failures"]
        )
        raise NotStartedError(f"ECS refused the run: {reasons}{fix_for_refusal(reasons)}")
    return answer["tasks"][0]["taskArn"].rpartition("/")[2]


def stop(task: DeployedTask, run_id: str, *, by: str) -> None:
    """Ask ECS to stop a run.

    Args:
        task: The task of the run.
        run_id: ID of the run.
        by: The command that asks, which ECS keeps as the reason.
    """
    task.session.client("ecs").stop_task(
        cluster=task.cluster_arn, task=run_id, reason=f"stopped by `{by}`"
    )


def _container(task: DeployedTask, arn: str) -> ContainerDefinitionOutputTypeDef:
    definition = task.session.client("ecs").describe_task_definition(taskDefinition=arn)
    nothing: ContainerDefinitionOutputTypeDef = {}
    named = (
        each
        for each in definition["taskDefinition"]["containerDefinitions"]
        if each["name"] == task.container_name
    )
    return next(named, nothing)


def _refuse_secrets(
    container: ContainerDefinitionOutputTypeDef, environment: Mapping[str, str]
) -> None:
    secrets = {secret["name"] for secret in container.get("secrets", ())}
    for name in sorted(secrets & environment.keys()):
        raise UnusableOptionError(
            f"{name} is a secret of the task, which --set cannot override; change the secret"
        )
