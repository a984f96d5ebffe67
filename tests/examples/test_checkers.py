"""cdk-nag's AWS Solutions rules on the example apps."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks

if TYPE_CHECKING:
    from aws_cdk import Stack
    from constructs import IConstruct

ROOT = Path(__file__).parents[2]
# Path below the construct, id of the finding, reason.
ROW = re.compile(r"^\| `(.+?)` \| `(AwsSolutions-.+?)` \| (.+?) \|$", re.MULTILINE)
TOLD = [
    row
    for page in ("construct.md", "monitoring.md")
    for row in ROW.findall((ROOT / "docs" / page).read_text())
]

# As cdk-nag writes the cluster in the id of a finding.
CLUSTERS = {"complete": "<ClusterEB0386A7>", "minimal": "bixarena"}
OF_THE_DATABASE = [
    ("Database/Secret", "AwsSolutions-SMG4", "an example; rotate with add_rotation_single_user"),
    ("WorkerCredentials", "AwsSolutions-SMG4", "an example; the schema step passes a new one on"),
    ("Database", "AwsSolutions-RDS3", "an example; a second instance doubles the cost"),
    ("Database", "AwsSolutions-RDS11", "the port of PostgreSQL, in private subnets"),
]


OF_THE_SCHEMA_STEP = [
    (f"Schema/{path}", finding, reason)
    for path, finding, reason in TOLD
    if path in ("ScheduledTaskDef", "ScheduledTaskDef/ExecutionRole/DefaultPolicy")
]


def findings_to_acknowledge(example: str) -> list[tuple[str, str, str]]:
    """Return path, id and reason of what the page tells, and of the example's own database."""
    told = [
        (f"Snapshot/{path}", finding.replace("CLUSTER", CLUSTERS[example]), reason)
        for path, finding, reason in TOLD
    ]
    return told + ([*OF_THE_DATABASE, *OF_THE_SCHEMA_STEP] if example == "complete" else [])


def violations(
    example: str, folder: Path, *, acknowledged: list[tuple[str, str, str]]
) -> set[tuple[str, str]]:
    """Return paths and rules that are not met, nor acknowledged."""
    source = ROOT / "examples" / example
    spec = spec_from_file_location(f"checked_{example}", source / "app.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    context = json.loads((source / "cdk.json").read_text()).get("context", {})
    app = App(context=context, outdir=str(folder))
    stack = module.SnapshotStack(app, "BixarenaSnapshot")
    for path, finding, reason in acknowledged:
        Validations.of(construct_at(stack, path)).acknowledge(
            Acknowledgment(id=f"AwsSolutions::{finding}", reason=reason)
        )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError:
        report = json.loads((folder / "validation-report.json").read_text())
        return {
            (found["constructPath"].removesuffix("/Resource"), violation["ruleName"])
            for plugin in report["pluginReports"]
            for violation in plugin["violations"]
            for found in violation["violatingConstructs"]
        }
    return set()


def construct_at(stack: Stack, path: str) -> IConstruct:
    construct: IConstruct = stack
    for step in path.split("/"):
        construct = construct.node.find_child(step)
    return construct


@pytest.mark.parametrize("example", sorted(CLUSTERS))
def test_passes_cdk_nag_with_what_the_page_tells_to_acknowledge(
    example: str, tmp_path: Path
) -> None:
    known = findings_to_acknowledge(example)
    assert violations(example, tmp_path, acknowledged=known) == set()


@pytest.mark.parametrize("example", sorted(CLUSTERS))
def test_acknowledges_nothing_that_cdk_nag_does_not_find(example: str, tmp_path: Path) -> None:
    found = violations(example, tmp_path, acknowledged=[])
    assert found == {
        (f"BixarenaSnapshot/{path}", finding)
        for path, finding, _ in findings_to_acknowledge(example)
    }
