"""One ECS task from PROVISIONING to STOPPED."""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from ministack.core.concurrency import resource_lock
from ministack.core.responses import now_iso
from ministack.services import ecs, ecs_metadata, eventbridge

from bixarena_constructs.demo.local_aws.containers import ContainerStartError
from bixarena_constructs.demo.local_aws.launch import prepare

if TYPE_CHECKING:
    from bixarena_constructs.demo.local_aws.containers import ContainerProcess, Runtime

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
        self._stop_reason: str | None = None
        self._lock = Lock()

    def run(self) -> None:
        """Take the task through its states; returns when it has stopped."""
        # Fargate has no container instances; ministack makes one up.
        self._task["containerInstanceArn"] = None
        self._advance("PROVISIONING")
        self._advance("PENDING")
        reason, code = "Essential container in task exited", "EssentialContainerExited"
        try:
            self._start()
            if self._stop_reason is None:
                self._advance("RUNNING", startedAt=now_iso())
        except ContainerStartError as error:
            reason, code = str(error), "TaskFailedToStart"
            self._terminate()
        self._wait()
        if self._stop_reason is not None:
            reason, code = self._stop_reason, "UserInitiated"
        self._finish(reason, code)

    def stop(self, reason: str) -> None:
        """Begin to stop the task, as its user asked."""
        with self._lock:
            self._stop_reason = reason
        self._advance(
            None,
            desiredStatus="STOPPED",
            stoppingAt=now_iso(),
            stoppedReason=reason,
            stopCode="UserInitiated",
        )
        self._terminate()

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
                if self._stop_reason is not None:
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
            self._terminate()

    def _terminate(self) -> None:
        with self._lock:
            for each in self._running:
                timeout = each.definition.get("stopTimeout", _STOP_TIMEOUT_SECONDS)
                Thread(target=each.process.stop, args=(timeout,), daemon=True).start()

    def _finish(self, reason: str, code: str) -> None:
        self._advance(
            "DEPROVISIONING",
            desiredStatus="STOPPED",
            stoppingAt=self._task["stoppingAt"] or now_iso(),
            executionStoppedAt=now_iso(),
            stoppedReason=reason,
            stopCode=code,
        )
        for record in self._task["containers"]:
            record["lastStatus"] = "STOPPED"
        self._advance("STOPPED", stoppedAt=now_iso())
        for token in self._task.pop("_metadata_tokens", []):
            ecs_metadata.unregister_token(token)

    def _advance(self, status: str | None, **changes: str) -> None:
        """Change the record, its status too unless None, and tell the default bus.

        Both under the lock that DescribeTasks takes: whoever sees a state there finds its event
        delivered.
        """
        with resource_lock("ecs-task", self._task["taskArn"]):
            if status != self._task["lastStatus"]:
                ecs._bump_task_version(self._task)
            self._task.update(changes, lastStatus=status or self._task["lastStatus"])
            _tell(self._task)
        ecs._recount_cluster(ecs._cluster_name_from_arn(self._task["clusterArn"]))


def _tell(task: _Record) -> None:
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
