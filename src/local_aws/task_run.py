"""One ECS task from PROVISIONING to STOPPED."""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from ministack.core.concurrency import resource_lock
from ministack.core.responses import now_iso
from ministack.services import ecs, ecs_metadata, eventbridge

from local_aws.containers import ContainerStartError
from local_aws.launch import prepare

if TYPE_CHECKING:
    from local_aws.containers import ContainerProcess, Runtime

__all__ = ["TaskRun", "advance"]

_STOP_TIMEOUT_SECONDS = 30  # Fargate's default

# `Any` below: records of ministack, which has no types.
_Record = dict[str, Any]


@dataclass(frozen=True)
class _Running:
    process: ContainerProcess
    definition: _Record
    record: _Record


class TaskRun:
    """Runs the containers of a task and keeps its record, which ministack's API answers from.

    Args:
        task: The task's record, as RunTask made it.
        task_definition: The task definition's record.
        overrides: The container overrides of RunTask.
        runtime: Where containers run.
    """

    def __init__(
        self,
        task: _Record,
        *,
        task_definition: _Record,
        overrides: list[_Record],
        runtime: Runtime,
    ) -> None:
        self._task = task
        self._task_definition = task_definition
        self._overrides = overrides
        self._runtime = runtime
        self._running: list[_Running] = []
        self._lock = Lock()

    def run(self) -> None:
        """Take the task through its states; returns when it has stopped."""
        # Fargate has no container instances; ministack makes one up.
        self._task["containerInstanceArn"] = None
        advance(self._task, "PROVISIONING")
        advance(self._task, "PENDING")
        reason, code = "Essential container in task exited", "EssentialContainerExited"
        try:
            self._start()
            if not self._is_asked_to_stop():
                advance(self._task, "RUNNING", startedAt=now_iso())
        except ContainerStartError as error:
            reason, code = str(error), "TaskFailedToStart"
            self.terminate()
        self._wait()
        self._finish(reason, code)

    def terminate(self) -> None:
        """Ask every container that runs to end; each is killed after its stop timeout."""
        with self._lock:
            for each in self._running:
                timeout = each.definition.get("stopTimeout", _STOP_TIMEOUT_SECONDS)
                Thread(target=each.process.stop, args=(timeout,), daemon=True).start()

    def _is_asked_to_stop(self) -> bool:
        return bool(self._task["desiredStatus"] == "STOPPED")

    def _start(self) -> None:
        launches = prepare(
            self._task,
            self._task_definition,
            overrides=self._overrides,
            images=self._runtime.images,
        )
        definitions = self._task_definition["containerDefinitions"]
        for launch, definition, record in zip(
            launches, definitions, self._task["containers"], strict=True
        ):
            with self._lock:
                if self._is_asked_to_stop():
                    return
                process = self._runtime.start(
                    launch.command, environment=launch.environment, on_line=launch.on_line
                )
                self._running.append(_Running(process, definition, record))
            record["lastStatus"] = "RUNNING"

    def _wait(self) -> None:
        watchers = [Thread(target=self._watch, args=(each,)) for each in self._running]
        for watcher in watchers:
            watcher.start()
        for watcher in watchers:
            watcher.join()

    def _watch(self, container: _Running) -> None:
        """Record a container's end, which is the others' too if it is essential."""
        container.record["exitCode"] = self._runtime.wait(container.process)
        container.record["lastStatus"] = "STOPPED"
        if container.definition.get("essential", True):
            self.terminate()

    def _finish(self, reason: str, code: str) -> None:
        asked = self._is_asked_to_stop()
        advance(
            self._task,
            "DEPROVISIONING",
            desiredStatus="STOPPED",
            stoppingAt=self._task["stoppingAt"] or now_iso(),
            executionStoppedAt=now_iso(),
            stoppedReason=self._task["stoppedReason"] if asked else reason,
            stopCode=self._task["stopCode"] if asked else code,
        )
        for record in self._task["containers"]:
            record["lastStatus"] = "STOPPED"
        advance(self._task, "STOPPED", stoppedAt=now_iso())
        for token in self._task.pop("_metadata_tokens", []):
            ecs_metadata.unregister_token(token)


def advance(task: _Record, status: str | None = None, **changes: str) -> None:
    """Change a task's record, with its status if given, and send the event of it.

    Both under the lock that DescribeTasks takes: a caller that sees a state there finds its event
    delivered.
    """
    with resource_lock("ecs-task", task["taskArn"]):
        if status != task["lastStatus"]:
            ecs._bump_task_version(task)
        task.update(changes, lastStatus=status or task["lastStatus"])
        _put_event(task)
    ecs._recount_cluster(ecs._cluster_name_from_arn(task["clusterArn"]))


def _put_event(task: _Record) -> None:
    """Put the event that AWS puts on the default bus for each change of a task's state.

    Ministack puts none.
    """
    # AWS leaves out what a task does not have yet; ministack keeps empty strings for it.
    detail = {key: value for key, value in ecs._sanitize(task).items() if value != ""}
    entry = {
        "Source": "aws.ecs",
        "DetailType": "ECS Task State Change",
        "Resources": [task["taskArn"]],
        "Detail": json.dumps({**detail, "updatedAt": now_iso()}),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
