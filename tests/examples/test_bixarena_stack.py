"""BixArena's worker stack in its five variants, before and after docs/migration.md."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Tags
from aws_cdk.assertions import Annotations, Match, Template

FOLDER = Path(__file__).parents[2] / "examples" / "migration" / "bixarena"
# Those of BixArena's feature flags that change a template of these stacks.
FLAGS = {
    "@aws-cdk/aws-ecs:arnFormatIncludesClusterName": True,
    "@aws-cdk/aws-events:eventsTargetQueueSameAccount": True,
    "@aws-cdk/aws-iam:importedRoleStackSafeDefaultPolicyName": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/core:target-partitions": ["aws", "aws-cn"],
}
GUARDDUTY = ":repository/aws-guardduty-agent-fargate"
ASSETS = ":repository/cdk-hnb659fds-container-assets-"

Json = dict[str, Any]  # CloudFormation is untyped


@dataclass(frozen=True)
class Variant:
    """An environment of BixArena's configuration.

    Attributes:
        prefix: What its stacks and names begin with.
        version: Tag of its images.
        is_local: Whether its images are local tarballs.
        warning: What the construct says of the image.
    """

    prefix: str
    version: str = "edge"
    is_local: bool = False
    warning: str = "mutableImageTag"


VARIANTS = {
    "dev": Variant("bixarena-dev-jsmith"),
    "stage": Variant("bixarena-stage"),
    "prod": Variant("bixarena-prod"),
    "dev with a tarball": Variant("bixarena-dev-jsmith", is_local=True, warning=""),
    "prod with a version": Variant("bixarena-prod", "1.3.8", warning="imageWithoutDigest"),
}


@dataclass
class Migrated:
    """The two stacks of a variant, before and after."""

    variant: Variant
    stacks: dict[str, Stack] = field(default_factory=dict)
    arenas: dict[str, Json] = field(default_factory=dict)
    workers: dict[str, Json] = field(default_factory=dict)

    def synthesise(self, name: str, tarball: Path) -> None:
        spec = spec_from_file_location(f"bixarena_{name}", FOLDER / f"{name}.py")
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        app = App(context=FLAGS)
        prefix = self.variant.prefix
        Tags.of(app).add("Product", "BixArena")
        arena = module.ArenaStack(app, f"{prefix}-arena")
        worker = module.WorkerStack(
            app,
            f"{prefix}-worker",
            stack_prefix=prefix,
            arena=arena,
            app_version=self.variant.version,
            tarball=str(tarball) if self.variant.is_local else None,
        )
        self.stacks[name] = worker
        self.arenas[name] = dict(Template.from_stack(arena).to_json())
        self.workers[name] = dict(Template.from_stack(worker).to_json())

    def of_type(self, name: str, kind: str, *, below: str = "") -> Json:
        (found,) = (
            resource
            for logical_id, resource in self.workers[name]["Resources"].items()
            if resource["Type"] == kind and below in logical_id
        )
        return deepcopy(found)  # what a test takes out of it is there for the next one

    def container(self, name: str) -> Json:
        definition = self.of_type(name, "AWS::ECS::TaskDefinition")
        (container,) = definition["Properties"]["ContainerDefinitions"]
        return dict(container)


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=list(VARIANTS))
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    tarball = tmp_path_factory.mktemp("images") / "bixarena-worker.tar"
    tarball.write_bytes(b"")
    both = Migrated(request.param)
    for name in ("before", "after"):
        both.synthesise(name, tarball)
    return both


def test_leaves_the_neighbours_as_they_are(migrated: Migrated) -> None:
    assert migrated.arenas["before"] == migrated.arenas["after"]


def test_changes_what_the_page_lists_and_no_more(migrated: Migrated) -> None:
    before, after = (migrated.workers[name]["Resources"] for name in ("before", "after"))
    assert before.keys() - after.keys() == set()
    added = sorted(after[name]["Type"] for name in after.keys() - before.keys())
    assert added == ["AWS::SQS::Queue", "AWS::SQS::QueuePolicy"]
    changed = {name for name in before if before[name] != after[name]}
    assert sorted(name[:-8].removeprefix("LeaderboardSnapshotTask") for name in changed) == [
        "ScheduledEventRule",
        "ScheduledTaskDef",
        "ScheduledTaskDefExecutionRoleDefaultPolicy",
    ]
    assert "Outputs" not in migrated.workers["before"]
    assert len(migrated.workers["after"]["Outputs"]) == 10
    assert list(migrated.workers["after"]["Mappings"]) == ["BixarenaGuardDutyAgentAccounts"]


def test_keeps_names_schedule_and_log_group(migrated: Migrated) -> None:
    prefix = migrated.variant.prefix
    rule = migrated.of_type("after", "AWS::Events::Rule")["Properties"]
    assert rule["Name"] == f"{prefix}-leaderboard-snapshot-schedule"
    assert rule["ScheduleExpression"] == "cron(0 10 * * ? *)"
    log_group = migrated.of_type("after", "AWS::Logs::LogGroup")
    assert log_group["Properties"]["LogGroupName"] == f"/aws/ecs/{prefix}-worker"
    assert log_group["Properties"]["RetentionInDays"] == 90
    assert log_group["DeletionPolicy"] == "Retain"


def test_adds_to_the_target_and_takes_nothing_from_it(migrated: Migrated) -> None:
    before, after = (
        migrated.of_type(name, "AWS::Events::Rule")["Properties"]["Targets"][0]
        for name in ("before", "after")
    )
    assert after.pop("RetryPolicy") == {"MaximumEventAgeInSeconds": 3600}
    assert list(after.pop("DeadLetterConfig")) == ["Arn"]
    assert "SCHEDULED_AT" in after.pop("InputTransformer")["InputTemplate"]
    assert after["EcsParameters"].pop("TagList")[0]["Key"] == "bixarena-constructs:task"
    assert before.pop("Input") == "{}"
    assert after == before


def test_changes_a_variable_and_the_name_of_the_container(migrated: Migrated) -> None:
    before, after = (migrated.container(name) for name in ("before", "after"))
    assert (before.pop("Name"), after.pop("Name")) == ("ScheduledContainer", "bixarena-worker")
    variables = before.pop("Environment")
    assert after.pop("Environment") == [
        *variables,
        {"Name": "MAX_RUNTIME_SECONDS", "Value": "900"},
    ]
    assert {each["Name"]: each["Value"] for each in variables}["NUM_BOOTSTRAP"] == "1000"
    assert after == before


def test_takes_the_database_of_another_stack(migrated: Migrated) -> None:
    container = migrated.container("after")
    variables = {each["Name"]: each["Value"] for each in container["Environment"]}
    for name in ("POSTGRES_HOST", "POSTGRES_PORT"):
        assert list(variables[name]) == ["Fn::ImportValue"]
    for secret in container["Secrets"]:
        _, parts = secret["ValueFrom"]["Fn::Join"]
        assert list(parts[0]) == ["Fn::ImportValue"]
        assert parts[1] in (":username::", ":password::")


def test_pulls_what_the_task_runs_and_nothing_else(migrated: Migrated) -> None:
    policy = migrated.of_type("after", "AWS::IAM::Policy", below="ExecutionRole")
    pulled = [
        json.dumps(resource)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "ecr:BatchGetImage" in statement["Action"]
        for resource in (
            statement["Resource"]
            if isinstance(statement["Resource"], list)
            else [statement["Resource"]]
        )
    ]
    expected = [GUARDDUTY, ASSETS] if migrated.variant.is_local else [GUARDDUTY]
    assert len(pulled) == len(expected)
    for repository, resource in zip(expected, pulled, strict=True):
        assert repository in resource


def test_says_of_the_image_what_the_page_says(migrated: Migrated) -> None:
    found = Annotations.from_stack(migrated.stacks["after"]).find_warning(
        "*", Match.string_like_regexp("bixarena-constructs:")
    )
    expected = [migrated.variant.warning] if migrated.variant.warning else []
    said = [str(each.entry.data).rpartition("bixarena-constructs:")[2] for each in found]
    assert [one.removesuffix("]") for one in said] == expected
