"""Finds a deployed task by the outputs of its stack."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bixarena_constructs.cli.deployed.outputs import outputs_by_task
from bixarena_constructs.cli.errors import NotFoundError, UnusableOptionError, explained
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DeployedTask", "find_task", "open_session"]

_NEEDED = (
    Output.CLUSTER_ARN,
    Output.CONTAINER_NAME,
    Output.LOG_GROUP_NAME,
    Output.TASK_DEFINITION_ARN,
)


@dataclass(frozen=True, kw_only=True)
class DeployedTask:
    """One `SnapshotTask` of a stack, with or without a rule.

    Attributes:
        stack: Name of the stack.
        name: Path of the construct in it, without slashes.
        arguments: What follows a command's name to choose it, as in ``Stack --task Name``.
        outputs: Its outputs by their own names, optional ones too.
        session: Makes clients of the stack's account and region.
    """

    stack: str
    name: str
    arguments: str
    outputs: Mapping[str, str]
    session: boto3.Session = field(repr=False)

    @property
    def cluster_arn(self) -> str:
        """The cluster that its runs are in."""
        return self.outputs[Output.CLUSTER_ARN]

    @property
    def container_name(self) -> str:
        """The container that the worker runs in; others are sidecars."""
        return self.outputs[Output.CONTAINER_NAME]

    @property
    def family(self) -> str:
        """Family of its task definitions."""
        return self.outputs[Output.TASK_DEFINITION_ARN].rpartition("/")[2].rpartition(":")[0]

    @property
    def log_group_name(self) -> str:
        """Where the worker logs to."""
        return self.outputs[Output.LOG_GROUP_NAME]

    @property
    def rule_name(self) -> str | None:
        """The EventBridge rule of its construct that starts it; None without one."""
        return self.outputs.get(Output.RULE_NAME)


def open_session(*, profile: str | None, region: str | None) -> boto3.Session:
    """Open a session with the caller's AWS settings.

    As for the AWS CLI and the CDK, the region of `AWS_REGION` comes before that of
    `AWS_DEFAULT_REGION` and of the profile; boto3 reads the latter two alone.

    Raises:
        CommandError: There is no such profile.
    """
    try:
        return boto3.Session(
            profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None
        )
    except BotoCoreError as error:
        raise explained(error) from error


def find_task(session: boto3.Session, stack: str, *, name: str | None) -> DeployedTask:
    """Find a task in a stack.

    Args:
        session: Of the stack's account and region.
        stack: Name of the stack.
        name: Path of the construct. Default: the only one there is.

    Raises:
        NotFoundError: There is no such stack, or no task of that name in it.
        UnusableOptionError: There are several and no name was given.
    """
    tasks = outputs_by_task(_outputs_of(session, stack))
    if not tasks:
        raise NotFoundError(
            f"stack {stack} has no outputs of a ScheduledSnapshotTask or SnapshotTask; was "
            "it built with outputs=False, or is it another stack?"
        )
    there = ", ".join(sorted(tasks))
    if name is None and len(tasks) > 1:
        raise UnusableOptionError(f"stack {stack} has several tasks, choose with --task: {there}")
    chosen = next(iter(tasks)) if name is None else name.replace("/", "")
    if chosen not in tasks:
        raise NotFoundError(f"stack {stack} has no task {name}, but {there}")
    missing = [output for output in _NEEDED if output not in tasks[chosen]]
    if missing:
        raise NotFoundError(
            f"task {chosen} of stack {stack} lacks the outputs {', '.join(missing)}; deploy it "
            "with this version of bixarena-constructs"
        )
    return DeployedTask(
        stack=stack,
        name=chosen,
        arguments=stack if len(tasks) == 1 else f"{stack} --task {chosen}",
        outputs=tasks[chosen],
        session=session,
    )


def _outputs_of(session: boto3.Session, stack: str) -> dict[str, str]:
    try:
        found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        # CloudFormation has no code of its own for a stack that is not there.
        if "does not exist" in str(error):
            raise NotFoundError(
                f"there is no stack {stack} in {session.region_name}; is it another account or "
                "--region?"
            ) from error
        raise
    outputs = found[0].get("Outputs", []) if found else []
    return {each["OutputKey"]: each["OutputValue"] for each in outputs}
