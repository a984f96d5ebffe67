"""Which rules match which events, asked of EventBridge's TestEventPattern on the local AWS."""

from __future__ import annotations

import inspect
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration

from bixarena_constructs import ExitCode, SnapshotMonitoring, WorkerSignals
from bixarena_constructs.cdk.monitoring.worker_signals import REFERENCE_EXIT_CODES
from bixarena_constructs.deployment import OVERDUE_REASON
from bixarena_constructs.worker import contract, errors

if TYPE_CHECKING:
    from collections.abc import Callable

    Event = dict[str, Any]

_ARN = "arn:aws:ecs:us-east-1:000000000000"
_FAMILY = "ArenaSnapshotScheduledTaskDef719F02E7"
_WORKER: Event = {
    "containerArn": f"{_ARN}:container/arena/0f4c/9a1d",
    "lastStatus": "STOPPED",
    "name": "bixarena-worker",
    "image": "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0",
    "taskArn": f"{_ARN}:task/arena/0f4c2be0a3c14bb2a65dbeef3ad6c1f4",
    "networkInterfaces": [],
    "cpu": "0",
}
_GUARD: Event = {
    **_WORKER,
    "name": "aws-guardduty-agent-vWRtd6G",
    "image": "593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate:v1",
}


def stopped(
    *containers: Event,
    code: str = "EssentialContainerExited",
    reason: str = "Essential container in task exited",
    **detail: Any,
) -> Event:
    """An event in the shape that ECS sends, cut to what could matter."""
    return {
        "version": "0",
        "id": "3317b2af-7005-947d-b652-f55e762e571a",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": "000000000000",
        "time": "2026-03-06T10:01:12Z",
        "region": "us-east-1",
        "resources": [_WORKER["taskArn"]],
        "detail": {
            "clusterArn": f"{_ARN}:cluster/arena",
            "containers": list(containers),
            "desiredStatus": "STOPPED",
            "group": f"family:{_FAMILY}",
            "lastStatus": "STOPPED",
            "launchType": "FARGATE",
            "overrides": {"containerOverrides": [{"name": "bixarena-worker"}]},
            "startedBy": "events-rule/Arena-SnapshotScheduled",
            "stopCode": code,
            "stoppedReason": reason,
            "taskArn": _WORKER["taskArn"],
            "taskDefinitionArn": f"{_ARN}:task-definition/{_FAMILY}:7",
            "version": 6,
            **detail,
        },
    }


def exited(exit_code: int, *others: Event, **detail: Any) -> Event:
    return stopped(*others, {**_WORKER, "exitCode": exit_code}, **detail)


_FINE = {**_GUARD, "exitCode": 0}
_BROKEN = {**_GUARD, "exitCode": 1}
_NO_IMAGE = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): 403 Forbidden"
)

EVENTS = {
    "a success": exited(0, _FINE),
    "exit 1": exited(1, _FINE),
    "wrong settings": exited(2),
    "database out of reach": exited(4, _FINE),
    "out of memory": exited(
        137, _FINE, reason="OutOfMemoryError: Container killed due to memory usage"
    ),
    "killed before its last line, unknown signal": exited(139),
    "image pull failure": stopped(
        {**_WORKER, "reason": _NO_IMAGE}, code="TaskFailedToStart", reason=_NO_IMAGE
    ),
    "spot interruption": exited(
        143, code="SpotInterruption", reason="Your Spot Task was interrupted."
    ),
    "spot interruption, done in time": exited(0, code="SpotInterruption"),
    "stopped by a user": exited(143, code="UserInitiated", reason="Task stopped by user"),
    "stopped since it was overdue": exited(143, code="UserInitiated", reason=OVERDUE_REASON),
    "stopped since it was overdue, ended well": exited(
        0, _FINE, code="UserInitiated", reason=OVERDUE_REASON
    ),
    "sidecar only": exited(0, _BROKEN),
    "sidecar only, listed last": stopped({**_WORKER, "exitCode": 0}, _BROKEN),
    "sidecar with the worker's code": exited(0, {**_GUARD, "exitCode": 4}),
    "sidecar that could not start": exited(0, {**_GUARD, "reason": _NO_IMAGE}),
    "both failed": exited(4, _BROKEN),
    "another family": exited(4, group="family:somebody-else"),
    "another cluster": exited(4, clusterArn=f"{_ARN}:cluster/staging"),
    "still running": exited(4, lastStatus="DEPROVISIONING"),
    "under way": stopped(
        {**_WORKER, "lastStatus": "RUNNING"}, lastStatus="RUNNING", desiredStatus="RUNNING"
    ),
    "under way, stopping": stopped({**_WORKER, "lastStatus": "RUNNING"}, lastStatus="RUNNING"),
    "another family under way": stopped(
        lastStatus="RUNNING", desiredStatus="RUNNING", group="family:somebody-else"
    ),
    "a retry that failed": exited(4, startedBy="bixarena-retry"),
    "by hand": exited(4, startedBy="jane"),
}

# Names of the rules, in the order of the template.
TOLD = {
    "exit 1": ["Failures/OtherExitCode"],
    "wrong settings": ["Failures/ExitCode2"],
    "database out of reach": ["Failures/ExitCode4", "Retry/ExitCode4"],
    "out of memory": ["Failures/ExitCode137"],
    "killed before its last line, unknown signal": ["Failures/OtherExitCode"],
    "image pull failure": ["Failures/NeverStarted", "Retry/NeverStarted"],
    "spot interruption": ["Failures/Interrupted", "Retry/Interrupted"],
    "stopped since it was overdue": ["Failures/Overdue"],
    "stopped since it was overdue, ended well": ["Failures/Overdue"],
    "both failed": ["Failures/ExitCode4", "Retry/ExitCode4"],
    "a retry that failed": ["Failures/ExitCode4"],
    "by hand": ["Failures/ExitCode4"],
}
NOT_OURS = {"another family", "another cluster", "another family under way"}


@pytest.fixture
def patterns(define: Any) -> dict[str, Event]:
    """The pattern of each rule of the monitoring, by its path below it."""
    monitored = define(monitoring=SnapshotMonitoring(retry_after=Duration.minutes(10)))
    assert monitored.task.task_definition.family == _FAMILY
    return {
        logical_id.removeprefix("SnapshotMonitoring")
        .replace("Failures", "Failures/")
        .replace("Retry", "Retry/"): monitored.deployed(properties["EventPattern"])
        for logical_id, properties in monitored.resources(
            "AWS::Events::Rule", below="SnapshotMonitoring"
        ).items()
    }


def test_tells_each_failure_once_and_nothing_else(
    patterns: dict[str, Event], matches: Callable[[Event, Event], bool]
) -> None:
    history, watch = patterns.pop("HistoryRule"), patterns.pop("WatchRule")
    shown = {
        name: [rule for rule, pattern in patterns.items() if matches(pattern, event)]
        for name, event in EVENTS.items()
    }
    assert shown == {name: TOLD.get(name, []) for name in EVENTS}
    watched = [name for name, event in EVENTS.items() if matches(watch, event)]
    assert watched == ["under way"]
    kept = {name for name, event in EVENTS.items() if matches(history, event)}
    assert kept == EVENTS.keys() - NOT_OURS


def test_has_no_failure_that_two_rules_would_tell(
    patterns: dict[str, Event], matches: Callable[[Event, Event], bool]
) -> None:
    alerts = {name: each for name, each in patterns.items() if name.startswith("Failures/")}
    codes = ("EssentialContainerExited", "TaskFailedToStart", "SpotInterruption")
    for exit_code in (*range(7), 126, 137, 143):
        for code in codes:
            event = exited(exit_code, code=code)
            shown = [name for name, pattern in alerts.items() if matches(pattern, event)]
            expected = 0 if exit_code == 0 and code != "TaskFailedToStart" else 1
            assert len(shown) == expected, (exit_code, code, shown)


def test_knows_every_exit_code_of_the_reference_worker() -> None:
    failures = {
        each.failure
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.WorkerError)
    }
    # A bug is no cause that a message could explain.
    codes = {failure.exit_code for failure in failures - {contract.INTERNAL}}
    assert codes == REFERENCE_EXIT_CODES.keys() - {contract.KILLED.exit_code}
    transient = {code for code, each in REFERENCE_EXIT_CODES.items() if each.is_transient}
    assert transient == {errors.DatabaseUnavailableError.failure.exit_code}


def test_takes_the_exit_codes_of_another_image(
    define: Any, matches: Callable[[Event, Event], bool]
) -> None:
    busy = ExitCode(meaning="somebody else has the lock", is_transient=True)
    monitored = define(
        monitoring=SnapshotMonitoring(
            signals=WorkerSignals(exit_codes={75: busy}), retry_after=Duration.minutes(10)
        )
    )
    rules = monitored.resources("AWS::Events::Rule", below="SnapshotMonitoring")
    shown = {
        name
        for name, properties in rules.items()
        if matches(monitored.deployed(properties["EventPattern"]), exited(75))
    }
    assert shown == {
        "SnapshotMonitoringFailuresExitCode75",
        "SnapshotMonitoringHistoryRule",
        "SnapshotMonitoringRetryExitCode75",
    }
    assert "SnapshotMonitoringFailuresExitCode4" not in rules


def test_refuses_success_as_a_failure() -> None:
    with pytest.raises(ValueError, match="exit_codes has 0"):
        WorkerSignals(exit_codes={0: ExitCode(meaning="fine")})


def test_matches_a_failure_for_on_failure_too(
    define: Any, matches: Callable[[Event, Event], bool]
) -> None:
    monitored = define()
    rule = monitored.task.on_failure("Failed")
    pattern = monitored.deployed(monitored.stack.resolve(rule.node.default_child.event_pattern))
    shown = {name for name, event in EVENTS.items() if matches(deepcopy(pattern), event)}
    assert shown == TOLD.keys()
