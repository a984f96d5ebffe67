"""Patches of ministack's Step Functions: calls of ECS and of EventBridge Scheduler."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import scheduler, stepfunctions

from local_aws.patching import replace

__all__ = ["apply"]


def apply() -> None:
    """Patch how a state machine calls other services in this process."""
    replace(stepfunctions._AWS_SDK_SERVICE_MAP, "ecs", _in_camel_case)
    replace(vars(stepfunctions), "_invoke_aws_sdk_integration", _with_schedules)


def _in_camel_case(original: dict[str, Any]) -> dict[str, Any]:  # ministack has no types
    """Spell the parameters as the ECS API does.

    AWS takes them in Pascal case and turns them. Ministack hands them on as they are, and ECS
    finds none of them.
    """
    return {**original, "param_case": "lower-camel"}


def _with_schedules(original: Any) -> Any:
    """Answer GetSchedule of EventBridge Scheduler, which ministack's machines do not call."""

    def invoke(resource: str, arguments: dict[str, Any]) -> Any:
        if not resource.endswith(":aws-sdk:scheduler:getSchedule"):
            return original(resource, arguments)
        status, _, body = scheduler._get_schedule(arguments["Name"], {})
        answer = json.loads(body)
        if status >= 400:  # noqa: PLR2004 # of HTTP
            error = "Scheduler.ResourceNotFoundException"
            raise stepfunctions._ExecutionError(error, answer.get("Message", ""))
        return answer

    return invoke
