"""The whole life of a deployment: deploy, run, fail, look, mend, run again, destroy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_demo.boards import published_boards
from local_aws import Inbox

if TYPE_CHECKING:
    import subprocess

    from conftest import Arena  # type: ignore[import-not-found] # pytest's, no package

STACK = "BixarenaSnapshot"
FIRST = datetime(2026, 3, 5, 10, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)


@dataclass(kw_only=True)
class Story:
    """What was seen on the way."""

    diffs: tuple[str, str]
    exit_codes: list[int]
    alerts: list[int]
    status: dict[str, Any]
    log: str
    doctor: subprocess.CompletedProcess[str]
    failed_run: subprocess.CompletedProcess[str]
    mended_run: subprocess.CompletedProcess[str]
    database: str
    newest: str
    left_over: dict[str, set[str]]
    after_the_end: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def story(fresh_arena: Arena, without: Any) -> Story:
    arena = fresh_arena
    before = inventory(arena)
    new = arena.cdk.diff()
    arena.cdk.deploy()
    diffs = new, arena.cdk.diff()
    inbox = Inbox(arena.aws, arena.task.outputs["AlertTopicArn"])
    exit_codes = [fired(arena, FIRST)]
    alerts = [len(inbox.take())]
    again = ("run", STACK, "--scheduled-at", f"{SECOND:%Y-%m-%dT%H:%M:%SZ}")
    with without(arena.database):
        exit_codes.append(fired(arena, SECOND))
        alerts.append(len(inbox.take(at_least=1)))
        status = json.loads(arena.bixarena("status", STACK, "--format", "json").stdout)
        log = arena.bixarena("logs", STACK).stdout
        doctor = arena.bixarena("doctor", STACK)
        failed_run = arena.bixarena(*again)
    mended_run = arena.bixarena(*again)
    with arena.database.owner.connect() as connection:
        newest = max(board.snapshot for board in published_boards(connection))
    arena.cdk.destroy()
    after = inventory(arena)
    after["queues"].discard(inbox.url)
    return Story(
        diffs=diffs,
        exit_codes=exit_codes,
        alerts=alerts,
        status=status,
        log=log,
        doctor=doctor,
        failed_run=failed_run,
        mended_run=mended_run,
        database=arena.database.owner.dbname,
        newest=newest,
        left_over={kind: names - before[kind] for kind, names in after.items()},
        after_the_end=arena.bixarena("status", STACK),
    )


def fired(arena: Arena, scheduled_at: datetime) -> int:
    """Fire the schedule and return the worker's exit code."""
    task = arena.task
    (task_arn,) = arena.aws.fire(task.rule_name, scheduled_at=scheduled_at)
    stopped = arena.aws.wait_for_task(task.cluster_arn, task_arn)
    (code,) = (
        each["exitCode"] for each in stopped["containers"] if each["name"] == task.container_name
    )
    return int(code)


def inventory(arena: Arena) -> dict[str, set[str]]:
    """Names of what the account has, of each kind that the stack defines."""
    client = arena.aws.session.client
    groups = client("logs").describe_log_groups()["logGroups"]
    return {
        "stacks": {
            each["StackName"]
            for each in client("cloudformation").list_stacks()["StackSummaries"]
            if each["StackStatus"] != "DELETE_COMPLETE"
        },
        "rules": {each["Name"] for each in client("events").list_rules()["Rules"]},
        "roles": {each["RoleName"] for each in client("iam").list_roles()["Roles"]},
        "queues": set(client("sqs").list_queues().get("QueueUrls", ())),
        "task definitions": set(
            client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
        ),
        "log groups": {each["logGroupName"] for each in groups},
    }


def test_a_second_look_at_what_was_deployed_shows_no_difference(story: Story) -> None:
    before, after = story.diffs
    assert "AWS::Events::Rule" in before
    assert after == ""


def test_a_run_succeeds_and_the_next_fails_without_its_database(story: Story) -> None:
    assert story.exit_codes == [0, 4]


def test_the_failure_is_told_once_and_the_success_never(story: Story) -> None:
    assert story.alerts == [0, 1]


def test_status_tells_both_runs_apart(story: Story) -> None:
    second, first = story.status["runs"]
    assert first["outcome"] == "published"
    assert second["outcome"] == "failed with 4"
    assert "PostgreSQL was out of reach, or refused the worker" in second["why"]
    moments = [each["scheduled_at"] for each in (first, second)]
    assert moments == [f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in (FIRST, SECOND)]
    assert story.status["alarms"]
    assert "GONE" not in story.status["alarms"].values()
    assert story.status["unknown"] == {}
    assert set(story.status["snapshots"].values()) == {f"snapshot_{FIRST:%Y-%m-%d_%H-%M-%S}"}


def test_logs_says_what_the_database_answered(story: Story) -> None:
    assert "run failed" in story.log
    assert f'database "{story.database}" does not exist' in story.log


def test_doctor_finds_the_deployment_itself_sound(story: Story) -> None:
    assert story.doctor.returncode == 0, story.doctor.stdout
    assert "PROBLEM" not in story.doctor.stdout


def test_run_passes_the_failure_on_and_succeeds_once_it_is_mended(story: Story) -> None:
    assert story.failed_run.returncode == 4
    assert "check the database, its security group" in story.failed_run.stderr
    assert story.mended_run.returncode == 0, story.mended_run.stderr
    assert story.newest == f"snapshot_{SECOND:%Y-%m-%d_%H-%M-%S}"


def test_destroy_leaves_the_log_and_nothing_else(story: Story) -> None:
    (log_group,) = story.left_over.pop("log groups")
    assert "SnapshotLogGroup" in log_group
    assert not any(story.left_over.values()), story.left_over
    assert story.after_the_end.returncode == 66
