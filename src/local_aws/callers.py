"""What a role may ask of AWS: one that somebody has assumed, and a state machine's own.

AWS checks every call. Here the user who deploys may do anything, and a call with the credentials
of ``AssumeRole`` may do what the role's policies allow, tags of runs included.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import cloudformation, ecs, stepfunctions, sts

from local_aws.answers import RefusedError
from local_aws.patching import replace
from local_aws.permissions import require_role

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["apply", "require_run"]

# `Any` below: records and answers of ministack, which has no types.
_Record = dict[str, Any]

# ECS is asked in this module, with tags and roles; anybody may ask who he is.
_CHECKED_BY_ACTION = frozenset({"ecs", "sts"})

_role: ContextVar[str | None] = ContextVar("role", default=None)


def apply() -> None:
    """Patch who AWS takes a call from in this process; after what it answers is patched."""
    for service in app.SERVICE_HANDLERS:
        if service not in _CHECKED_BY_ACTION:
            replace(app.SERVICE_HANDLERS, service, partial(_checked_request, service))
    replace(vars(stepfunctions), "_execute_task", _as_the_machine)
    replace(vars(ecs), "handle_request", _as_the_caller)
    for action in list(ecs._ACTION_MAP):
        replace(ecs._ACTION_MAP, action, partial(_checked, action))


def require_run(role_arn: str, request: _Record) -> None:
    """Refuse a role that may not run a task, tag it, or pass the task's roles on.

    Args:
        role_arn: The role.
        request: What ``RunTask`` takes.

    Raises:
        RefusedError: Not allowed.
    """
    cluster = ecs._resolve_cluster_name(request.get("cluster", "default"))
    definition = ecs._task_defs.get(ecs._resolve_td_key(request["taskDefinition"]), {})
    arn = definition.get("taskDefinitionArn", request["taskDefinition"])
    tags = _as_mapping(request.get("tags", []))
    require_role(
        role_arn,
        "ecs:RunTask",
        arn,
        request_tags=tags,
        resource_tags=_as_mapping(ecs._tags.get(arn, [])),
        ecs_cluster=_arn(f"cluster/{cluster}"),
    )
    if tags:
        require_role(
            role_arn,
            "ecs:TagResource",
            _arn(f"task/{cluster}/*"),
            request_tags=tags,
            ecs_CreateAction="RunTask",
        )
    for key in ("executionRoleArn", "taskRoleArn"):
        passed = request.get("overrides", {}).get(key) or definition.get(key)
        if passed:
            require_role(
                role_arn,
                "iam:PassRole",
                passed,
                iam_PassedToService="ecs-tasks.amazonaws.com",
            )


@contextmanager
def _acting_as(role_arn: str | None) -> Iterator[None]:
    token = _role.set(role_arn)
    try:
        yield
    finally:
        _role.reset(token)


def _as_the_machine(original: Any) -> Any:
    """Let a state machine call other services by its role."""

    def handler(state: Any, value: Any, execution: Any, context: Any) -> Any:
        machine = stepfunctions._state_machines[execution["stateMachineArn"]]
        with _acting_as(machine["roleArn"]):
            return original(state, value, execution, context)

    return handler


def _as_the_caller(original: Any) -> Any:
    """Remember the role whose credentials a request is signed with."""

    async def handler(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        session = sts._sessions.get(extract_access_key_id(headers, query))
        with _acting_as(_role_of(session["Arn"]) if session else _role.get()):
            return await original(method, path, headers, body, query)

    return handler


def _checked_request(service: str, original: Any) -> Any:
    """Refuse a role a request to any other service that its policies do not allow."""

    async def handler(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        session = sts._sessions.get(extract_access_key_id(headers, query))
        parameters = app._routing_params(method, path, headers, body, query)
        request = (service, method, path, headers, body, parameters)
        action = session and iam_actions.extract_iam_action(*request)
        if action:
            arn = _resource(service, body, parameters) or iam_actions.extract_resource_arn(
                *request, get_region(), get_account_id()
            )
            try:
                require_role(_role_of(session["Arn"]), action, arn)
            except RefusedError:
                return iam_actions.access_denied_response(
                    service, action, session["Arn"], "local", headers=headers, resource_arn=arn
                )
        return await original(method, path, headers, body, query)

    return handler


def _resource(service: str, body: Any, parameters: _Record) -> str | None:
    """Return the ARN of a stack, rule or log stream, which ministack does not name as AWS does."""
    where = f"{get_region()}:{get_account_id()}"
    if service == "cloudformation":
        name = (parameters.get("StackName") or [""])[0]
        stack = cloudformation._stacks.get(name)
        return stack and str(stack["StackId"])
    fields = json.loads(body or b"{}") if service in ("events", "logs") else {}
    if rule := fields.get("Name") or fields.get("Rule"):
        return f"arn:aws:events:{where}:rule/{rule}"
    if group := fields.get("logGroupName"):
        # An action on the whole group has a stream without a name, as in AWS's refusals.
        return (
            f"arn:aws:logs:{where}:log-group:{group}:log-stream:{fields.get('logStreamName', '')}"
        )
    return None


def _role_of(assumed_arn: str) -> str:
    # arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION
    return f"arn:aws:iam::{get_account_id()}:role/{assumed_arn.split('/')[1]}"


def _checked(action: str, original: Any) -> Any:
    """Refuse a role what its policies do not allow."""

    def handler(request: _Record) -> Any:
        role_arn = _role.get()
        try:
            if role_arn is not None:
                _require(role_arn, action, request)
        except RefusedError as error:
            return error_response_json(error.code, str(error), 400)
        return original(request)

    return handler


def _require(role_arn: str, action: str, request: _Record) -> None:
    match action:
        case "RunTask":
            require_run(role_arn, request)
        case "DescribeTasks" | "StopTask":
            cluster = ecs._resolve_cluster_name(request.get("cluster", "default"))
            for task in request.get("tasks") or [request.get("task", "")]:
                arn = _arn(f"task/{cluster}/{task.rpartition('/')[2]}")
                require_role(
                    role_arn,
                    f"ecs:{action}",
                    arn,
                    resource_tags=_as_mapping(ecs._tags.get(arn, [])),
                    ecs_cluster=_arn(f"cluster/{cluster}"),
                )
        case "TagResource":
            arn = request.get("resourceArn", "")
            require_role(
                role_arn,
                "ecs:TagResource",
                arn,
                request_tags=_as_mapping(request.get("tags", [])),
                resource_tags=_as_mapping(ecs._tags.get(arn, [])),
            )
        case "ListTasks":
            cluster = ecs._resolve_cluster_name(request.get("cluster", "default"))
            require_role(role_arn, "ecs:ListTasks", "*", ecs_cluster=_arn(f"cluster/{cluster}"))
        case _:
            require_role(role_arn, f"ecs:{action}", request.get("resourceArn", "*"))


def _arn(resource: str) -> str:
    return f"arn:aws:ecs:{get_region()}:{get_account_id()}:{resource}"


def _as_mapping(tags: list[_Record]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}
