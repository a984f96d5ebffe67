"""`make aws-check`: what it deploys is gone at the end, whatever happens in between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tools.aws_check import check

from bixarena_demo.cdk_cli import Cdk
from local_aws import LocalAws

if TYPE_CHECKING:
    from conftest import Answers  # type: ignore[import-not-found] # pytest's, no package

SCRIPT = Path(check.__file__)
GONE = "ValidationError: Stack with id BixarenaAwsCheck does not exist"
IMAGE = "public.ecr.aws/docker/library/busybox"


def stack(status: str) -> dict[str, Any]:
    whole = {"StackName": check.STACK, "CreationTime": "2026-03-06T10:00:00Z"}
    return {"Stacks": [{**whole, "StackStatus": status}]}


@pytest.fixture
def account(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """An account without the stack."""
    monkeypatch.setattr(check, "open_session", lambda **_: answers.session)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    answers.update(
        DescribeStacks=[GONE, stack("CREATE_COMPLETE"), GONE],
        DescribeStackResources={
            "StackResources": [
                {
                    "LogicalResourceId": "Cluster",
                    "PhysicalResourceId": "arena",
                    "ResourceType": "AWS::ECS::Cluster",
                    "Timestamp": "2026-03-06T10:00:00Z",
                    "ResourceStatus": "CREATE_COMPLETE",
                }
            ]
        },
        GetCallerIdentity={"Account": "111122223333"},
        ListTasks={"taskArns": ["arn:task/1"]},
        StopTask={},
    )
    return answers


@pytest.fixture
def cdk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of the CDK's command line; a deployment is interrupted, once it is up."""
    calls: list[str] = []

    def call(command: str, *_: str) -> None:
        calls.append(command)
        if command == "deploy":
            raise KeyboardInterrupt

    monkeypatch.setattr(check, "cdk", call)
    return calls


def test_an_interrupted_deployment_is_destroyed(account: Answers, cdk: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        check.main(["--yes"])
    assert cdk == ["deploy", "destroy"]
    assert [name for name, _ in account.asked].count("StopTask") == 1


@pytest.mark.parametrize("trouble", ["AccessDenied: x", stack("DELETE_FAILED")])
def test_what_is_left_is_named(
    account: Answers, cdk: list[str], capsys: pytest.CaptureFixture[str], trouble: Any
) -> None:
    if isinstance(trouble, str):
        account["StopTask"] = trouble
        trouble = stack("CREATE_COMPLETE")
    account["DescribeStacks"] = [GONE, stack("CREATE_COMPLETE"), trouble]
    with pytest.raises(KeyboardInterrupt):
        check.main(["--yes"])
    said = capsys.readouterr().err
    status = trouble["Stacks"][0]["StackStatus"]
    assert f"LEFT and billed: the stack BixarenaAwsCheck, {status}" in said
    assert "aws cloudformation delete-stack --stack-name BixarenaAwsCheck" in said
    assert cdk[0] == "deploy"


def test_a_stack_that_is_there_already_is_left_alone(account: Answers, cdk: list[str]) -> None:
    account["DescribeStacks"] = stack("CREATE_COMPLETE")
    assert check.main(["--yes"]) == 1
    assert cdk == []


@pytest.mark.parametrize("answer", ["", "n", "no"])
def test_nothing_is_deployed_without_a_yes(
    account: Answers, cdk: list[str], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", ask)
    assert check.main([]) == 1
    assert cdk == []
    assert "It costs less than 10 cents" in asked[0]
    assert account.asked[0][0] == "GetCallerIdentity"


@pytest.mark.breaks
def test_sees_what_the_local_aws_can_show_and_leaves_nothing() -> None:
    with LocalAws.start(images={IMAGE: ["/bin/true"]}) as aws:
        environment = aws.environment()
        Cdk(SCRIPT.parent, environment=environment, work_folder=aws.folder / "cdk").bootstrap(
            account=aws.account, region=aws.region
        )
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--yes", "--patience", "2", "--pause", "1"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        stacks = aws.session.client("cloudformation").list_stacks()["StackSummaries"]
    # No metric filter, no clock: what they would show is not seen.
    assert done.returncode == 1, done.stderr
    assert "| `doctor` | no problem |" in done.stdout
    assert "| `alert test` | 7 messages arrive" in done.stdout
    assert "| `run` | exit code 0 |" in done.stdout
    assert "The worker says: made up" in done.stdout
    assert done.stdout.count("not seen within 2 s") == 6
    assert {each["StackName"]: each["StackStatus"] for each in stacks}[check.STACK] == (
        "DELETE_COMPLETE"
    )
