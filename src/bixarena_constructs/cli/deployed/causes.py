"""Explains AWS's reasons for a run that did not start or that failed, and how to fix it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bixarena_constructs.worker.contract import failure_of

__all__ = ["Cause", "cause_of_exit", "cause_of_stop", "fix_for_refusal"]


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of a failed run.

    Attributes:
        meaning: What happened, as a clause.
        fix: How to fix it.
    """

    meaning: str
    fix: str

    def __str__(self) -> str:
        return f"{self.meaning}; {self.fix}"


# The first pattern that matches wins, so particular ones come before general ones.
_STOPS: Final = (
    (
        r"guardduty-agent.*(403|denied|not authorized)",
        Cause(
            "GuardDuty's sidecar could not be pulled, which does not stop the worker",
            "let the execution role pull it: guardduty_agent_pull=AGENT_REPOSITORY",
        ),
    ),
    (
        r"CannotPull.*(anonymous token.*401|401 Unauthorized|authentication required)",
        Cause(
            "the image is private and the task has no credentials for it",
            "give registry_credentials a secret with username and password",
        ),
    ),
    (
        r"CannotPull.*(403|denied)",
        Cause(
            "the registry refuses the token: it has expired, lacks read:packages, is fine-"
            "grained, or is not authorised for the organisation's single sign-on",
            "put a new classic token into the credentials secret, and try it with "
            "`bixarena doctor`",
        ),
    ),
    (
        r"CannotPull.*(dial tcp|i/o timeout|no such host|connection (refused|reset))",
        Cause(
            "the task's subnets could not reach the registry",
            "give them a NAT gateway, or public subnets a public address; check the security "
            "group's egress to port 443",
        ),
    ),
    (
        r"CannotPull.*(does not match the specified platform|no matching manifest|platform)",
        Cause(
            "the image is not built for the task's processor",
            "build it for both processors, or set runtime_platform to that of the image",
        ),
    ),
    (
        r"CannotPull.*(not found|manifest unknown|does not exist)",
        Cause(
            "the registry has no such image or tag",
            "check the image's name and tag, and push it",
        ),
    ),
    (
        r"CannotPull.*(toomanyrequests|429|50[0-9] )",
        Cause("the registry was overloaded", "run it again later"),
    ),
    (
        r"CannotPull.*no space left",
        Cause("the image does not fit on the task's disk", "raise ephemeral_storage_gib"),
    ),
    (
        r"unable to pull (secrets|registry auth).*(AccessDenied|not authorized)",
        Cause(
            "the execution role may not read or decrypt a secret",
            "grant it secretsmanager:GetSecretValue on the secret and kms:Decrypt on its key",
        ),
    ),
    (
        (
            r"(unable to pull (secrets|registry auth)|retrieve secret).*"
            r"(ResourceNotFound|can't find|AWSCURRENT|not contain json key|Invalid ?Parameter)"
        ),
        Cause(
            "a secret or one of its fields does not exist",
            "check the secret's complete ARN and its JSON keys; `bixarena doctor` names them",
        ),
    ),
    (
        r"unable to pull (secrets|registry auth)",
        Cause(
            "the task's subnets could not reach Secrets Manager",
            "give them a NAT gateway, a public address, or a VPC endpoint of Secrets Manager",
        ),
    ),
    (
        r"(failed to validate logger|log group does not exist|CreateLogStream)",
        Cause(
            "the log group does not exist, or the execution role may not write to it",
            "deploy the stack again",
        ),
    ),
    (
        r"(exec format error)",
        Cause(
            "the image is not built for the task's processor",
            "build it for both processors, or set runtime_platform to that of the image",
        ),
    ),
    (
        r"CannotStartContainer|CannotCreateContainer|executable file not found",
        Cause(
            "the container could not be started",
            "check the image's entry point and the command of the task definition",
        ),
    ),
    (
        r"OutOfMemory",
        Cause("the worker used more memory than the task has", "raise memory_limit_mib"),
    ),
    (
        r"(Capacity is unavailable|RESOURCE:)",
        Cause("AWS had no room for the task in these zones", "run it again later"),
    ),
    (
        r"Timeout waiting for network interface|ENI|elastic network interface",
        Cause(
            "the task got no network interface",
            "check that its subnets have free addresses, and run it again later",
        ),
    ),
    (
        r"Spot|host maintenance|SpotInterruption",
        Cause("AWS took the machine back", "run it again"),
    ),
)

_REFUSALS: Final = (
    (r"ClusterNotFound", "the cluster does not exist; deploy the stack that defines it"),
    (r"inactive|INACTIVE", "the task definition was deregistered; deploy the stack again"),
    (
        r"PassRole|assume the (provided )?role",
        "a role of the task may not exist; deploy the stack again",
    ),
    (r"[Ss]ubnet|[Ss]ecurity ?[Gg]roup", "the network does not exist; check the stack's VPC"),
    (r"Capacity is unavailable|RESOURCE|CAPACITY|AGENT", "AWS has no room; try again later"),
    (r"limit|quota|vCPU", "the account's Fargate quota is used up; ask AWS for more"),
)


def cause_of_stop(reason: str) -> Cause | None:
    """Explain ECS's reasons for the stop of a task or container; None if they are not known."""
    return next(
        (cause for pattern, cause in _STOPS if re.search(pattern, reason, re.DOTALL)), None
    )


def cause_of_exit(code: int) -> Cause | None:
    """Explain the worker's exit code; None for success and for codes of another image."""
    failure = failure_of(code)
    return None if failure is None else Cause(failure.meaning, failure.remedy)


def fix_for_refusal(reason: str) -> str:
    """Return how to fix a start that ECS refused, in parentheses to follow the reason."""
    for pattern, fix in _REFUSALS:
        if re.search(pattern, reason):
            return f" ({fix})"
    return ""
