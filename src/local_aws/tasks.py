"""Patches of ministack's ECS: tasks that run as local processes and send their state changes.

Without a Docker daemon ministack only keeps records of tasks. Here a task's record is driven by
the processes that stand in for its containers, in AWS's order of states, with AWS's words when it
fails to start, and with an ``ECS Task State Change`` event for every change.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ministack.core.responses import (
    error_response_json,
    json_response,
    now_iso,
    request_scope,
)
from ministack.services import ecs

from local_aws.patching import replace
from local_aws.task_run import TaskRun, advance

if TYPE_CHECKING:
    from local_aws.containers import Runtime

__all__ = ["apply"]


def apply(runtime: Runtime) -> None:
    """Patch RunTask, StopTask and what runs a task in this process."""
    runs: dict[str, TaskRun] = {}

    # `Any` below: records and answers of ministack, which has no types.
    def run_task_worker(
        task: dict[str, Any],
        definition: Any,
        overrides: Any,
        _docker: Any,
        account: str,
        region: str,
    ) -> None:
        run = TaskRun(task, task_definition=definition, overrides=overrides, runtime=runtime)
        runs[task["taskArn"]] = run
        with request_scope(account, region):
            run.run()

    # Anything true: RunTask then leaves the task to the worker below.
    replace(vars(ecs), "_get_docker", lambda _original: lambda: runtime)
    replace(vars(ecs), "_run_task_worker", lambda _original: run_task_worker)
    replace(vars(ecs), "_ts_to_epoch", lambda _original: _seconds_of)
    for name, action, make in (
        ("_run_task", "RunTask", _run_task),
        ("_stop_task", "StopTask", partial(_stop_task, runs)),
    ):
        replace(vars(ecs), name, make)
        replace(ecs._ACTION_MAP, action, make)


def _seconds_of(value: object) -> object:
    # With its fraction, as AWS answers: runs of one second have an order.
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value


def _run_task(original: Any) -> Any:
    """Refuse what AWS refuses, and name the task's group after its family by default.

    Ministack makes a missing cluster up, starts inactive revisions, lets a network mode of
    ``awsvpc`` do without a network, ignores overrides of containers that are not there, and
    leaves the group empty.
    """

    def handler(data: dict[str, Any]) -> Any:
        definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", "")))
        if definition is None:
            return original(data)
        refusal = _refusal(data, definition)
        if refusal is not None:
            return error_response_json(*refusal, 400)
        return original({**data, "group": data.get("group") or f"family:{definition['family']}"})

    return handler


def _refusal(data: dict[str, Any], definition: dict[str, Any]) -> tuple[str, str] | None:
    """Return the code and the message of what AWS would say against a RunTask, if anything."""
    if ecs._resolve_cluster_name(data.get("cluster")) not in ecs._clusters:
        return "ClusterNotFoundException", "Cluster not found."
    if definition["status"] != "ACTIVE":
        return "ClientException", "TaskDefinition is inactive"
    if definition["networkMode"] == "awsvpc" and not ecs._requested_subnet(data):
        return (
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
    known = {container["name"] for container in definition["containerDefinitions"]}
    overrides = data.get("overrides", {}).get("containerOverrides", [])
    for name in [each.get("name") for each in overrides]:
        if name not in known:
            return (
                "InvalidParameterException",
                f"Override for container named {name} is not a container in the TaskDefinition.",
            )
    return None


def _stop_task(runs: dict[str, TaskRun], original: Any) -> Any:
    """Ask the containers to end, and let the task stop when they have.

    AWS sends SIGTERM, and SIGKILL after the container's stop timeout, and reports the exit codes
    of that. Ministack records the task as stopped with exit code 0 right away.
    """

    def handler(data: dict[str, Any]) -> Any:
        cluster = ecs._resolve_cluster_name(data.get("cluster"))
        task = ecs._resolve_task(data.get("task", ""), cluster)
        if task is None or task["lastStatus"] == "STOPPED":
            return original(data)
        if task["desiredStatus"] != "STOPPED":
            advance(
                task,
                desiredStatus="STOPPED",
                stoppingAt=now_iso(),
                stoppedReason=data.get("reason", "Task stopped by user"),
                stopCode="UserInitiated",
            )
            # A run that has not begun yet finds itself asked to stop.
            if task["taskArn"] in runs:
                runs[task["taskArn"]].terminate()
        return json_response({"task": ecs._sanitize(task)})

    return handler
