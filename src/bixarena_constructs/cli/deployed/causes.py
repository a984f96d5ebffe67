"""Explains AWS's reasons for a run that did not start or that failed, and how to fix it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bixarena_constructs.cli.deployed.stop_reasons import STOPS
from bixarena_constructs.worker.contract import failure_of

__all__ = ["Cause", "cause_of_exit", "cause_of_stop", "fix_for_refusal"]

# What a reason quotes or names is replaced before it is matched: an image may be called "denied",
# and a digest may contain 403. Other names have no space, so patterns are phrases of more words.
_NAME: Final = re.compile(
    r"""(?<!caused\ )"[^"]*"  |  (?<!\w)'[^']*'(?!\w)
    |  (?<!\S)(?!i/o\b|net/http\b|RESOURCE:|(?:ecr|iam|kms):[A-Z])
       (?: \S*[/@]\S*? | arn:\S*? | \S*\w:\w\S*? ) (?=[]:;,.)"']*(?:\s|$))""",
    re.VERBOSE,
)
_ECR: Final = re.compile(r"""[("']*(https://)?(\w+\.dkr|api)\.ecr(-fips)?\.[\w-]+\.amazonaws\.""")
_ECR_BUCKET: Final = re.compile(r"""[("']*https://prod-[\w-]+-starport-layer-bucket\.s3\b""")
_GUARDDUTY: Final = re.compile(rf"{_ECR.pattern}[\w.]+/(v2/)?aws-guardduty-agent-fargate\b")

_REASONS_BY_CODE: Final = {
    "UserInitiated": "Task stopped by user",
    "SpotInterruption": "Your Spot Task was interrupted.",
    "TerminationNotice": "Your Spot Task was interrupted.",
}
# What a refusal of RunTask has, and how to fix it.
_REFUSALS: Final = (
    ("Rate exceeded|Request limit exceeded|ThrottlingException", "AWS is busy; try again later"),
    ("ClusterNotFoundException", "the cluster does not exist; deploy the stack that defines it"),
    (
        r"TaskDefinition (is inactive|not found)|Unable to describe task definition",
        "the task definition was deregistered; deploy the stack again",
    ),
    (
        "assume the service linked role",
        "create it: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
    ),
    (
        "iam:PassRole|assume the (provided )?role",
        "a role of the task may not exist, or not trust ecs-tasks.amazonaws.com; deploy again",
    ),
    (
        "(subnet|security group) (ID )?NAME does not exist|subnet information|group information",
        "the network does not exist; check the stack's VPC",
    ),
    (
        "Capacity is unavailable|^(RESOURCE:|AGENT\\b)|free addresses",
        "AWS has no room; try again later",
    ),
    (
        "limit on the number of|is above your limit|LimitExceededException",
        "the account's Fargate quota is used up; ask AWS for more",
    ),
    ("capacity provider", "associate the capacity provider with the cluster"),
    ("account is currently blocked", "AWS has blocked the account; ask AWS Support"),
)


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


def cause_of_stop(reason: str, stop_code: str = "") -> Cause | None:
    """Explain why ECS stopped a task; None if that is not known.

    Args:
        reason: ECS's reasons for the stop of the task and of a container.
        stop_code: ECS's code for the kind of the stop, such as ``UserInitiated``.
    """
    # The reason of these is what a person wrote, or says less than the code.
    sentence = _without_names(_REASONS_BY_CODE.get(stop_code, reason))
    return next(
        (
            Cause(meaning, fix)
            for head, phrase, meaning, fix in STOPS
            if _has(f"(^|[;:] ){head}\\b.*({phrase})" if head else phrase, sentence)
        ),
        None,
    )


def cause_of_exit(code: int) -> Cause | None:
    """Explain the worker's exit code; None for success and for codes of another image."""
    failure = failure_of(code)
    return None if failure is None else Cause(failure.meaning, failure.remedy)


def fix_for_refusal(reason: str) -> str:
    """Return how to fix a start that ECS refused, in parentheses to follow the reason."""
    sentence = _without_names(reason)
    return next((f" ({fix})" for pattern, fix in _REFUSALS if _has(pattern, sentence)), "")


def _has(pattern: str, sentence: str) -> bool:
    return re.search(pattern, sentence, re.DOTALL | re.IGNORECASE) is not None


def _without_names(reason: str) -> str:
    return _NAME.sub(_kind_of_name, reason)


def _kind_of_name(name: re.Match[str]) -> str:
    if _GUARDDUTY.match(name[0]):
        return "GUARDDUTY-IMAGE"
    if _ECR_BUCKET.match(name[0]):
        return "ECR-BUCKET"
    return "ECR-NAME" if _ECR.match(name[0]) else "NAME"
