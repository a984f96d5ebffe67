"""What the commands read of a deployed task, on good, bad, empty and malformed answers of AWS."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from bixarena_constructs.cli.deployed import stack
from bixarena_constructs.cli.deployed.following import Follower
from bixarena_constructs.cli.deployed.rule import DeployedRule, read_rule
from bixarena_constructs.cli.deployed.runs import describe, find_run, recent_runs
from bixarena_constructs.cli.deployed.stack import DeployedTask, find_task, open_session
from bixarena_constructs.cli.deployed.worker_log import LogStream, newest_streams
from bixarena_constructs.cli.errors import (
    CommandError,
    NotFoundError,
    NotStartedError,
    StillRunningError,
    UnusableOptionError,
)
from bixarena_constructs.cli.options import Target
from bixarena_constructs.cli.status.history import kept_runs

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Answers, Bixarena  # type: ignore[import-not-found] # pytest's, no package

    Answer = Any

ARN = "arn:aws:ecs:us-east-1:111122223333:"
OUTPUTS = {
    "ClusterArn": f"{ARN}cluster/arena",
    "ContainerName": "worker",
    "LogGroupName": "/arena",
    "RuleName": "Nightly",
    "TaskDefinitionArn": f"{ARN}task-definition/worker:7",
}
DENIED = "AccessDeniedException"
GONE = "ResourceNotFoundException"


@pytest.fixture
def task(answers: Answers) -> DeployedTask:
    outputs = {**OUTPUTS, "HistoryLogGroupName": "/history"}
    return DeployedTask(
        arguments="Arena", stack="Arena", name="Snapshot", outputs=outputs, session=answers.session
    )


def outputs_of(*tasks: str, without: str = "") -> dict[str, Any]:
    outputs = [
        {"OutputKey": f"{task}Outputs{name}0F0F0F0F", "OutputValue": value}
        for task in tasks
        for name, value in OUTPUTS.items()
        if name != without
    ]
    created = datetime(2026, 3, 6, tzinfo=UTC)
    stack = {"StackName": "Arena", "CreationTime": created, "StackStatus": "CREATE_COMPLETE"}
    return {"Stacks": [{**stack, "Outputs": outputs}]}


@pytest.mark.parametrize("name", [None, "Snapshot"])
def test_finds_a_task(answers: Answers, name: str | None) -> None:
    answers["DescribeStacks"] = outputs_of("Snapshot")
    found = find_task(answers.session, "Arena", name=name)
    assert (found.name, found.outputs) == ("Snapshot", OUTPUTS)
    assert found.family == "worker"


@pytest.mark.parametrize(
    ("answer", "name", "kind", "message"),
    [
        (outputs_of("A", "B"), None, UnusableOptionError, "choose with --task: A, B"),
        (outputs_of("A"), "B", NotFoundError, "has no task B, but A"),
        (outputs_of("A", without="ClusterArn"), None, NotFoundError, "the outputs ClusterArn"),
        (outputs_of(), None, NotFoundError, "no outputs of a ScheduledSnapshotTask"),
        ({"Stacks": []}, None, NotFoundError, "no outputs of a ScheduledSnapshotTask"),
        (
            "ValidationError: Stack with id Arena does not exist",
            None,
            NotFoundError,
            "there is no stack Arena in us-east-1",
        ),
        (DENIED, None, ClientError, DENIED),
    ],
)
def test_says_why_there_is_no_task(
    answers: Answers, answer: Answer, name: str | None, kind: type[Exception], message: str
) -> None:
    answers["DescribeStacks"] = answer
    with pytest.raises(kind, match=message):
        find_task(answers.session, "Arena", name=name)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS", "DELETE_FAILED"])
def test_shows_the_status_of_a_stack_without_outputs(answers: Answers, status: str) -> None:
    answers["DescribeStacks"] = outputs_of()
    answers["DescribeStacks"]["Stacks"][0]["StackStatus"] = status
    with pytest.raises(NotFoundError, match=f"its status is {status}; see its events: aws cloud"):
        find_task(answers.session, "Arena", name=None)


def test_repeats_the_options_of_the_caller_in_hints(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["DescribeStacks"] = outputs_of("A", "B")
    monkeypatch.setattr(stack, "open_session", lambda **_: answers.session)
    found = stack.find_target(Target("Arena", "B", "night", "eu-west-1"))
    hint = "bixarena logs Arena --task B --profile night --region eu-west-1"
    assert found.hint("logs") == hint
    assert "bixarena doctor Arena --task B" in found.hinted("try `bixarena doctor`")


@pytest.mark.parametrize(
    ("option", "variables", "expected"),
    [
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-1"),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_PROFILE": "there"}, "eu-west-1"),
        (None, {"AWS_PROFILE": "there"}, "sa-east-1"),
        ("eu-central-1", {"AWS_REGION": "eu-west-1"}, "eu-central-1"),
    ],
)
def test_asks_the_region_that_the_aws_cli_and_the_cdk_ask(
    tmp_path: Path, option: str | None, variables: dict[str, str], expected: str
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile there]\nregion = sa-east-1\n")
    with mock.patch.dict(os.environ, {"AWS_CONFIG_FILE": str(config), **variables}):
        for name in {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} - variables.keys():
            os.environ.pop(name, None)
        assert open_session(profile=None, region=option).region_name == expected


def test_opens_no_session_of_a_profile_that_does_not_exist() -> None:
    with pytest.raises(CommandError, match="nobody"):
        open_session(profile="nobody", region=None)


TARGET = {
    "Id": "1",
    "Arn": OUTPUTS["ClusterArn"],
    "EcsParameters": {"TaskDefinitionArn": OUTPUTS["TaskDefinitionArn"]},
}
QUEUE = {"Id": "2", "Arn": "arn:aws:sqs:us-east-1:111122223333:queue"}
RULE = {"Arn": "arn:rule", "State": "ENABLED", "ScheduleExpression": "rate(1 day)"}


def test_reads_the_rule_and_its_target_among_others(answers: Answers, task: DeployedTask) -> None:
    answers.update(DescribeRule=RULE, ListTargetsByRule={"Targets": [QUEUE, TARGET]})
    rule = read_rule(task)
    assert (rule.expression, rule.enabled) == ("rate(1 day)", True)
    assert rule.ecs["TaskDefinitionArn"] == OUTPUTS["TaskDefinitionArn"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AWS_REGION", " ", "region_name ' ' doesn't match"),
        ("AWS_ENDPOINT_URL", "nowhere", "Invalid endpoint: nowhere"),
        ("AWS_MAX_ATTEMPTS", "many", "'many'"),
    ],
)
def test_an_unusable_setting_is_no_traceback(
    bixarena: Bixarena, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    for needed in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(needed, "us-east-1")
    monkeypatch.setenv(name, value)
    refused = bixarena("status", "Arena")
    assert refused.exit_code == 64
    assert "the AWS settings cannot be used" in refused.stderr
    assert message in refused.stderr


@pytest.mark.parametrize(
    ("rule", "targets", "message"),
    [
        (GONE, None, "the rule Nightly of stack Arena does not exist"),
        (RULE, GONE, "the rule Nightly of stack Arena does not exist"),
        (RULE, {}, "the rule Nightly starts no ECS task"),
        (RULE, {"Targets": [QUEUE]}, "the rule Nightly starts no ECS task"),
    ],
)
def test_says_what_the_rule_lacks(
    answers: Answers, task: DeployedTask, rule: Answer, targets: Answer, message: str
) -> None:
    answers.update(DescribeRule=rule, ListTargetsByRule=targets)
    with pytest.raises(NotFoundError, match=message):
        read_rule(task)


NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)


def transformed(template: str) -> dict[str, Any]:
    paths = {"time": "$.time", "none": "$.detail.none"}
    return {**TARGET, "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TARGET, {}),
        ({**TARGET, "Input": '{"a": 1}'}, {"a": 1}),
        (transformed('{"a": "at <time>"}'), {"a": "at 2026-03-06T12:00:00Z"}),
        (
            transformed('{"a": <time>, "b": "<other>"}'),
            {"a": "2026-03-06T12:00:00Z", "b": "<other>"},
        ),
        (transformed('{"a": "<none>"}'), {"a": ""}),
    ],
)
def test_renders_an_input_as_eventbridge_does(target: Any, expected: object) -> None:
    rule = DeployedRule(arn="arn:rule", expression="", enabled=True, target=target)
    assert rule.input_at(NOON) == expected


@pytest.mark.parametrize(
    "target",
    [
        {**TARGET, "Input": "[1]"},
        {**TARGET, "Input": '"a"'},
        transformed("at <time>"),
        transformed('{"a": <other>}'),
    ],
)
def test_refuses_an_input_that_is_not_a_json_object(target: Any) -> None:
    with pytest.raises(NotStartedError, match="not a JSON object"):
        DeployedRule(arn="arn:rule", expression="", enabled=True, target=target).input_at(NOON)


def run(number: int, status: str = "STOPPED", **fields: Any) -> dict[str, Any]:
    return {
        "taskArn": f"{ARN}task/arena/{number}",
        "lastStatus": status,
        "createdAt": datetime(2026, 3, number, tzinfo=UTC),
        "containers": [{"name": "worker", **fields}],
    }


def test_lists_runs_from_the_newest_on(answers: Answers, task: DeployedTask) -> None:
    answers["ListTasks"] = [{"taskArns": ["2"]}, {"taskArns": ["1"]}]
    tasks = [run(1, exitCode=0), run(2, "RUNNING")]
    answers["DescribeTasks"] = {"tasks": tasks, "failures": [{"arn": "3", "reason": "MISSING"}]}
    assert [each.outcome for each in recent_runs(task)] == ["running", "succeeded"]


THROTTLED = "ThrottlingException"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [({"tasks": [run(1)]}, "1"), ({"tasks": []}, None), (DENIED, None), (THROTTLED, THROTTLED)],
)
def test_looks_a_run_up_that_may_be_forgotten(
    answers: Answers, task: DeployedTask, answer: Answer, expected: str | None
) -> None:
    answers["DescribeTasks"] = answer
    if answer == THROTTLED:
        with pytest.raises(ClientError, match=THROTTLED):
            find_run(task, "1")
        return
    found = find_run(task, "1")
    assert (found and found.id) == expected


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ([DENIED, DENIED, {"tasks": [run(2)]}], ["2"]),
        ([DENIED, DENIED, DENIED], DENIED),
        ([THROTTLED], THROTTLED),
    ],
)
def test_lists_the_runs_that_the_caller_may_see(
    answers: Answers, task: DeployedTask, described: list[Answer], expected: list[str] | str
) -> None:
    answers["ListTasks"] = [{"taskArns": ["1", "2"]}, {"taskArns": []}]
    answers["DescribeTasks"] = described
    if isinstance(expected, str):
        with pytest.raises(ClientError, match=expected):
            recent_runs(task)
        return
    assert [each.id for each in recent_runs(task)] == expected


def test_describes_more_runs_than_ecs_describes_at_once(
    answers: Answers, task: DeployedTask
) -> None:
    arns = [f"{ARN}task/arena/{number}" for number in range(150)]
    nobody: dict[str, Any] = {"taskArns": []}
    answers["ListTasks"] = [
        {"taskArns": arns[:100], "nextToken": "1"},
        {"taskArns": arns[100:]},
        nobody,
    ]
    answers["DescribeTasks"] = {"tasks": [{"taskArn": arns[0], "lastStatus": "RUNNING"}]}
    recent_runs(task)
    asked = [params["tasks"] for name, params in answers.asked if name == "DescribeTasks"]
    assert [len(each) for each in asked] == [100, 50]
    assert [arn for each in asked for arn in each] == arns


def test_asks_ecs_for_no_runs_where_there_are_none(answers: Answers, task: DeployedTask) -> None:
    answers["ListTasks"] = {"taskArns": []}
    assert recent_runs(task) == []
    assert describe(task, []) == []
    assert "DescribeTasks" not in [name for name, _ in answers.asked]


def page(token: str, *lines: str) -> dict[str, Any]:
    return {"events": [{"message": line} for line in lines], "nextForwardToken": token}


def test_reads_a_log_past_an_empty_page_and_goes_on_later(
    answers: Answers, task: DeployedTask
) -> None:
    log = LogStream(task=task, run_id="1", prefix="arena/worker/")
    answers["GetLogEvents"] = [page("1", "a"), page("2"), page("3", "b"), page("3")]
    assert list(log.new_lines()) == ["a", "b"]
    answers["GetLogEvents"] = [page("4", "c"), page("4")]
    assert list(log.new_lines()) == ["c"]
    assert answers.asked[-2][1]["nextToken"] == "3"


def test_reads_no_lines_of_a_stream_that_does_not_exist(
    answers: Answers, task: DeployedTask
) -> None:
    answers.update(
        GetLogEvents=GONE,
        DescribeLogStreams=GONE,
        DescribeTaskDefinition=definition_with({"awslogs-stream-prefix": "a"}),
    )
    assert list(LogStream(task=task, run_id="1", prefix="arena/worker/").new_lines()) == []
    assert newest_streams(task, 1) == []


def test_takes_the_newest_streams_of_this_task_from_a_log_group_of_several(
    answers: Answers, task: DeployedTask
) -> None:
    def streams(*names: str, token: str | None = None) -> dict[str, Any]:
        listed: dict[str, Any] = {"logStreams": [{"logStreamName": name} for name in names]}
        return listed | ({"nextToken": token} if token else {})

    answers["DescribeTaskDefinition"] = definition_with({"awslogs-stream-prefix": "a"})
    answers["DescribeLogStreams"] = [
        streams(*(f"b/worker/{number}" for number in range(50)), token="1"),
        streams("a/other/2", "a/worker/3", token="2"),
        streams("a/worker/1", "a/worker/0"),
    ]
    assert [each.run_id for each in newest_streams(task, 2)] == ["3", "1"]


def test_takes_the_streams_of_known_runs_before_cloudwatch_lists_them(
    answers: Answers, task: DeployedTask
) -> None:
    answers["DescribeTaskDefinition"] = definition_with({"awslogs-stream-prefix": "a"})
    listed = [{"logStreamName": f"a/worker/{number}"} for number in (3, 2, 1)]
    answers["DescribeLogStreams"] = {"logStreams": listed}
    found = newest_streams(task, 3, run_ids=["4", "3"])
    assert [each.run_id for each in found] == ["4", "3", "2"]
    found = newest_streams(task, 1, run_ids=["4", "3"])
    assert [each.run_id for each in found] == ["4"]


@pytest.mark.parametrize(
    ("options", "name"),
    [({"awslogs-stream-prefix": "arena"}, "arena/worker/1"), ({}, "/worker/1")],
)
def test_knows_the_stream_of_a_run_before_it_exists(
    answers: Answers, task: DeployedTask, options: dict[str, str], name: str
) -> None:
    answers["DescribeTaskDefinition"] = definition_with(options)
    assert LogStream(task=task, run_id="1").name == name


def definition_with(options: dict[str, str]) -> dict[str, Any]:
    """A task definition whose worker logs so."""
    log = {"logDriver": "awslogs", "options": options}
    containers = [{"name": "sidecar"}, {"name": "worker", "logConfiguration": log}]
    return {"taskDefinition": {"containerDefinitions": containers}}


class Watched:
    """What a follower passed on."""

    def __init__(
        self,
        task: DeployedTask,
        *,
        deadline: float | None = None,
        unknown_seconds: float = 60,
        trouble_seconds: float = 60,
    ) -> None:
        self.unreadable: list[CommandError] = []
        self.statuses: list[str] = []
        self.lines: list[str] = []
        self.follower = Follower(
            task=task,
            log=LogStream(task=task, run_id="1", prefix="a/worker/"),
            on_status=self.statuses.append,
            on_line=self.lines.append,
            on_unreadable=self.unreadable.append,
            deadline=deadline,
            unknown_seconds=unknown_seconds,
            trouble_seconds=trouble_seconds,
        )


def test_follows_a_run_and_waits_for_the_last_line_of_its_log(
    answers: Answers, task: DeployedTask
) -> None:
    last = json.dumps({"event": "run_finished"})
    answers["DescribeTasks"] = [
        {"tasks": [run(1, "RUNNING")]},
        {"tasks": [run(1, exitCode=0)]},
    ]
    answers["GetLogEvents"] = [
        GONE,
        page("1", "a"),
        page("1"),
        page("1"),
        page("2", last),
        page("2"),
    ]
    watched = Watched(task)
    assert watched.follower.follow().outcome == "succeeded"
    assert watched.statuses == ["RUNNING", "STOPPED", "STOPPED, waiting for the end of its log"]
    assert watched.lines == ["a", last]


def test_waits_for_no_line_of_a_run_that_never_started(
    answers: Answers, task: DeployedTask
) -> None:
    answers.update(DescribeTasks={"tasks": [run(1)]}, GetLogEvents=GONE)
    assert Watched(task).follower.follow().outcome == "never started"
    assert [name for name, _ in answers.asked] == ["DescribeTasks", "GetLogEvents"]


@pytest.mark.parametrize(
    ("tasks", "kind", "message"),
    [
        ([run(1, "RUNNING")], StillRunningError, "the run 1 has not ended and goes on"),
        ([], NotFoundError, "ECS does not know the run 1"),
    ],
)
def test_says_why_it_stops_to_follow(
    answers: Answers, task: DeployedTask, tasks: Any, kind: type[Exception], message: str
) -> None:
    answers.update(DescribeTasks={"tasks": tasks}, GetLogEvents=GONE)
    with pytest.raises(kind, match=message):
        Watched(task, deadline=0.0, unknown_seconds=0).follower.follow()


def test_waits_for_a_run_that_ecs_does_not_know_yet(answers: Answers, task: DeployedTask) -> None:
    unknown: Any = {"tasks": [], "failures": [{"arn": "1", "reason": "MISSING"}]}
    known = [{"tasks": [run(1, "PENDING")]}, {"tasks": [run(1)]}]
    answers.update(DescribeTasks=[unknown, unknown, *known], GetLogEvents=GONE)
    watched = Watched(task)
    assert watched.follower.follow().outcome == "never started"
    assert watched.statuses == ["PENDING", "STOPPED"]


def test_asks_again_where_aws_does_not_answer(answers: Answers, task: DeployedTask) -> None:
    busy = "ThrottlingException: Rate exceeded"
    answers["DescribeTasks"] = [busy, {"tasks": [run(1, "RUNNING")]}, {"tasks": [run(1)]}]
    answers["GetLogEvents"] = [busy, GONE, GONE]
    assert Watched(task).follower.follow().outcome == "never started"


@pytest.mark.parametrize(
    ("trouble", "seconds"), [("ThrottlingException", 0), ("ExpiredTokenException", 60)]
)
def test_gives_up_when_aws_has_no_answer_in_the_end(
    answers: Answers, task: DeployedTask, trouble: str, seconds: float
) -> None:
    answers["DescribeTasks"] = trouble
    with pytest.raises(ClientError, match=trouble):
        Watched(task, trouble_seconds=seconds).follower.follow()


def test_watches_a_run_whose_log_may_not_be_read(answers: Answers, task: DeployedTask) -> None:
    answers["DescribeTasks"] = [{"tasks": [run(1, "RUNNING")]}, {"tasks": [run(1, exitCode=3)]}]
    answers["GetLogEvents"] = "AccessDeniedException: x"
    watched = Watched(task)
    assert watched.follower.follow().exit_code == 3
    (error,) = watched.unreadable
    assert "do not allow GetLogEvents" in str(error)


STOPPED = {"taskArn": f"{ARN}task/arena/1", "lastStatus": "STOPPED", "version": 3}


@pytest.mark.parametrize(
    "message",
    [
        "START RequestId",
        "[]",
        "null",
        "{}",
        '{"detail": []}',
        '{"detail": null}',
        json.dumps({"detail": {"taskArn": "x"}}),
        json.dumps({"detail": {**STOPPED, "createdAt": "yesterday"}}),
        json.dumps({"detail": {**STOPPED, "createdAt": None}}),
        json.dumps({"detail": {**STOPPED, "containers": ["worker"]}}),
    ],
)
def test_the_history_leaves_out_what_is_not_a_state_of_a_task(
    answers: Answers, task: DeployedTask, message: str
) -> None:
    sound = json.dumps({"detail": STOPPED})
    events = [{"message": message}, {"message": sound}, {}]
    answers["FilterLogEvents"] = {"events": events}
    assert [each.id for each in kept_runs(task)] == ["1"]


def test_a_stack_without_a_history_has_no_kept_runs(answers: Answers) -> None:
    task = DeployedTask(
        arguments="Arena", stack="Arena", name="Snapshot", outputs=OUTPUTS, session=answers.session
    )
    assert kept_runs(task) == []
    assert answers.asked == []
