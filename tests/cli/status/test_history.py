"""Runs from the state changes that the history keeps."""

from __future__ import annotations

import json
from typing import Any

from bixarena_constructs.cli.status.history import runs_of_events

ARN = "arn:aws:ecs:us-east-1:111122223333:task/arena/f00"
SIDECAR = {"name": "aws-guardduty-agent-Ab1", "exitCode": 1, "lastStatus": "STOPPED"}


def event(version: int, **detail: Any) -> str:
    known = {"taskArn": ARN, "version": version, "createdAt": "2026-03-06T10:00:02.1Z"}
    return json.dumps({"detail-type": "ECS Task State Change", "detail": {**known, **detail}})


STOPPED = event(
    5,
    lastStatus="STOPPED",
    stoppedAt="2026-03-06T10:01:00Z",
    stoppedReason="Essential container in task exited",
    startedBy="events-rule/Nightly",
    containers=[SIDECAR, {"name": "worker", "exitCode": 4}],
    overrides={
        "containerOverrides": [
            {
                "name": "worker",
                "environment": [{"name": "SCHEDULED_AT", "value": "2026-03-06T10:00:00Z"}],
            }
        ]
    },
)


def test_takes_the_last_state_of_a_task_whatever_comes_first_or_twice() -> None:
    running = event(3, lastStatus="RUNNING", containers=[])
    (run,) = runs_of_events([STOPPED, STOPPED, running], "worker")
    assert run.id == "f00"
    assert run.outcome == "failed with 4"
    assert run.scheduled_at == "2026-03-06T10:00:00Z"
    assert run.by_schedule
    assert run.cause is not None
    assert "PostgreSQL" in run.cause.meaning


def test_a_sidecars_exit_code_is_not_the_workers() -> None:
    shown = event(4, lastStatus="STOPPED", containers=[SIDECAR, {"name": "worker", "exitCode": 0}])
    (run,) = runs_of_events([shown], "worker")
    assert run.outcome == "succeeded"
    assert run.cause is None


def test_a_run_whose_worker_has_no_exit_code_never_started() -> None:
    shown = event(
        4,
        lastStatus="STOPPED",
        stoppedReason="Task failed to start",
        containers=[{"name": "worker", "reason": "OutOfMemoryError: Container killed"}],
    )
    (run,) = runs_of_events([shown], "worker")
    assert run.outcome == "never started"
    assert run.reason == "Task failed to start; OutOfMemoryError: Container killed"
    assert run.why == f"{run.reason}; {run.cause}"


def test_a_run_of_no_known_cause_has_awss_own_reason() -> None:
    shown = event(4, lastStatus="STOPPED", stoppedReason="something new", containers=[])
    (run,) = runs_of_events([shown], "worker")
    assert run.why == "something new"


def test_a_stop_by_hand_is_known_by_its_code() -> None:
    shown = event(4, lastStatus="STOPPED", stoppedReason="no space left", stopCode="UserInitiated")
    (run,) = runs_of_events([shown], "worker")
    assert run.why is not None
    assert run.why.startswith("no space left; a person or a program stopped the task; ")
