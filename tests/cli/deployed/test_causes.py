"""AWS's words for a run that did not start, as its documentation and its users report them."""

from __future__ import annotations

import ast
import inspect
import re
from importlib.resources import files
from pathlib import Path

import pytest

from bixarena_constructs import ScheduledSnapshotTask
from bixarena_constructs.cli.deployed.causes import (
    cause_of_exit,
    cause_of_stop,
    fix_for_refusal,
)

PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to "
SECRETS = "ResourceInitializationError: unable to pull secrets or registry auth: "


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        (
            PULL + "resolve ref ghcr.io/a/b:1: failed to fetch anonymous token: unexpected "
            "status from GET request to https://ghcr.io/token: 401 Unauthorized",
            "private and the task has no credentials",
        ),
        (
            PULL + "resolve ref ghcr.io/a/b:1: unexpected status: 403 Forbidden",
            "refuses the token",
        ),
        (PULL + "copy: httpReadSeeker: denied: denied", "refuses the token"),
        (
            PULL + 'do request: Get "https://ghcr.io/v2/": dial tcp 140.82.0.1:443: i/o timeout',
            "the task's subnets could not reach the registry",
        ),
        (PULL + "resolve ref ghcr.io/a/b:9: ghcr.io/a/b:9: not found", "no such image or tag"),
        (
            (
                "CannotPullContainerError: image Manifest does not contain descriptor matching "
                "platform 'linux/arm64'"
            ),
            "not built for the task's processor",
        ),
        (
            (
                "CannotPullContainerError: 1234.dkr.ecr.us-east-1.amazonaws.com/"
                "aws-guardduty-agent-fargate: unexpected status: 403 Forbidden"
            ),
            "GuardDuty's sidecar",
        ),
        (
            SECRETS + "execution resource retrieval failed: AccessDeniedException: User is not "
            "authorized to perform: secretsmanager:GetSecretValue",
            "may not read or decrypt a secret",
        ),
        (
            SECRETS + "unable to retrieve secret from asm: ResourceNotFoundException: Secrets "
            "Manager can't find the specified secret.",
            "one of its fields does not exist",
        ),
        (
            SECRETS + "retrieved secret from Secrets Manager did not contain json key username",
            "one of its fields does not exist",
        ),
        (
            SECRETS + "RequestError: send request failed caused by: dial tcp: i/o timeout",
            "could not reach Secrets Manager",
        ),
        (PULL + "copy: httpReadSeeker: toomanyrequests: slow down", "overloaded"),
        ("OutOfMemoryError: Container killed due to memory usage", "more memory"),
        ("Capacity is unavailable at this time. Please try again later", "no room"),
        (
            "Timeout waiting for network interface provisioning to complete.",
            "no network interface",
        ),
        (
            (
                "ResourceInitializationError: failed to validate logger args: The specified log "
                "group does not exist"
            ),
            "log group does not exist",
        ),
        ("Your Spot Task was interrupted.", "took the machine back"),
    ],
)
def test_says_what_a_reason_means(reason: str, meaning: str) -> None:
    cause = cause_of_stop(reason)
    assert cause is not None
    assert meaning in cause.meaning
    assert cause.fix


def test_names_props_that_the_construct_has() -> None:
    words = re.compile(r"\b[a-z]+_[a-z_]+\b")
    folder = Path(str(files("bixarena_constructs.cli")))
    fixes = [folder / "deployed" / "causes.py", *(folder / "doctor").rglob("*.py")]
    named = {
        word
        for path in fixes
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if " " in node.value and "\n" not in node.value  # sentences, no docstrings
        for word in words.findall(node.value)
    }
    props = set(inspect.signature(ScheduledSnapshotTask.__init__).parameters)
    methods = {"allow_from", "grant_run"}
    assert named - methods <= props
    assert {"memory_limit_mib", "runtime_platform", "secret_keys"} <= named


@pytest.mark.parametrize("reason", ["", "Essential container in task exited", "stopped by hand"])
def test_does_not_guess(reason: str) -> None:
    assert cause_of_stop(reason) is None


def test_explains_the_workers_exit_codes_and_those_of_a_kill() -> None:
    for code in (1, 2, 3, 4, 5, 130, 137, 139, 143):
        assert cause_of_exit(code) is not None, code
    assert cause_of_exit(0) is None
    assert cause_of_exit(42) is None


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("ClusterNotFoundException: Cluster not found.", "the cluster does not exist"),
        ("ClientException: TaskDefinition is inactive", "deregistered"),
        ("You've reached the limit on the number of vCPUs", "quota"),
        ("RESOURCE:FARGATE", "no room"),
        ("something new", ""),
    ],
)
def test_says_what_to_do_about_a_refusal(reason: str, fix: str) -> None:
    assert fix in fix_for_refusal(reason)
