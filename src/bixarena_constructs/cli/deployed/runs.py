"""Runs of a deployed task, as far as ECS still knows them: about an hour after they stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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

_STATUSES: Final[tuple[DesiredStatusType, ...]] = ("RUNNING", "STOPPED")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        id: Last part of the task's ARN.
        status: ECS's word for where it is, such as ``RUNNING``.
        created_at: When it was asked for.
        stopped_at: When it had stopped.
        scheduled_at: The time that it is for, as it was told.
        by_schedule: Whether the rule started it, and not a person.
        exit_code: The worker's own; None until it ended, and if it never ran.
        reason: Why it stopped, in ECS's words; of the task and of the worker's container.
    """

    id: str
    status: str
    created_at: datetime | None
    stopped_at: datetime | None
    scheduled_at: str | None
    by_schedule: bool
    exit_code: int | None
    reason: str

    @property
    def has_stopped(self) -> bool:
        """Whether it is over."""
        return self.status == "STOPPED"

    @property
    def outcome(self) -> str:
        """The run in a word or two."""
        if not self.has_stopped:
            return self.status.lower()
        if self.exit_code is None:
            return "never started"
        return "succeeded" if self.exit_code == 0 else f"failed with {self.exit_code}"

    @property
    def cause(self) -> Cause | None:
        """Why it failed, where that is known; None for a success."""
        if not self.has_stopped or self.exit_code == 0:
            return None
        by_code = None if self.exit_code is None else cause_of_exit(self.exit_code)
        return cause_of_stop(self.reason) or by_code


def describe(task: DeployedTask, task_arns: list[str]) -> list[Run]:
    """Look runs up; those that ECS has forgotten are left out.

    Args:
        task: What they are runs of.
        task_arns: ARNs or ids, 100 at most.
    """
    if not task_arns:
        return []
    answer = task.session.client("ecs").describe_tasks(cluster=task.cluster_arn, tasks=task_arns)
    return [run_of(each, task.container_name) for each in answer["tasks"]]


def find_run(task: DeployedTask, run_id: str) -> Run | None:
    """Look a run up; None if ECS has forgotten it.

    An operator is allowed to see runs by their tag, and ECS has forgotten that with the run.

    Args:
        task: What it is a run of.
        run_id: Which.
    """
    try:
        found = describe(task, [run_id])
    except ClientError as error:
        if is_denied(error):
            return None
        raise
    return found[0] if found else None


def recent_runs(task: DeployedTask) -> list[Run]:
    """Return the runs that ECS shows the caller, the newest first."""
    ecs = task.session.client("ecs")
    arns = [
        arn
        for status in _STATUSES
        for arn in ecs.list_tasks(
            cluster=task.cluster_arn,
            family=task.family,
            desiredStatus=status,
        )["taskArns"]
    ]
    runs = _shown(task, arns)
    return sorted(runs, key=lambda run: str(run.created_at or ""), reverse=True)


def _shown(task: DeployedTask, task_arns: list[str]) -> list[Run]:
    """Look runs up, without those that the caller is not allowed to see.

    An operator may see runs by their tag, and one that somebody started without it has the whole
    request refused.
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
    """Read a task as the API or a state change event tells it.

    Args:
        task: The task.
        container_name: The container that the worker runs in.
    """
    # By its name: GuardDuty's sidecar may be the first of the list.
    nothing: ContainerTypeDef = {}
    named = (each for each in task.get("containers", ()) if each.get("name") == container_name)
    worker = next(named, nothing)
    overrides = [
        variable
        for container in task.get("overrides", {}).get("containerOverrides", ())
        if container.get("name") == container_name
        for variable in container.get("environment", ())
    ]
    reasons = (task.get("stoppedReason"), worker.get("reason"))
    return Run(
        id=task["taskArn"].rpartition("/")[2],
        status=task["lastStatus"],
        created_at=task.get("createdAt"),
        stopped_at=task.get("stoppedAt"),
        scheduled_at=next(
            (each.get("value") for each in overrides if each.get("name") == Variable.SCHEDULED_AT),
            None,
        ),
        by_schedule=task.get("startedBy", "").startswith(STARTED_BY_RULE),
        exit_code=worker.get("exitCode"),
        reason="; ".join(filter(None, reasons)),
    )
