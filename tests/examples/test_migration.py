"""Adopting the construct in a stack that is deployed with the bare pattern."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "examples" / "migration"
PAGE = (ROOT / "docs" / "migration.md").read_text()


def module_of(folder: str, app: str) -> ModuleType:
    spec = spec_from_file_location(f"{folder}_{app}", MIGRATIONS / folder / f"{app}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pattern_of(app: str) -> dict[str, dict[str, Any]]:  # CloudFormation is untyped
    stack = module_of("pattern", app).SnapshotStack(App(), "Arena")
    return dict(Template.from_stack(stack).to_json()["Resources"])


@pytest.fixture(scope="module")
def pattern() -> tuple[dict[str, Any], dict[str, Any]]:
    """A bare pattern with nothing but what it needs, before and after."""
    return pattern_of("before"), pattern_of("after")


def types(resources: dict[str, Any], names: set[str]) -> list[str]:
    return sorted(resources[name]["Type"] for name in names)


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


class TestPattern:
    def test_keeps_every_logical_id_but_the_log_groups(
        self, pattern: tuple[dict[str, Any], dict[str, Any]]
    ) -> None:
        before, after = pattern
        assert types(before, before.keys() - after.keys()) == ["AWS::Logs::LogGroup"]

    def test_leaves_the_old_log_group_where_it_is(
        self, pattern: tuple[dict[str, Any], dict[str, Any]]
    ) -> None:
        before, after = pattern
        (old,) = before.keys() - after.keys()
        assert before[old]["DeletionPolicy"] == "Retain"

    def test_adds_a_log_group_and_a_queue_only(
        self, pattern: tuple[dict[str, Any], dict[str, Any]]
    ) -> None:
        before, after = pattern
        assert types(after, after.keys() - before.keys()) == [
            "AWS::Logs::LogGroup",
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
        ]

    def test_changes_the_revision_the_target_and_a_policy_only(
        self, pattern: tuple[dict[str, Any], dict[str, Any]]
    ) -> None:
        assert types(pattern[1], changed(*pattern)) == [
            "AWS::ECS::TaskDefinition",
            "AWS::Events::Rule",
            "AWS::IAM::Policy",
        ]


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["bixarena", "pattern"])
def test_the_page_shows_what_the_cdk_says(folder: str) -> None:
    made = subprocess.run(
        [sys.executable, "docs/migration_diff.py", f"examples/migration/{folder}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert f"```text\n{made.stdout}```" in PAGE, "stale: put in what docs/migration_diff.py prints"
