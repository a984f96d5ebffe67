"""Starts a deployed task as its schedule would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from bixarena_constructs.cli.deployed.causes import fix_for_refusal
from bixarena_constructs.cli.deployed.request import request_for, set_variables
from bixarena_constructs.cli.errors import (
    NotStartedError,
    OutOfSightError,
    UnusableOptionError,
    explained,
    is_denied,
)
from bixarena_constructs.deployment import STARTED_BY_COMMAND_LINE

if TYPE_CHECKING:
    from datetime import datetime

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["start"]


def start(task: DeployedTask, *, scheduled_at: datetime, environment: dict[str, str]) -> str:
    """Start one run and return its task's ARN.

    Args:
        task: What to start.
        scheduled_at: The time that the run is for.
        environment: Variables of the worker that win over the deployed ones.

    Raises:
        NotFoundError: The stack does not say how to start the task.
        UnusableOptionError: A variable is a secret of the task, which no run can override.
        NotStartedError: ECS refused.
        OutOfSightError: ECS did not answer, so it may have started the run.
    """
    request = request_for(task, scheduled_at)
    set_variables(request["overrides"], task.container_name, environment)
    request["startedBy"] = STARTED_BY_COMMAND_LINE
    try:
        _refuse_secrets(task, request["taskDefinition"], environment)
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
            f"`bixarena status {task.arguments}` before you start another"
        ) from error
    if not answer["tasks"]:
        reasons = "; ".join(
            " ".join(filter(None, (failure.get("reason"), failure.get("detail"))))
            for failure in answer["failures"]
        )
        raise NotStartedError(f"ECS refused the run: {reasons}{fix_for_refusal(reasons)}")
    return answer["tasks"][0]["taskArn"]


def _refuse_secrets(
    task: DeployedTask, task_definition_arn: str, environment: dict[str, str]
) -> None:
    definition = task.session.client("ecs").describe_task_definition(
        taskDefinition=task_definition_arn
    )["taskDefinition"]
    secrets = {
        secret["name"]
        for container in definition["containerDefinitions"]
        if container["name"] == task.container_name
        for secret in container.get("secrets", ())
    }
    for name in sorted(secrets & environment.keys()):
        raise UnusableOptionError(
            f"{name} is a secret of the task, which --set cannot override; change the secret"
        )
