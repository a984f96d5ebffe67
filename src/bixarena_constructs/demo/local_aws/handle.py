"""The caller's side of the local AWS: start it, reach it, fire its rules, wait for its tasks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import boto3
import botocore.session

from bixarena_constructs.demo.local_aws.containers import kill_left_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_ecs.type_defs import TaskTypeDef

_ACCOUNT = "000000000000"
_REGION = "us-east-1"
_START_SECONDS = 30
_END_SECONDS = 10
_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 30


class LocalAwsError(Exception):
    """The local AWS did not start, refused an event, or a task did not end in time."""


class LocalAws:
    """A running local AWS of one account and one region, gone with its ``with`` block.

    Attributes:
        endpoint_url: Where every service answers, on loopback.
        account: The account that it plays.
        region: The region that it plays.
        folder: Private folder, removed at the end; use it for what should go with it.
        session: Makes clients of it whatever the caller's own AWS settings are, as in
            ``aws.session.client("ecs")``.

    Example:
        ::

            images = {"ghcr.io/example/hello": ["echo", "hello"]}
            with LocalAws.start(images=images) as aws:
                aws.session.client("ecs").create_cluster(clusterName="demo")
    """

    def __init__(self, *, port: int, folder: Path) -> None:
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.account = _ACCOUNT
        self.region = _REGION
        self.folder = folder
        self._config_file = folder / "aws-config"
        self._config_file.write_text(
            f"[default]\nregion = {_REGION}\nendpoint_url = {self.endpoint_url}\n"
            # Nobody checks these; the clients insist on having some.
            "aws_access_key_id = local\naws_secret_access_key = local\n"
        )
        config_file = str(self._config_file)
        self.session = boto3.Session(
            botocore_session=botocore.session.Session(
                {
                    "config_file": (None, None, config_file, None),
                    "credentials_file": (None, None, config_file, None),
                    "profile": (None, None, None, None),
                }
            )
        )

    @classmethod
    @contextmanager
    def start(cls, *, images: Mapping[str, Sequence[str]]) -> Iterator[Self]:
        """Start a local AWS on a free port, and end it and its tasks with the block.

        It also ends when the caller's process dies, however it dies.

        Args:
            images: The container images that tasks can run: repository without tag, as in
                ``ghcr.io/sage-bionetworks/bixarena-worker``, to the command line that stands in
                for the image's own. Any other image fails to be pulled, as on AWS.

        Raises:
            LocalAwsError: It did not come up; the message has the end of its log.
        """
        with TemporaryDirectory(prefix="bixarena-local-aws-") as name:
            folder = Path(name)
            with _server(folder, images=images) as port:
                yield cls(port=port, folder=folder)

    def environment(self) -> dict[str, str]:
        """Return a whole environment for programs that should see this AWS and nothing else.

        Of the caller's it has PATH, behind the folder of the running interpreter, and the
        language. Home, temporary files and the CDK's cache are in the private folder.
        """
        home = self.folder / "home"
        temporary = self.folder / "tmp"
        for each in (home, temporary):
            each.mkdir(exist_ok=True)
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_CONFIG_FILE": str(self._config_file),
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SHARED_CREDENTIALS_FILE": str(self._config_file),
            # The CDK command line caches account ids, which are made up here.
            "CDK_HOME": str(home / ".cdk"),
            "HOME": str(home),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TMPDIR": str(temporary),
        }

    def fire(self, rule_name: str, *, scheduled_at: datetime) -> list[str]:
        """Start a scheduled rule's targets as if its time had come; the clock never does here.

        The event goes through ``PutEvents`` with the source ``aws.events`` and the rule's ARN
        as its resource. The real service refuses that source: only its scheduler may use it.

        Args:
            rule_name: A rule of the default bus.
            scheduled_at: The time that the event carries, with a time zone.

        Returns:
            ARNs of the ECS tasks that started; none for a disabled rule.

        Raises:
            LocalAwsError: The event was refused.
            botocore.exceptions.ClientError: There is no such rule.
        """
        events = self.session.client("events")
        rule = events.describe_rule(Name=rule_name)
        before = self._tasks_of(rule_name)
        response = events.put_events(
            Entries=[
                {
                    "Source": "aws.events",
                    "DetailType": "Scheduled Event",
                    "Resources": [rule["Arn"]],
                    "Detail": "{}",
                    "Time": scheduled_at,
                }
            ]
        )
        entry = response["Entries"][0]
        if "ErrorCode" in entry:
            raise LocalAwsError(
                f"rule {rule_name!r} did not fire: {entry['ErrorCode']}: {entry['ErrorMessage']}"
            )
        return sorted(self._tasks_of(rule_name) - before)

    def _tasks_of(self, rule_name: str) -> set[str]:
        targets = self.session.client("events").list_targets_by_rule(Rule=rule_name)["Targets"]
        ecs = self.session.client("ecs")
        return {
            task_arn
            for target in targets
            if "EcsParameters" in target
            for status in ("RUNNING", "STOPPED")
            for page in ecs.get_paginator("list_tasks").paginate(
                cluster=target["Arn"], desiredStatus=status
            )
            for task_arn in page["taskArns"]
        }

    def wait_for_task(
        self, cluster: str, task_arn: str, *, timeout_seconds: float = 60
    ) -> TaskTypeDef:
        """Return a task's description once it has stopped.

        Raises:
            LocalAwsError: It does not exist, or had not stopped in time.
        """
        ecs = self.session.client("ecs")
        deadline = time.monotonic() + timeout_seconds
        while True:
            response = ecs.describe_tasks(cluster=cluster, tasks=[task_arn])
            if not response["tasks"]:
                raise LocalAwsError(f"cluster {cluster!r} has no task {task_arn!r}")
            task = response["tasks"][0]
            if task["lastStatus"] == "STOPPED":
                return task
            if time.monotonic() > deadline:
                raise LocalAwsError(
                    f"task {task_arn!r} was still {task['lastStatus']} "
                    f"after {timeout_seconds} s, expected STOPPED"
                )
            time.sleep(_POLL_SECONDS)


@contextmanager
def _server(folder: Path, *, images: Mapping[str, Sequence[str]]) -> Iterator[int]:
    """Run the server as a child process, and yield its port once it answers."""
    log_file = folder / "local-aws.log"
    # Bound here and handed down, so that nobody can take the port in between.
    with socket.create_server(("127.0.0.1", 0)) as listener, log_file.open("wb") as log:
        port: int = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "bixarena_constructs.demo.local_aws", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_server_environment(folder, port=port),
            cwd=folder,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is the caller's; the server follows its caller
        )
    try:
        _hand_over(process, {"folder": str(folder), "images": images})
        _await_answer(process, port=port, log_file=log_file)
        yield port
    finally:
        _end(process, folder=folder)


def _server_environment(folder: Path, *, port: int) -> dict[str, str]:
    return {
        "BIND_HOST": "127.0.0.1",
        # Whatever Docker this machine has is none of its business.
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",
        "GATEWAY_PORT": str(port),
        "HOME": str(folder),
        # Listeners of other services, on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": _ACCOUNT,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": _REGION,
        "PATH": os.environ["PATH"],
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "TMPDIR": str(folder),
    }


def _hand_over(process: subprocess.Popen[bytes], settings: Mapping[str, object]) -> None:
    """Write the settings; the pipe stays open, and its end tells the child to end."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # why it ended is in its log
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()


def _await_answer(process: subprocess.Popen[bytes], *, port: int, log_file: Path) -> None:
    url = f"http://127.0.0.1:{port}/_ministack/ready"
    # Without the proxies that the caller's environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalAwsError(
                f"the local AWS ended with code {process.returncode}:\n{_tail(log_file)}"
            )
        try:
            with opener.open(url, timeout=1):
                return
        except OSError:
            time.sleep(_POLL_SECONDS)
    raise LocalAwsError(
        f"the local AWS did not answer within {_START_SECONDS} s:\n{_tail(log_file)}"
    )


def _tail(log_file: Path) -> str:
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])


def _end(process: subprocess.Popen[bytes], *, folder: Path) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill_left_over(folder)
