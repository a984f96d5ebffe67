"""AWS's words for a run that did not start, as its documentation and its users report them."""

from __future__ import annotations

import ast
import csv
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
from bixarena_constructs.cli.deployed.stop_reasons import STOPS

PULL = "CannotPullContainerError: ref pull has been retried 5 time(s): failed to resolve ref "
SECRET = "failed to fetch secret arn:aws:secretsmanager:eu-west-1:111122223333:secret:{0}-AbCdEf: "
SECRETS = "ResourceInitializationError: unable to pull secrets or registry auth: "
RUN_TASK = "An error occurred ({}) when calling the RunTask operation: "
# Real reasons, each with the public report or page that has it; an empty meaning is none. Where a
# report has only the words of a registry or a service, ECS's own words are put before them.
REASONS = list(
    csv.DictReader(
        (Path(__file__).parent / "stop_reasons.tsv").read_text("utf-8").splitlines(),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
)


@pytest.mark.parametrize("row", REASONS, ids=lambda row: row["source"])
def test_says_what_a_reason_means(row: dict[str, str]) -> None:
    cause = cause_of_stop(row["reason"])
    if row["meaning"]:
        assert cause is not None
        assert row["meaning"] in cause.meaning
        assert cause.fix
    else:
        assert cause is None


def test_knows_every_row_of_the_table_by_a_real_reason() -> None:
    met = {cause.meaning for row in REASONS if (cause := cause_of_stop(row["reason"]))}
    # No report of these was found; they are what AWS documents.
    documented = {
        "AWS was busy, or limits how often secrets are read",
        "AWS limits how often logs are opened",
        "the registry was overloaded or out of order",
    }
    assert {meaning for _, _, meaning, _ in STOPS} == met | documented
    assert len(REASONS) > 60


HOSTILE = (
    "denied-403",
    "403-forbidden:denied",
    "denied:429",
    "GENIE",
    "toomanyrequests",
    "unauthorized",
    "OutOfMemoryError",
    "marked-for-deletion",
    "exec-format-error",
    "AccessDeniedException",
    "no-space-left-on-device",
    "i/o-timeout",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        (PULL + "ghcr.io/a/{0}: ghcr.io/a/{0}: not found", "no such image or tag"),
        (PULL + "ghcr.io/{0}/b@sha256:403429500: not found", "no such image or tag"),
        (
            PULL
            + 'ghcr.io/a/{0}: Head "https://ghcr.io/v2/{0}": dial tcp 1.2.3.4:443: i/o timeout',
            "reach the registry",
        ),
        (
            PULL + "ghcr.io/a/{0}: failed to fetch anonymous token: unexpected status from GET "
            "request to https://ghcr.io/token?scope={0}: 401 Unauthorized",
            "no credentials",
        ),
        (PULL + "ghcr.io/a/{0}:latest: something new", None),
        (
            SECRETS + SECRET + "ResourceNotFoundException: can't find the specified secret.",
            "does not exist in this account",
        ),
        (SECRETS + SECRET + "AccessDeniedException: no", "may not read"),
        (SECRETS + "secret {0}: AccessDeniedException: no", "may not read"),
        (SECRETS + "retrieved secret did not contain json key {0}", "lacks a field"),
        (
            SECRETS + "User: arn:aws:sts::111122223333:assumed-role/{0}/1 is not authorized to "
            "perform: kms:Decrypt on resource: arn:aws:kms:{0}",
            "may not decrypt",
        ),
        (
            'CannotStartContainerError: exec: "{0} no space left on device": not found',
            "could not be started",
        ),
        ("Essential container in task exited; the log group {0}", None),
    ],
)
def test_is_not_misled_by_a_name(name: str, reason: str, meaning: str | None) -> None:
    cause = cause_of_stop(reason.format(name))
    assert cause is None if meaning is None else meaning in str(cause)


def test_believes_the_code_of_a_stop_before_its_reason() -> None:
    by_hand = cause_of_stop("CannotPullContainerError: denied: denied", "UserInitiated")
    assert by_hand is not None
    assert "a person or a program" in by_hand.meaning
    spot = cause_of_stop("", "SpotInterruption")
    assert spot is not None
    assert "took the machine back" in spot.meaning
    assert cause_of_stop("", "EssentialContainerExited") is None


def test_names_props_that_the_construct_has() -> None:
    words = re.compile(r"\b[a-z]+_[a-z_]+\b")
    folder = Path(str(files("bixarena_constructs.cli")))
    fixes = [folder / "deployed" / "stop_reasons.py", *(folder / "doctor").rglob("*.py")]
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
        # boto's words stand before the service's; the reasons of a failure stand alone.
        (
            RUN_TASK.format("ClusterNotFoundException") + "Cluster not found.",
            "the cluster does not",
        ),
        (RUN_TASK.format("ClientException") + "TaskDefinition is inactive", "deregistered"),
        # pulumi/pulumi-awsx#927
        (
            RUN_TASK.format("ClientException") + "ECS was unable to assume the role "
            "'arn:aws:iam::1:role/limit-on-the-number-of' that was provided for this task.",
            "a role of the task",
        ),
        # jonrau1/ElectricEye#9, aws-solutions/distributed-load-testing-on-aws#2
        (
            RUN_TASK.format("InvalidParameterException") + "Unable to assume the service linked "
            "role. Please verify that the ECS service linked role exists.",
            "create-service-linked-role",
        ),
        # dask/dask-cloudprovider#56
        (
            RUN_TASK.format("InvalidParameterException") + "Error retrieving security group "
            "information for [sg-05937427457b61ff5]: Request limit exceeded. "
            "(ErrorCode: RequestLimitExceeded)",
            "AWS is busy",
        ),
        (
            RUN_TASK.format("InvalidParameterException") + "Error retrieving subnet information "
            "for [subnet-0123]: The subnet ID 'subnet-0123' does not exist "
            "(ErrorCode: InvalidSubnetID.NotFound)",
            "the network does not exist",
        ),
        (
            RUN_TASK.format("InvalidParameterException") + "The specified capacity provider "
            "'FARGATE_SPOT' was not found.",
            "associate the capacity provider",
        ),
        (RUN_TASK.format("BlockedException") + "Your account is currently blocked.", "Support"),
        (RUN_TASK.format("ThrottlingException") + "Rate exceeded", "AWS is busy"),
        ("You've reached the limit on the number of vCPUs you can run concurrently", "quota"),
        # dask/dask-cloudprovider#300
        ("The requested CPU configuration is above your limit", "quota"),
        ("The requested MEMORY configuration is above your limit", "quota"),
        # sil-org/ecs-deploy#277
        ("Capacity is unavailable at this time. Please try again later", "no room"),
        ("RESOURCE:FARGATE", "no room"),
        ("AGENT", "no room"),
        # boto/boto3#2862: of tasks on EC2
        ("No Container Instances were found in your cluster.", ""),
        # What only a name says
        (RUN_TASK.format("ClientException") + "no image quota-limit/RESOURCE:AGENT-subnet", ""),
        ("something new", ""),
    ],
)
def test_says_what_to_do_about_a_refusal(reason: str, fix: str) -> None:
    said = fix_for_refusal(reason)
    assert fix in said
    assert bool(fix) == bool(said)
