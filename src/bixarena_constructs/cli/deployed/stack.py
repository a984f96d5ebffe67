"""Finds a deployed task by the outputs of its stack."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bixarena_constructs.cli.deployed.outputs import outputs_by_task
from bixarena_constructs.cli.errors import NotFoundError, UnusableOptionError, explained
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bixarena_constructs.cli.options import Target

__all__ = ["DeployedTask", "find_target", "find_task", "open_session"]

_NEEDED = (
    Output.CLUSTER_ARN,
    Output.CONTAINER_NAME,
    Output.LOG_GROUP_NAME,
    Output.TASK_DEFINITION_ARN,
)

# Those of a stack whose first deployment failed, or that was deleted.
_WITHOUT_RESOURCES = frozenset(
    {"CREATE_FAILED", "DELETE_COMPLETE", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}
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

    def hint(self, command: str) -> str:
        """Return how to run a command on this task, as in ``bixarena logs Stack --task Name``."""
        return f"bixarena {command} {self.arguments}"

    def hinted(self, text: str) -> str:
        """Return a text whose command without arguments gets those of this task."""
        return text.replace("`bixarena doctor`", f"`{self.hint('doctor')}`")

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


def find_target(target: Target) -> DeployedTask:
    """Find the task that the options of a command name; raises what `find_task` does."""
    session = open_session(profile=target.profile, region=target.region)
    found = find_task(session, target.stack, name=target.task)
    profile = f" --profile {target.profile}" if target.profile else ""
    region = f" --region {target.region}" if target.region else ""
    return replace(found, arguments=f"{found.arguments}{profile}{region}")


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
    outputs, status = _outputs_of(session, stack)
    tasks = outputs_by_task(outputs)
    if not tasks and (status in _WITHOUT_RESOURCES or status.endswith("_IN_PROGRESS")):
        raise NotFoundError(
            f"stack {stack} has no outputs, its status is {status}; see its events: "
            f"aws cloudformation describe-stack-events --stack-name {stack}"
        )
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


def _outputs_of(session: boto3.Session, stack: str) -> tuple[dict[str, str], str]:
    """Return the outputs of a stack, and its status."""
    try:
        cloudformation = session.client("cloudformation")
    # What botocore raises of an endpoint, a region or a number of attempts that it cannot use.
    except ValueError as error:
        raise UnusableOptionError(f"the AWS settings cannot be used: {error}") from error
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        # CloudFormation has no code of its own for a stack that is not there.
        if "does not exist" in str(error):
            raise NotFoundError(
                f"there is no stack {stack} in {session.region_name}; is it another account or "
                "--region?"
            ) from error
        raise
    outputs = found[0].get("Outputs", []) if found else []
    status = found[0]["StackStatus"] if found else ""
    return {each["OutputKey"]: each["OutputValue"] for each in outputs}, status
