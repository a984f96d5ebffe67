"""``bixarena alert test`` on what AWS answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.cli.alert import execute
from bixarena_constructs.cli.deployed import stack

if TYPE_CHECKING:
    from conftest import Answers, Bixarena  # type: ignore[import-not-found] # pytest's

TOPIC = "arn:aws:sns:us-east-1:111122223333:Alerts"
OTHER_TOPIC = "arn:aws:sns:eu-west-1:111122223333:Others"
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Watch"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Watch:1"
OUTPUTS = {
    "AlarmNames": "Arena-Hang-1",
    "AlertTopicArn": TOPIC,
    "ClusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/arena",
    "ContainerName": "worker",
    "LogGroupName": "/arena",
    "TaskDefinitionArn": "arn:aws:ecs:us-east-1:111122223333:task-definition/worker:7",
}
SENT = ["sent      the alert of a failed run", "sent      alarm Arena-Hang-1"]
DENIED = "AccessDeniedException: not authorized to perform: x:Y"


def described(outputs: dict[str, str]) -> dict[str, Any]:
    keys = {f"SnapshotOutputs{name}0F0F0F0F": value for name, value in outputs.items()}
    found: Any = {
        "StackName": "Arena",
        "CreationTime": "2026-03-06T10:00:00Z",
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in keys.items()],
    }
    return {"Stacks": [found]}


def resource(logical_id: str, kind: str, name: str) -> dict[str, str]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "PhysicalResourceId": name,
        "LastUpdatedTimestamp": "2026-03-06T10:00:00Z",
        "ResourceStatus": "CREATE_COMPLETE",
    }


def alarm(**changes: Any) -> dict[str, Any]:
    whole = {
        "AlarmName": "Arena-Hang-1",
        "StateValue": "INSUFFICIENT_DATA",
        "ActionsEnabled": True,
        "AlarmActions": [TOPIC],
    }
    return {"MetricAlarms": [{**whole, **changes}]}


def subscribed(**arns: str) -> dict[str, Any]:
    return {
        "Subscriptions": [
            {"SubscriptionArn": arn, "Endpoint": f"{name}@arena"} for name, arn in arns.items()
        ]
    }


def execution(status: str, **fields: str) -> dict[str, Any]:
    whole = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "startDate": 1772791200}
    return {**whole, "status": status, **fields}


@pytest.fixture
def arena(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A task whose alerts arrive."""
    monkeypatch.setattr(stack, "open_session", lambda **_: answers.session)
    monkeypatch.setattr(execute, "_PAUSE_SECONDS", 0)
    hang, machine = "SnapshotMonitoringWatchHangD00DFEED", "SnapshotMonitoringMachineD00DFEED"
    answers.update(
        DescribeStacks=described(OUTPUTS),
        ListStackResources={
            "StackResourceSummaries": [
                resource(hang, "AWS::CloudWatch::Alarm", "Arena-Hang-1"),
                resource(machine, "AWS::StepFunctions::StateMachine", MACHINE),
            ]
        },
        DescribeAlarms=alarm(),
        ListSubscriptionsByTopic=subscribed(ops=f"{TOPIC}:1"),
        StartExecution={"executionArn": EXECUTION, "startDate": 1772791200},
        DescribeExecution=[execution("RUNNING"), execution("SUCCEEDED")],
        SetAlarmState=[{}, {}],
    )
    return answers


def states(arena: Answers) -> list[str]:
    return [asked["StateValue"] for name, asked in arena.asked if name == "SetAlarmState"]


def test_every_path_sends_a_message_that_is_marked_as_a_test(
    arena: Answers, bixarena: Bixarena
) -> None:
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[:4] == [f"topic     {TOPIC}", "          ops@arena", *SENT]
    assert lines[-1].startswith("2 messages arrive")
    asked = dict(arena.asked)
    event = json.loads(asked["StartExecution"]["input"])
    assert event["subject"].startswith("TEST: Snapshot:")
    assert "`bixarena alert test Arena`" in event["failure"]
    assert states(arena) == ["ALARM", "INSUFFICIENT_DATA"]
    assert asked["SetAlarmState"]["StateReason"].startswith("TEST ")


GONE: dict[str, Any] = {"MetricAlarms": []}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (alarm(StateValue="ALARM"), "alarm Arena-Hang-1: it is on already"),
        (alarm(ActionsEnabled=False), "alarm Arena-Hang-1: its actions are off"),
        (alarm(AlarmActions=[]), "alarm Arena-Hang-1: it notifies no topic"),
        (GONE, "alarm Arena-Hang-1: it does not exist"),
    ],
)
def test_an_alarm_that_sends_nothing_is_left_alone(
    arena: Answers, bixarena: Bixarena, answer: Any, line: str
) -> None:
    arena["DescribeAlarms"] = answer
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 78, done.output
    assert f"NOT SENT  {line}" in done.stdout
    assert states(arena) == []


@pytest.mark.parametrize(
    ("operation", "answer", "fault"),
    [
        ("StartExecution", "StateMachineDoesNotExist: x", f"machine {MACHINE} does not exist"),
        ("DescribeExecution", execution("FAILED", error="Sns.Denied"), "failed: Sns.Denied; see"),
        ("DescribeExecution", execution("ABORTED"), f"aborted; see the execution {EXECUTION}"),
        ("ListStackResources", {"StackResourceSummaries": []}, "does not list its state machine"),
    ],
)
def test_the_machine_sends_nothing(
    arena: Answers, bixarena: Bixarena, operation: str, answer: Any, fault: str
) -> None:
    arena[operation] = answer
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 78, done.output
    assert fault in done.stdout
    # The other paths are tried all the same.
    assert SENT[1] in done.stdout


def test_a_machine_that_tries_again_is_not_awaited(
    arena: Answers, bixarena: Bixarena, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena["DescribeExecution"] = execution("RUNNING")
    monkeypatch.setattr(execute, "_LONGEST_WAIT_SECONDS", -1)
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 78
    assert f"running; see the execution {EXECUTION}" in done.stdout


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (subscribed(), "nobody subscribes to it"),
        ("NotFound: x", "it does not exist"),
        (subscribed(ops=f"{TOPIC}:1", new="PendingConfirmation"), "new@arena: not confirmed"),
    ],
)
def test_a_message_that_nobody_gets(
    arena: Answers, bixarena: Bixarena, answer: Any, line: str
) -> None:
    arena["ListSubscriptionsByTopic"] = answer
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 78
    assert line in done.stdout
    assert SENT[1] in done.stdout
    assert "messages arrive" not in done.stdout


def test_every_topic_of_an_alarm_is_listed(arena: Answers, bixarena: Bixarena) -> None:
    arena["DescribeAlarms"] = alarm(AlarmActions=[TOPIC, OTHER_TOPIC, "arn:aws:lambda:x"])
    done = bixarena("alert", "test", "Arena")
    assert done.stdout.splitlines()[:3:2] == [f"topic     {OTHER_TOPIC}", f"topic     {TOPIC}"]


@pytest.mark.parametrize("operation", ["DescribeAlarms", "ListSubscriptionsByTopic"])
def test_nothing_is_sent_if_it_may_not_look(
    arena: Answers, bixarena: Bixarena, operation: str
) -> None:
    arena[operation] = DENIED
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 77
    assert {"StartExecution", "SetAlarmState"}.isdisjoint(name for name, _ in arena.asked)


def test_a_task_without_monitoring_sends_no_alerts(arena: Answers, bixarena: Bixarena) -> None:
    without = {name: value for name, value in OUTPUTS.items() if name != "AlertTopicArn"}
    arena["DescribeStacks"] = described(without)
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 66
    assert "the task Snapshot has no monitoring" in done.stderr


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (["ThrottlingException: slow down", {}], ["ALARM", "INSUFFICIENT_DATA"]),
        ([DENIED], ["ALARM"]),
    ],
)
def test_an_alarm_that_may_be_on_is_set_back(
    arena: Answers, bixarena: Bixarena, replies: list[Any], expected: list[str]
) -> None:
    arena["SetAlarmState"] = replies
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code in (74, 77)
    assert states(arena) == expected


def test_an_alarm_that_stays_on_is_named(arena: Answers, bixarena: Bixarena) -> None:
    arena["SetAlarmState"] = [{}, "InternalServiceFault: x"]
    done = bixarena("alert", "test", "Arena")
    assert done.exit_code == 74
    assert "alarm Arena-Hang-1 may be on now" in done.stderr
