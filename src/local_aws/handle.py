"""The caller's side of the local AWS: start it, reach it, fire its rules, wait for its tasks."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import boto3
import botocore.session

from local_aws.containers import REMOVED_IMAGE
from local_aws.process import ACCOUNT, REGION, LocalAwsError, serve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_ecs.type_defs import TaskTypeDef

__all__ = ["LocalAws"]

_ACCESS_KEY = "local"  # nobody checks it; the clients insist on having one
_POLL_SECONDS = 0.05


class _Session(boto3.Session):
    """A session of one endpoint, whatever the caller's own settings say."""

    def __init__(self, endpoint_url: str) -> None:
        no_files = {
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "profile": (None, None, None, None),
        }
        super().__init__(
            aws_access_key_id=_ACCESS_KEY,
            aws_secret_access_key=_ACCESS_KEY,
            region_name=REGION,
            botocore_session=botocore.session.Session(no_files),
        )
        self._endpoint_url = endpoint_url

    # Named with each client: an endpoint in the environment would win over any other setting.
    # `Any`: one signature for boto3's overload of each service.
    def client(self, *arguments: Any, **named: Any) -> Any:
        return super().client(*arguments, **{"endpoint_url": self._endpoint_url, **named})


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
        self.account = ACCOUNT
        self.region = REGION
        self.folder = folder
        self.session: boto3.Session = _Session(self.endpoint_url)

    @classmethod
    @contextmanager
    def start(cls, *, images: Mapping[str, Sequence[str]]) -> Iterator[Self]:
        """Start a local AWS on a free port, and end it and its tasks with the block.

        It also ends when the caller's process dies, however it dies.

        Args:
            images: The container images that tasks can run: repository without tag, as in
                ``ghcr.io/example/worker``, to the program that stands in for the image's
                entry point. Any other image fails to be pulled, as on AWS.

        Raises:
            LocalAwsError: It did not come up; the message has the end of its log.
        """
        with TemporaryDirectory(prefix="local-aws-") as name:
            folder = Path(name)
            with serve(folder, images=images) as port:
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
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_SECRET_ACCESS_KEY": _ACCESS_KEY,
            # The CDK command line caches account ids, which are made up here.
            "CDK_HOME": str(home / ".cdk"),
            "HOME": str(home),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TMPDIR": str(temporary),
        }

    @contextmanager
    def without_image(self, repository: str) -> Iterator[None]:
        """Let an image fail to be pulled for the length of a ``with`` block.

        Args:
            repository: The image's, without tag.
        """
        removed = self.folder / REMOVED_IMAGE
        removed.write_text(repository)
        try:
            yield
        finally:
            removed.unlink()

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
        self._put_tick(rule["Arn"], Source="aws.events", Detail="{}", Time=scheduled_at)
        return sorted(self._tasks_of(rule_name) - before)

    def fire_schedule(self, name: str, *, scheduled_at: datetime) -> list[str]:
        """Start what a schedule of EventBridge Scheduler starts as if its time had come.

        Args:
            name: A schedule of the default group.
            scheduled_at: What the schedule's input gets as the scheduled time, with a time zone.

        Returns:
            ARNs of the ECS tasks that started; none for a disabled schedule or another target.

        Raises:
            LocalAwsError: The start was refused.
            botocore.exceptions.ClientError: There is no such schedule.
        """
        schedule = self.session.client("scheduler").get_schedule(Name=name)
        clusters = [schedule["Target"]["Arn"]] if "EcsParameters" in schedule["Target"] else []
        before = self._tasks_in_all(clusters)
        self._put_tick(
            schedule["Arn"],
            Source="aws.scheduler",
            Detail=f"{scheduled_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        )
        return sorted(self._tasks_in_all(clusters) - before)

    def _put_tick(self, arn: str, **event: Any) -> None:  # fields of an entry of PutEvents
        entry: Any = {"DetailType": "Scheduled Event", "Resources": [arn], **event}
        response = self.session.client("events").put_events(Entries=[entry])["Entries"][0]
        if "ErrorCode" in response:
            raise LocalAwsError(
                f"{arn} did not fire: {response['ErrorCode']}: {response['ErrorMessage']}"
            )

    def _tasks_of(self, rule_name: str) -> set[str]:
        targets = self.session.client("events").list_targets_by_rule(Rule=rule_name)["Targets"]
        clusters = {target["Arn"] for target in targets if "EcsParameters" in target}
        return self._tasks_in_all(clusters)

    def _tasks_in_all(self, clusters: Iterable[str]) -> set[str]:
        return set().union(*map(self._tasks_in, clusters))

    def _tasks_in(self, cluster: str) -> set[str]:
        list_tasks = self.session.client("ecs").get_paginator("list_tasks")
        return {
            task_arn
            for status in ("RUNNING", "STOPPED")
            for page in list_tasks.paginate(cluster=cluster, desiredStatus=status)
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
