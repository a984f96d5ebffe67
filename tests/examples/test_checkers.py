"""cdk-nag's rules on the example apps, and on three tasks of one stack."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from aws_cdk import Stack
    from constructs import IConstruct

    NagPack = Callable[[App], AwsSolutionsChecks | HIPAASecurityChecks | NIST80053R5Checks]

ROOT = Path(__file__).parents[2]
# Path below the construct, id of the finding, reason.
ROW = re.compile(r"^\| `(.+?)` \| `(AwsSolutions-.+?)` \| (.+?) \|$", re.MULTILINE)
LISTED = [
    row
    for page in ("construct.md", "monitoring.md")
    for row in ROW.findall((ROOT / "docs" / page).read_text())
]

SCHEDULE_ROLE = "ScheduleRole/DefaultPolicy"
# Rule of both packs, and reason.
OF_OTHER_PACKS = dict(
    re.findall(
        r"^\| `(\w+)` \| (.+?) \|$",
        (ROOT / "docs" / "construct.md").read_text().partition("NIST 800-53")[2],
        re.MULTILINE,
    )
)

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
    for path, finding, reason in LISTED
    if path in ("ScheduledTaskDef", "ScheduledTaskDef/ExecutionRole/DefaultPolicy")
]


def findings_to_acknowledge(example: str) -> list[tuple[str, str, str]]:
    """Return path, id and reason of what the page lists, and of the example's own database."""
    listed = [
        (f"Snapshot/{path}", finding.replace("CLUSTER", CLUSTERS[example]), reason)
        for path, finding, reason in LISTED
        # A task on a rule has none.
        if path != SCHEDULE_ROLE
    ]
    return listed + ([*OF_THE_DATABASE, *OF_THE_SCHEMA_STEP] if example == "complete" else [])


def synthesised(
    app: App,
    folder: Path,
    *,
    pack: NagPack,
    acknowledged: Iterable[tuple[IConstruct, str, str]] = (),
) -> set[tuple[str, str]]:
    """Return paths and rules of a pack that are not met, nor acknowledged."""
    for construct, finding, reason in acknowledged:
        Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
    Validations.of(app).add_plugins(pack(app))
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


def violations(
    example: str, folder: Path, *, acknowledged: list[tuple[str, str, str]]
) -> set[tuple[str, str]]:
    """Return paths and rules that an example does not meet, nor acknowledge."""
    source = ROOT / "examples" / example
    context = json.loads((source / "cdk.json").read_text()).get("context", {})
    app = App(context=context, outdir=str(folder))
    stack = module_of(source / "app.py").SnapshotStack(app, "BixarenaSnapshot")
    known = [
        (construct_at(stack, path), f"AwsSolutions::{finding}", reason)
        for path, finding, reason in acknowledged
    ]
    return synthesised(app, folder, pack=AwsSolutionsChecks, acknowledged=known)


def module_of(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"checked_{path.parent.name}", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def three_tasks(folder: Path) -> App:
    app = App(outdir=str(folder))
    module_of(Path(__file__).parent / "three_tasks" / "app.py").SnapshotStack(app, "ThreeTasks")
    return app


@pytest.mark.slow
def test_three_tasks_have_what_the_page_lists_and_no_more(tmp_path: Path) -> None:
    found = synthesised(three_tasks(tmp_path), tmp_path, pack=AwsSolutionsChecks)
    # A queue that is given was checked where it is defined.
    of_morning = {row[:2] for row in LISTED if row[0] not in (SCHEDULE_ROLE, "DeadLetterQueue")}
    of_local = {row[:2] for row in LISTED if "EventsRole" not in row[0]}
    assert found == {
        (f"ThreeTasks/{task}/{path}", finding.replace("CLUSTER", "bixarena"))
        for task, rows in (
            ("Morning", of_morning),
            ("Evening", of_morning),
            ("Local", of_local),
        )
        for path, finding in rows
    }


@pytest.mark.slow
@pytest.mark.parametrize("pack", [HIPAASecurityChecks, NIST80053R5Checks])
def test_three_tasks_break_the_two_rules_of_other_packs(pack: NagPack, tmp_path: Path) -> None:
    broken = synthesised(three_tasks(tmp_path), tmp_path, pack=pack)
    found = {rule.rpartition("-")[2] for _, rule in broken}
    assert sorted(found) == sorted(OF_OTHER_PACKS)
