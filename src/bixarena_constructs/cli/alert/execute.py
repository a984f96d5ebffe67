"""Sends a test through every path of an alert."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer
from botocore.exceptions import ClientError

from bixarena_constructs.cli.deployed.monitoring import (
    find_alarms,
    monitoring_parts,
    subscribers,
)
from bixarena_constructs.cli.deployed.stack import find_target
from bixarena_constructs.cli.errors import (
    AWS_ERRORS,
    AwsFailedError,
    NotFoundError,
    exit_on_error,
    explained,
    may_pass,
)
from bixarena_constructs.cli.exit_codes import PROBLEMS_FOUND
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.options import Target

__all__ = ["send_tests"]

_UNCONFIRMED: Final = ": not confirmed, so it gets nothing"
_REASON: Final = "TEST by `bixarena alert test`: nothing is wrong"
_LONGEST_SUBJECT: Final = 99  # of SNS
_LONGEST_WAIT_SECONDS: Final = 60
_PAUSE_SECONDS: Final = 1


def send_tests(target: Target) -> None:
    """Send the tests and list who gets them; see ``bixarena alert test --help``.

    Raises:
        typer.Exit: A test was not sent, nobody gets it, or AWS failed.
    """
    with exit_on_error():
        task = find_target(target)
        topic = task.outputs.get(Output.ALERT_TOPIC_ARN)
        if topic is None:
            raise NotFoundError(f"the task {task.name} has no monitoring, so it sends no alerts")
        cloudwatch = task.session.client("cloudwatch")
        alarms = find_alarms(task)
        notified = (each for alarm in alarms.values() if alarm for each in _topics(alarm))
        topics = sorted({topic, *notified})
        # Before anything is sent, as the credentials may not allow it.
        is_heard = [_show_subscribers(task, each) for each in topics]
        is_sent = [_show("the alert of a failed run", _start_machine(task))]
        for name, alarm in alarms.items():
            fault = "it does not exist" if alarm is None else _set_off(cloudwatch, alarm)
            is_sent.append(_show(f"alarm {name}", fault))
    if any(is_heard):
        typer.echo(
            f"\n{sum(is_sent)} messages arrive within minutes. The subject of the failed run's "
            "begins with TEST:, and the reason of each alarm with TEST."
        )
    if not all(is_sent) or not all(is_heard):
        raise typer.Exit(PROBLEMS_FOUND)


def _topics(alarm: MetricAlarmTypeDef) -> list[str]:
    return [each for each in alarm["AlarmActions"] if ":sns:" in each]


def _show_subscribers(task: DeployedTask, topic: str) -> bool:
    """Print who subscribes to a topic, and return whether each of them gets its messages."""
    found = subscribers(task.session, topic)
    typer.echo(f"topic     {topic}")
    if found is None:
        typer.echo("          it does not exist")
    elif not found:
        typer.echo("          nobody subscribes to it")
    for endpoint, has_confirmed in found or ():
        typer.echo(f"          {endpoint}{'' if has_confirmed else _UNCONFIRMED}")
    return bool(found) and all(has_confirmed for _, has_confirmed in found or ())


def _show(test: str, fault: str | None) -> bool:
    typer.echo(f"NOT SENT  {test}: {fault}" if fault else f"sent      {test}")
    return fault is None


def _start_machine(task: DeployedTask) -> str | None:
    """Let the state machine write the alert of a failed run; return why it did not."""
    parts = monitoring_parts(task)
    machine = next((name for kind, name in parts if kind.endswith("::StateMachine")), None)
    if machine is None:
        return "the stack does not list its state machine"
    states = task.session.client("stepfunctions")
    try:
        started = states.start_execution(stateMachineArn=machine, input=json.dumps(_event(task)))
    except states.exceptions.StateMachineDoesNotExist:
        return f"the state machine {machine} does not exist"
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        execution = states.describe_execution(executionArn=started["executionArn"])
        status = execution["status"]
        if status == "SUCCEEDED":
            return None
        if status != "RUNNING" or time.monotonic() > deadline:
            error = f": {execution['error']}" if "error" in execution else ""
            return f"{status.lower()}{error}; see the execution {started['executionArn']}"
        time.sleep(_PAUSE_SECONDS)


def _event(task: DeployedTask) -> dict[str, object]:
    """Return what a rule would pass to the machine of a run that failed."""
    failure = f"TEST: {task.name}: no run failed"
    run = {
        "taskArn": f"{task.cluster_arn.replace(':cluster/', ':task/')}/TEST",
        "startedBy": "a test",
        "stopCode": "TaskFailedToStart",
        "stoppedAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "stoppedReason": _REASON,
    }
    return {
        "subject": failure[:_LONGEST_SUBJECT],
        "failure": f"{failure}; `{task.hint('alert test')}` sent this.",
        "isTransient": False,
        "detail": run,
    }


def _set_off(cloudwatch: CloudWatchClient, alarm: MetricAlarmTypeDef) -> str | None:
    """Set an alarm off, and back to its state; return why it sends nothing."""
    name, before = alarm["AlarmName"], alarm["StateValue"]
    if not alarm["ActionsEnabled"]:
        return "its actions are off"
    if not _topics(alarm):
        return "it notifies no topic"
    if before == "ALARM":
        return "it is on already, and sends nothing more until it has been OK"
    is_refused = False
    try:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=_REASON)
    except ClientError as error:
        is_refused = not may_pass(error)
        raise
    finally:
        # Also after Ctrl-C: an alarm that ignores missing data would stay on for days.
        if not is_refused:
            _set_back(cloudwatch, alarm)
    return None


def _set_back(cloudwatch: CloudWatchClient, alarm: MetricAlarmTypeDef) -> None:
    name, before = alarm["AlarmName"], alarm["StateValue"]
    reason = f"{_REASON}; it was {before} before"
    try:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=before, StateReason=reason)
    except AWS_ERRORS as error:
        raise AwsFailedError(
            f"{explained(error)}; alarm {name} may be on now; set it back: aws cloudwatch "
            f"set-alarm-state --alarm-name {name} --state-value {before} --state-reason test"
        ) from error
