"""docs/construct.md."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Annotations
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from bixarena_constructs import GuardDutyAgentPull, ScheduledSnapshotTask, SnapshotTask
from bixarena_constructs.cdk.permissions import RUN_TAG

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk.aws_ecs import ICluster

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "construct.md").read_text()
SOURCE = "".join(
    path.read_text()
    for path in sorted((ROOT / "src" / "bixarena_constructs" / "cdk").rglob("*.py"))
)
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ID = r"bixarena-constructs:\w+"


def test_lists_every_warning() -> None:
    listed = re.findall(rf"^\| `({ID})` \|", PAGE, re.MULTILINE)
    given = set(re.findall(rf'"({ID})"', SOURCE)) - {RUN_TAG}
    assert listed == sorted(given)


def test_sorts_every_prop_under_a_topic() -> None:
    table = PAGE.partition("## Props by topic")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    listed = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    props = inspect.signature(ScheduledSnapshotTask.__init__).parameters
    expected = set(props) - {"self", "scope", "construct_id"}
    assert sorted(listed) == sorted([*expected, "max_runtime"])


def test_shows_every_property_and_metric() -> None:
    table = PAGE.partition("## What is inside")[2].partition("\n## ")[0]
    shown = set(re.findall(r"`([a-z_]+)(?:\(\))?`", table))
    members = [*vars(SnapshotTask).items(), *vars(ScheduledSnapshotTask).items()]
    doors = {name for name, member in members if isinstance(member, property)}
    metrics = {name for name, _ in members if name.startswith("metric_")}
    # Of the command line and of the monitoring, and the props.
    others = {
        "cluster",
        "container_name",
        "grant_principal",
        "launch",
        "log_tail_command",
        "max_runtime",
        "run_task_command",
        "trigger",
    }
    assert shown == doors - others | metrics


def test_tells_every_choice_for_guardduty() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert listed == [choice.name for choice in GuardDutyAgentPull]


@pytest.mark.parametrize("block", BLOCKS)
def test_has_python_that_runs(block: str, stack: Stack, cluster: ICluster) -> None:
    task = ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image="ghcr.io/a/worker:1")
    names = {"task": task, "stack": stack, "cluster": cluster}
    exec(compile(block, "construct.md", "exec"), names)  # noqa: S102 - the page's own


def test_acknowledges_a_warning_as_it_says(stack: Stack, cluster: ICluster) -> None:
    task = ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image="ghcr.io/a/worker")
    warning = "bixarena-constructs:mutableImageTag"
    Annotations.of(task).acknowledge_warning(warning, "why")
    found = Found.from_stack(stack).find_warning(
        "/Stack/Snapshot", Match.string_like_regexp(warning)
    )
    assert not found
