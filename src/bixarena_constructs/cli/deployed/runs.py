"""Runs of a deployed task that ECS still knows: for about an hour after they stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from bixarena_constructs.cli.deployed.causes import Cause, cause_of_exit, cause_of_stop
from bixarena_constructs.cli.errors import is_denied
from bixarena_constructs.deployment import STARTED_BY_RULE
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_ecs.literals import DesiredStatusType
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["Run", "describe", "find_run", "recent_runs", "run_of"]

_DESCRIBED_AT_ONCE: Final = 100
_VISIBILITY: Final = {"publish", "unpublish"}
_STATUSES: Final[tuple[DesiredStatusType, ...]] = ("RUNNING", "STOPPED")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        id: Last part of the task's ARN.
        status: ECS's status, such as ``RUNNING``.
        created_at: When it was requested.
        stopped_at: When it stopped.
        scheduled_at: The scheduled time that was passed to it.
        exit_code: The worker's exit code; None until it has ended, or if it never ran.
        started_by: What started it, in ECS's words.
        command: What it ran in place of the task definition's command, such as ``publish``.
        reason: ECS's reasons for the stop of the task and of the worker's container.
        stop_code: ECS's code for the kind of the stop, such as ``UserInitiated``.
    """

    id: str
    status: str
    created_at: datetime | None
    stopped_at: datetime | None
    scheduled_at: str | None
    started_by: str
    command: tuple[str, ...]
    exit_code: int | None
    reason: str
    stop_code: str

    @property
    def has_stopped(self) -> bool:
        """Whether ECS has stopped it."""
        return self.status == "STOPPED"

    @property
    def outcome(self) -> str:
        """The outcome in a word or two."""
        if not self.has_stopped:
            return self.status.lower()
        if self.exit_code is None:
            return "never started"
        return "succeeded" if self.exit_code == 0 else f"failed with {self.exit_code}"

    @property
    def by_schedule(self) -> bool:
        """Whether the rule started it, rather than a person."""
        return self.started_by.startswith(STARTED_BY_RULE)

    @property
    def cause(self) -> Cause | None:
        """Why it failed, if known; None for a success."""
        if not self.has_stopped or self.exit_code == 0:
            return None
        by_stop = cause_of_stop(self.reason, self.stop_code)
        # `publish` and `unpublish` log what their exit codes mean.
        if by_stop or self.exit_code is None or _VISIBILITY & {*self.command}:
            return by_stop
        return cause_of_exit(self.exit_code)

    @property
    def why(self) -> str | None:
        """Why it failed, in ECS's words and with the cause, if known; None for a success."""
        if not self.has_stopped or self.exit_code == 0:
            return None
        return "; ".join(filter(None, (self.reason, str(self.cause or "")))) or None


def describe(task: DeployedTask, task_arns: list[str]) -> list[Run]:
    """Return runs by their IDs, without those that ECS no longer knows.

    Args:
        task: The deployed task.
        task_arns: ARNs or IDs.
    """
    ecs = task.session.client("ecs")
    return [
        run_of(each, task.container_name)
        for first in range(0, len(task_arns), _DESCRIBED_AT_ONCE)
        for each in ecs.describe_tasks(
            cluster=task.cluster_arn, tasks=task_arns[first : first + _DESCRIBED_AT_ONCE]
        )["tasks"]
    ]


def find_run(task: DeployedTask, run_id: str) -> Run | None:
    """Return a run by its ID; None if ECS no longer knows it.

    An operator may see runs with the task's tag, which ECS forgets together with the run.

    Args:
        task: The deployed task.
        run_id: ID of the run.
    """
    try:
        found = describe(task, [run_id])
    except ClientError as error:
        if is_denied(error):
            return None
        raise
    return found[0] if found else None


def recent_runs(task: DeployedTask) -> list[Run]:
    """Return the runs that the caller may see, newest first."""
    pages = task.session.client("ecs").get_paginator("list_tasks")
    arns = [
        arn
        for status in _STATUSES
        for page in pages.paginate(
            cluster=task.cluster_arn, family=task.family, desiredStatus=status
        )
        for arn in page["taskArns"]
    ]
    runs = _shown(task, arns)
    return sorted(runs, key=lambda run: str(run.created_at or ""), reverse=True)


def _shown(task: DeployedTask, task_arns: list[str]) -> list[Run]:
    """Return runs by their IDs, without those that the caller may not see.

    An operator may see runs with the task's tag; ECS refuses a request that names any other run.
    """
    try:
        return describe(task, task_arns)
    except ClientError as error:
        if not is_denied(error):
            raise
        found = [run for arn in task_arns if (run := find_run(task, arn))]
        if not found:
            raise
        return found


def run_of(task: TaskTypeDef, container_name: str) -> Run:
    """Read a task of the API or of a state change event.

    Args:
        task: The task.
        container_name: Name of the worker's container.
    """
    # By name: GuardDuty's sidecar may come first in the list.
    nothing: ContainerTypeDef = {}
    named = (each for each in task.get("containers", ()) if each.get("name") == container_name)
    worker = next(named, nothing)
    # `Any`: ECS's events and its answers differ in types.
    override: Any = next(
        (
            each
            for each in task.get("overrides", {}).get("containerOverrides", ())
            if each.get("name") == container_name
        ),
        {},
    )
    variables = {each.get("name"): each.get("value") for each in override.get("environment", ())}
    reasons = (task.get("stoppedReason"), worker.get("reason"))
    return Run(
        id=task["taskArn"].rpartition("/")[2],
        status=task["lastStatus"],
        created_at=task.get("createdAt"),
        stopped_at=task.get("stoppedAt"),
        scheduled_at=variables.get(Variable.SCHEDULED_AT),
        started_by=task.get("startedBy", ""),
        command=tuple(override.get("command", ())),
        exit_code=worker.get("exitCode"),
        reason="; ".join(filter(None, reasons)),
        stop_code=task.get("stopCode", ""),
    )
