from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import pytest

from local_aws import LocalAws, LocalAwsError
from local_aws.process import await_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_aws.conftest import Deployed, Template

# Starts servers.
pytestmark = pytest.mark.slow

# A task that would run for longer than any test waits, and says where it is.
_SLEEPER = "import os, time; print(os.getpid(), os.getppid(), flush=True); time.sleep(600)"
_CALLER = """
import os, sys, time
from local_aws import LocalAws

with LocalAws.start(images={"sleeper": [sys.executable, "-c", sys.argv[1]]}) as aws:
    session = aws.session
    ecs, logs, iam = session.client("ecs"), session.client("logs"), session.client("iam")
    logs.create_log_group(logGroupName="sleeper")
    role = iam.create_role(RoleName="execution", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="execution", PolicyName="logs", PolicyDocument=
        '{"Version": "2012-10-17", "Statement":'
        ' [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}',
    )
    options = {
        "awslogs-group": "sleeper",
        "awslogs-region": aws.region,
        "awslogs-stream-prefix": "sleeper",
    }
    container = {
        "name": "sleeper",
        "image": "sleeper",
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    ecs.register_task_definition(
        family="sleeper", networkMode="bridge", executionRoleArn=role,
        containerDefinitions=[container],
    )
    ecs.create_cluster(clusterName="sleeper")
    ecs.run_task(cluster="sleeper", taskDefinition="sleeper")
    while not (events := logs.filter_log_events(logGroupName="sleeper")["events"]):
        time.sleep(0.05)
    print(aws.folder, events[0]["message"], flush=True)
    sys.stdin.readline()
"""


class _Caller:
    """Another process that runs a local AWS with a task in it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CALLER, _SLEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        folder, task, server = self.process.stdout.readline().split()
        self.folder, self.task, self.server = Path(folder), int(task), int(server)

    def leaves_nothing(self) -> bool:
        """Tell whether all that it started ends, and its folder goes, within some seconds."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            running = _is_running(self.task) or _is_running(self.server)
            if not running and not self.folder.exists():
                return True
            time.sleep(0.05)
        return False

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait(60)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_leaves_neither_process_nor_file_behind_at_the_end() -> None:
    caller = _Caller()
    assert _is_running(caller.task)
    caller.close()
    assert caller.process.returncode == 0
    assert caller.leaves_nothing()


def test_ends_with_a_caller_that_is_killed() -> None:
    caller = _Caller()
    caller.process.kill()
    assert caller.leaves_nothing()
    caller.close()


def test_ends_the_tasks_of_a_server_that_was_killed() -> None:
    caller = _Caller()
    os.kill(caller.server, signal.SIGKILL)
    caller.close()
    assert caller.leaves_nothing()
    assert caller.process.returncode == 0


def test_answers_on_loopback_only(aws: LocalAws) -> None:
    address = urlsplit(aws.endpoint_url)
    assert address.hostname == "127.0.0.1"
    assert address.port is not None
    # Another address of this machine, where a listener on every interface would answer.
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.2", address.port)) != 0


def test_makes_clients_whatever_the_callers_own_settings_are(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")  # would be taken for an account
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with LocalAws.start(images={}) as other:
        assert other.session.client("sts").get_caller_identity()["Account"] == other.account
        assert other.session.client("ecs").meta.region_name == "us-east-1"
        assert other.endpoint_url != aws.endpoint_url


def test_gives_programs_an_environment_that_reaches_it_and_nothing_else(aws: LocalAws) -> None:
    environment = aws.environment()
    assert "JSII_NODE" in os.environ
    assert "JSII_NODE" not in environment
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    said = subprocess.run(
        ["python", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == aws.account
    assert Path(environment["HOME"]).is_relative_to(aws.folder)
    assert boto3.__version__


def test_gives_up_waiting_for_a_task_in_time(
    deploy: Callable[[Template], Deployed], template: Template, container: Template, aws: LocalAws
) -> None:
    container["Command"] = ["python", "-c", "import time; time.sleep(600)"]
    stack = deploy(template)
    [task_arn] = stack.fire()
    with pytest.raises(LocalAwsError, match=r"was still (PENDING|RUNNING) after 0.3 s"):
        aws.wait_for_task(stack.cluster, task_arn, timeout_seconds=0.3)
    with pytest.raises(LocalAwsError, match="has no task 'nothing'"):
        aws.wait_for_task(stack.cluster, "nothing")
    aws.session.client("ecs").stop_task(cluster=stack.cluster, task=task_arn)
    aws.wait_for_task(stack.cluster, task_arn)


def test_says_what_a_server_that_does_not_start_said(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(["sh", "-c", "echo no ministack here; exit 3"], stdout=log)
    with pytest.raises(LocalAwsError, match=r"ended with code 3:\nno ministack here"):
        await_answer(process, port=1, log_file=log_file)
