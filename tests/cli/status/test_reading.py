"""The status of a task whose runs, rule and log AWS answers as each test says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.cli.deployed.stack import DeployedTask
from bixarena_constructs.cli.status.reading import read_status

if TYPE_CHECKING:
    from bixarena_constructs.cli.status.reading import Status
    from conftest import Answers  # type: ignore[import-not-found] # pytest's, no package

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
CLUSTER = "arn:aws:ecs:us-east-1:111122223333:cluster/arena"
DEFINITION = "arn:aws:ecs:us-east-1:111122223333:task-definition/worker:7"
ECS = {"Id": "1", "Arn": CLUSTER, "EcsParameters": {"TaskDefinitionArn": DEFINITION}}
LOG = {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "a"}}
SCHEDULE, HAND = "events-rule/Nightly", "bixarena-run"


@pytest.fixture
def task(answers: Answers) -> DeployedTask:
    """A task whose rule fires, which has not run yet."""
    worker = {"name": "worker", "logConfiguration": LOG, "environment": []}
    answers.update(
        DescribeRule={
            "Arn": "arn:rule",
            "ScheduleExpression": "cron(0 10 * * ? *)",
            "State": "ENABLED",
        },
        ListTargetsByRule={"Targets": [ECS]},
        DescribeTaskDefinition={"taskDefinition": {"containerDefinitions": [worker]}},
        DescribeLogStreams={"logStreams": []},
        ListTasks={"taskArns": []},
    )
    return DeployedTask(
        stack="Arena",
        name="Snapshot",
        arguments="Arena",
        outputs={
            "RuleName": "Nightly",
            "ContainerName": "worker",
            "ClusterArn": CLUSTER,
            "LogGroupName": "/arena",
            "TaskDefinitionArn": DEFINITION,
        },
        session=answers.session,
    )


def ran(answers: Answers, *runs: tuple[str, dict[str, Any]], code: int = 0) -> None:
    """Let ECS know some runs, the newest first: what started each, and its last line."""
    tasks = [
        {
            "taskArn": f"{CLUSTER}/{number}",
            "lastStatus": "STOPPED",
            "createdAt": NOW - timedelta(hours=number),
            "stoppedAt": NOW - timedelta(hours=number),
            "startedBy": started_by,
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "worker", "exitCode": code}],
        }
        for number, (started_by, _) in enumerate(runs)
    ]
    answers.update(
        ListTasks={"taskArns": [each["taskArn"] for each in tasks]},
        DescribeTasks={"tasks": tasks},
        GetLogEvents=[
            answer
            for _, last in runs
            for answer in (
                {"events": [{"message": json.dumps(last)}], "nextForwardToken": "1"},
                {"events": [], "nextForwardToken": "1"},
            )
        ],
    )


def finished(outcome: str) -> dict[str, Any]:
    return {"event": "run_finished", "outcome": outcome, "exit_code": 0}


def read(task: DeployedTask) -> Status:
    return read_status(task, now=NOW)


@pytest.mark.parametrize(
    ("answer", "instead", "attention"),
    [
        (
            "DescribeRule",
            "ResourceNotFoundException",
            "the rule Nightly of stack Arena does not exist; deploy the stack again",
        ),
        (
            "ListTargetsByRule",
            {},
            "the rule Nightly starts no ECS task; deploy the stack again",
        ),
        (
            "DescribeRule",
            {
                "Arn": "arn:rule",
                "ScheduleExpression": "cron(0 10 1 1 ? 2020)",
                "State": "ENABLED",
            },
            "the schedule has no time that is still to come",
        ),
    ],
)
def test_a_rule_that_starts_no_run_any_more_needs_attention(
    answers: Answers, task: DeployedTask, answer: str, instead: Any, attention: str
) -> None:
    answers[answer] = instead
    status = read(task)
    assert status.attention == (f"no run starts by itself: {attention}",)
    assert status.schedule is not None
    assert not status.schedule.fires
    assert not status.unknown


def test_a_schedule_that_fires_needs_none(task: DeployedTask) -> None:
    status = read(task)
    assert status.attention == ()
    assert status.schedule is not None
    assert status.schedule.next_runs[0] == "2026-03-07T10:00Z"


@pytest.mark.parametrize(
    ("runs", "attention"),
    [
        ([(SCHEDULE, "published")], ()),
        ([(SCHEDULE, "computed")], ("the last run, 0: computed",)),
        ([(SCHEDULE, "stored_private")], ("the last run, 0: stored_private",)),
        # A try by hand says nothing of the schedule's runs.
        ([(HAND, "computed"), (SCHEDULE, "published")], ()),
        ([(HAND, "partial"), (SCHEDULE, "computed")], ("the last run, 1: computed",)),
    ],
)
def test_a_last_run_that_shows_nothing_needs_attention(
    answers: Answers, task: DeployedTask, runs: Any, attention: tuple[str, ...]
) -> None:
    ran(answers, *((started_by, finished(outcome)) for started_by, outcome in runs))
    assert read(task).attention == attention


def test_a_failure_has_the_workers_words_and_the_command_that_shows_all(
    answers: Answers, task: DeployedTask
) -> None:
    failed = {"event": "run_failed", "cause": "database", "error": "no route " * 50}
    ran(answers, (SCHEDULE, failed), code=4)
    status = read(task)
    (run,) = status.runs
    assert run.why is not None
    assert run.why.startswith("no route no route")
    assert len(run.why.partition("; ")[0]) <= 200
    assert "Essential container in task exited; PostgreSQL was out of reach" in run.why
    assert status.attention == (
        "the last run, 0: failed with 4; see `bixarena logs Arena --run 0`",
    )


def test_shows_the_runs_where_the_deadline_cannot_be_read(
    answers: Answers, task: DeployedTask
) -> None:
    ran(answers, (SCHEDULE, finished("published")))
    answers["DescribeTasks"]["tasks"][0]["lastStatus"] = "RUNNING"
    answers["DescribeTaskDefinition"] = "AccessDeniedException"
    status = read(task)
    assert [run.outcome for run in status.runs] == ["running"]
    assert {"deadline", "log"} == status.unknown.keys()


def test_runs_of_one_second_are_in_their_order(task: DeployedTask, answers: Answers) -> None:
    ran(answers, *[(HAND, finished("published"))] * 8)
    tasks = answers["DescribeTasks"]["tasks"]
    for number, each in enumerate(tasks):
        each["createdAt"] = NOW - timedelta(milliseconds=number)
    assert [run.id for run in read(task).runs] == [str(number) for number in range(8)]
