"""``bixarena status`` and ``bixarena logs`` as processes, on the deployed example."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from bixarena_constructs.cli.status.history import kept_runs
from bixarena_constructs.cli.status.reading import Status, read_status
from bixarena_constructs.cli.status.run_lines import RunLine
from bixarena_constructs.cli.status.status_text import print_status
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import VERSION

if TYPE_CHECKING:
    from conftest import Arena  # type: ignore[import-not-found] # pytest's, no package

STACK = "BixarenaSnapshot"
MOMENT = datetime(2026, 3, 6, 10, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def arena(own_arena: Arena) -> Arena:
    """A run of March publishes nothing where another test published later."""
    return own_arena


@pytest.fixture(scope="module")
def run_id(arena: Arena) -> str:
    """A run that the schedule started and that published."""
    (task_arn,) = arena.aws.fire(arena.task.rule_name, scheduled_at=MOMENT)
    arena.aws.wait_for_task(arena.task.cluster_arn, task_arn)
    return str(task_arn.rpartition("/")[2])


@pytest.fixture(scope="module")
def failed_id(arena: Arena, run_id: str) -> str:
    """A later run that failed."""
    assert run_id  # it is the earlier one
    return _failed_run(arena)


def _failed_run(arena: Arena) -> str:
    ran = arena.bixarena("run", STACK, "--no-follow", "--set-other", "SEED=none")
    arena.aws.wait_for_task(arena.task.cluster_arn, ran.stdout.strip())
    return str(ran.stdout.strip())


def test_status_knows_schedule_runs_and_snapshots(
    arena: Arena, run_id: str, failed_id: str
) -> None:
    shown = arena.bixarena("status", STACK, "--format", "json")
    assert shown.returncode == 0, shown.stderr
    status = json.loads(shown.stdout)
    assert status["task"] == "Snapshot"
    assert status["schedule"]["expression"] == "cron(0 10 * * ? *)"
    assert all(each.endswith("T10:00Z") for each in status["schedule"]["next_runs"])
    ours = [run for run in status["runs"] if run["id"] in (failed_id, run_id)]
    assert [run["id"] for run in ours] == [failed_id, run_id]
    failed, published = ours
    assert failed["exit_code"] == 2
    assert failed["outcome"] == "failed with 2"
    assert "the worker's settings are wrong" in failed["why"]
    assert published["outcome"] == "published"
    assert published["scheduled_at"] == f"{MOMENT:%Y-%m-%dT%H:%M:%SZ}"
    assert published["published"] == len(status["snapshots"])
    assert published["snapshot"] == f"snapshot_{MOMENT:%Y-%m-%d_%H-%M}-00"
    # Another test may have published a newer one.
    assert status["snapshots"]["overall"] >= published["snapshot"]
    assert status["dead_letters"] == {"count": 0, "letters": []}
    assert status["unknown"] == {}


def test_the_history_keeps_what_ecs_forgets(arena: Arena, run_id: str, failed_id: str) -> None:
    kept = {run.id: run for run in kept_runs(arena.task)}
    assert kept[run_id].outcome == "succeeded"
    assert kept[run_id].by_schedule
    assert kept[failed_id].outcome == "failed with 2"
    assert not kept[failed_id].by_schedule


def test_status_is_readable(arena: Arena, run_id: str) -> None:
    shown = arena.bixarena("status", STACK).stdout
    assert "schedule  cron(0 10 * * ? *)\n" in shown
    assert "by the schedule for 2026-03-06 10:02" in shown
    assert run_id in shown
    assert "overall" in shown
    assert "dead letters  0" in shown


def test_status_shows_dead_letters_and_leaves_them(arena: Arena) -> None:
    ecs = arena.aws.session.client("ecs")
    events = arena.aws.session.client("events")
    rule = arena.task.rule_name
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    old = ecs.register_task_definition(
        family="old", containerDefinitions=[{"name": "worker", "image": "old"}]
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.deregister_task_definition(taskDefinition=old)
    parameters = {**target["EcsParameters"], "TaskDefinitionArn": old}
    try:
        events.put_targets(Rule=rule, Targets=[{**target, "EcsParameters": parameters}])
        assert arena.aws.fire(rule, scheduled_at=MOMENT) == []
        shown = arena.bixarena("status", STACK).stdout
        refused = arena.bixarena("run", STACK)
    finally:
        events.put_targets(Rule=rule, Targets=[target])
    moment = f"{MOMENT:%Y-%m-%dT%H:%M:%SZ}"
    assert "dead letters  1" in shown
    # The events role may start the deployed task only.
    assert f"{moment}  NO_PERMISSIONS: " in shown
    assert f"bixarena run {STACK} --scheduled-at {moment}" in " ".join(shown.split())
    assert refused.returncode == 69
    assert "the task definition was deregistered; deploy the stack again" in refused.stderr
    left = read_status(arena.task).dead_letters
    assert left is not None
    assert left.count == 1
    sqs = arena.aws.session.client("sqs")
    sqs.purge_queue(QueueUrl=arena.task.outputs["DeadLetterQueueUrl"])


def test_status_marks_a_run_after_which_the_site_shows_an_older_board(arena: Arena) -> None:
    runs = tuple(
        RunLine(
            id=outcome,
            started_at=None,
            scheduled_at=None,
            started_by=None,
            command="",
            has_ended=True,
            seconds=61,
            deadline_seconds=None,
            outcome=outcome,
            exit_code=exit_code,
            snapshot=None,
            published=None,
            why=None,
        )
        for outcome, exit_code in (("published", 0), ("stored_private", 0), ("regressed", 3))
    )
    status = Status(
        stack=STACK,
        task="Snapshot",
        schedule=None,
        runs=runs,
        snapshots={},
        alarms=None,
        dead_letters=None,
    )
    console = Console(file=StringIO(), force_terminal=True, color_system="standard", width=100)
    print_status(status, console, arena.task)
    printed = console.file.getvalue()  # type: ignore[attr-defined] # a StringIO
    assert "\x1b[33mstored_private" in printed
    assert "\x1b[1;31mregressed" in printed
    assert "mpublished " not in printed
    assert "published after 1 min" in printed


@pytest.mark.usefixtures("run_id")
def test_status_of_a_rate_counts_from_the_last_scheduled_run(arena: Arena) -> None:
    events = arena.aws.session.client("events")
    rule = arena.task.rule_name
    try:
        events.put_rule(Name=rule, ScheduleExpression="rate(6 hours)", State="ENABLED")
        schedule = read_status(arena.task, now=MOMENT + timedelta(hours=7)).schedule
        events.put_rule(Name=rule, ScheduleExpression="rate(6 hours)", State="DISABLED")
        disabled = read_status(arena.task).schedule
    finally:
        events.put_rule(Name=rule, ScheduleExpression="cron(0 10 * * ? *)", State="ENABLED")
    assert schedule is not None
    assert schedule.next_runs[0] == f"{MOMENT + timedelta(hours=12):%Y-%m-%dT%H:%MZ}"
    assert schedule.note == "counted from the last run of the schedule"
    assert disabled is not None
    assert disabled.next_runs == ()
    assert disabled.note is not None
    assert disabled.note == "somebody has disabled the rule, which the stack defines as enabled"


def test_status_warns_where_image_and_stack_differ(arena: Arena, run_id: str) -> None:
    assert run_id
    outputs = {**arena.task.outputs, Output.CONTRACT_VERSION: "0"}
    attention = read_status(replace(arena.task, outputs=outputs)).attention
    mismatch = f"has version {VERSION} of the worker's contract, the stack reads version 0"
    assert mismatch in attention[-1]
    del outputs[Output.CONTRACT_VERSION]
    for task in (arena.task, replace(arena.task, outputs=outputs)):
        assert "contract" not in " ".join(read_status(task).attention)


def test_status_says_what_it_could_not_learn(arena: Arena) -> None:
    broken = arena.bixarena(
        "status", STACK, AWS_MAX_ATTEMPTS="1", AWS_ENDPOINT_URL_SQS="http://127.0.0.1:9"
    )
    assert broken.returncode == 0
    assert "not known: dead letters: Could not connect to the endpoint URL" in broken.stdout


def test_logs_shows_the_run_that_wrote_last(arena: Arena) -> None:
    failed_id = _failed_run(arena)
    for arguments in ((), ("--run", failed_id)):
        shown = arena.bixarena("logs", STACK, *arguments)
        assert shown.returncode == 0, shown.stderr
        assert "run failed  cause settings  error SEED is 'none'" in shown.stdout


def test_logs_shows_one_run_raw(arena: Arena, run_id: str) -> None:
    shown = arena.bixarena("logs", STACK, "--run", run_id, "--raw", "--follow")
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert len({event["correlation_id"] for event in events}) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("logs", "Nope"), 66, "there is no stack Nope in us-east-1"),
        (("status", "Nope"), 66, "there is no stack Nope"),
        (("run", "Nope"), 66, "there is no stack Nope"),
        (("logs", STACK, "--run", "f00"), 66, "no run f00 has logged to"),
        (("logs", STACK, "--task", "Other"), 66, "has no task Other, but Snapshot"),
        (("logs", "CDKToolkit"), 66, "has no outputs of a ScheduledSnapshotTask"),
        (("status", STACK, "--profile", "none"), 77, "profile (none) could not be found"),
    ],
)
def test_says_in_one_line_what_is_not_there(
    arena: Arena, arguments: tuple[str, ...], code: int, message: str
) -> None:
    shown = arena.bixarena(*arguments)
    assert shown.returncode == code
    assert message in " ".join(shown.stderr.replace("│", " ").split())
    assert "Traceback" not in shown.stderr


def test_says_that_credentials_are_missing(arena: Arena) -> None:
    shown = arena.bixarena(
        "status",
        STACK,
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    )
    assert shown.returncode == 77
    assert shown.stderr.startswith("error: no AWS credentials were found")


@pytest.mark.usefixtures("run_id")
def test_run_and_status_say_how_a_run_ended_that_did_not_publish_all(arena: Arena) -> None:
    quick = ("--set", "NUM_BOOTSTRAP=20")
    regressed = arena.bixarena("run", STACK, "--set", "MIN_TOTAL_MODELS=1000", *quick)
    assert regressed.returncode == 3
    assert "  outcome regressed  " in regressed.stdout.splitlines()[-1]
    assert "a public leaderboard has too few now" in regressed.stderr
    late = arena.bixarena("run", STACK, "--scheduled-at", "2026-03-06T09:00:00Z", *quick)
    assert late.returncode == 0, late.stderr
    assert "run finished  outcome stored_private" in late.stdout
    one = arena.bixarena("run", STACK, "--leaderboard", "overall", *quick)
    assert "run finished  outcome partial" in one.stdout
    shown = json.loads(arena.bixarena("status", STACK, "--format", "json").stdout)
    ends = [(run["outcome"], run["exit_code"]) for run in shown["runs"][:3]]
    assert ends == [("partial", 0), ("stored_private", 0), ("regressed", 3)]
    assert "has too few now" in shown["runs"][2]["why"]
