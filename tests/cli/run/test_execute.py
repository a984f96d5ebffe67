"""Every ending of ``bixarena run`` after the start says that a run is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.cli.deployed import stack

if TYPE_CHECKING:
    from conftest import Answers, Bixarena  # type: ignore[import-not-found] # pytest's

CLUSTER = "arn:aws:ecs:us-east-1:111122223333:cluster/arena"
DEFINITION = "arn:aws:ecs:us-east-1:111122223333:task-definition/worker:7"
TASK = "arn:aws:ecs:us-east-1:111122223333:task/arena/0f0f"
COMMAND = (
    f"aws ecs run-task --cluster {CLUSTER} --task-definition {DEFINITION} --network-configuration "
    "'awsvpcConfiguration={subnets=[subnet-1],assignPublicIp=DISABLED}' --overrides '{}'"
)
OUTPUTS = {
    "ContainerName": "worker",
    "ClusterArn": CLUSTER,
    "LogGroupName": "/arena",
    "RunTaskCommand": COMMAND,
    "TaskDefinitionArn": DEFINITION,
}


@pytest.fixture
def arena(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A task that starts, of which nothing else is known yet."""
    monkeypatch.setattr(stack, "open_session", lambda **_: answers.session)
    outputs = [
        {"OutputKey": f"SnapshotOutputs{name}0F0F0F0F", "OutputValue": value}
        for name, value in OUTPUTS.items()
    ]
    described: Any = {
        "StackName": "Arena",
        "CreationTime": "2026-03-06T10:00:00Z",
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": outputs,
    }
    definition = {"containerDefinitions": [{"name": "worker"}]}
    answers.update(
        DescribeStacks={"Stacks": [described]},
        DescribeTaskDefinition={"taskDefinition": definition},
        RunTask={"tasks": [{"taskArn": TASK}], "failures": []},
        GetLogEvents="ResourceNotFoundException",
    )
    return answers


TROUBLES = [
    "ExpiredTokenException: x",
    "AccessDeniedException: not authorized to perform: ecs:DescribeTasks",
    "ClusterNotFoundException: x",
    "ValidationException: x",
]


@pytest.mark.parametrize(
    ("call", "trouble"),
    [
        (call, trouble)
        for call in ("DescribeTasks", "GetLogEvents", "DescribeTaskDefinition")
        for trouble in TROUBLES
        # A run whose log may not be read is watched without it.
        if call == "DescribeTasks" or trouble != TROUBLES[1]
    ],
)
def test_trouble_after_the_start(
    arena: Answers, bixarena: Bixarena, call: str, trouble: str
) -> None:
    arena["DescribeTasks"] = {"tasks": [{"taskArn": TASK, "lastStatus": "RUNNING"}]}
    arena[call] = trouble
    if call == "DescribeTaskDefinition":
        # The first answer is for the check of the options, before the start.
        arena[call] = [{"taskDefinition": {"containerDefinitions": []}}, trouble]
    ended = bixarena("run", "Arena")
    assert ended.exit_code == 76, ended.stderr
    assert "the run 0f0f was started and may be under way" in ended.stderr
    assert "bixarena logs Arena --run 0f0f --follow" in ended.stderr
    assert [name for name, _ in arena.asked].count("RunTask") == 1


@pytest.mark.parametrize("trouble", ["ThrottlingException: slow down", TROUBLES[1]])
def test_a_run_whose_log_has_no_name_yet_is_watched(
    arena: Answers, bixarena: Bixarena, trouble: str
) -> None:
    """The task definition, which names it, is not readable after the start."""
    definition: dict[str, Any] = {"taskDefinition": {"containerDefinitions": []}}
    stopped = {"name": "worker", "exitCode": 0}
    arena["DescribeTaskDefinition"] = [definition, trouble, definition]
    arena["DescribeTasks"] = {
        "tasks": [{"taskArn": TASK, "lastStatus": "STOPPED", "containers": [stopped]}]
    }
    last = {"events": [{"message": '{"event": "run_finished"}'}], "nextForwardToken": "1"}
    arena["GetLogEvents"] = [last, {"events": [], "nextForwardToken": "1"}]
    ended = bixarena("run", "Arena")
    assert ended.exit_code == 0, ended.stderr
    assert ("run finished" in ended.stdout) == trouble.startswith("Throttling")
