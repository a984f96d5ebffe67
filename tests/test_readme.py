"""README.md, and the apps of the pages that it sends newcomers to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk.assertions import Template

from bixarena_constructs import ScheduledSnapshotTask

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk.aws_ecs import ICluster

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FIRST_DEPLOY = (ROOT / "docs" / "first_deploy.md").read_text()
APPS = [
    block
    for block in re.findall(r"```python\n(.*?)```", README + FIRST_DEPLOY, re.DOTALL)
    if "app.synth()" in block
]


@pytest.mark.slow
@pytest.mark.parametrize("block", APPS)
def test_has_an_app_that_runs(block: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env={**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cdk.out" / "Arena.template.json").exists()


def test_has_an_app_on_either_page() -> None:
    assert len(APPS) == 2


def test_lists_every_resource_that_a_task_defines(stack: Stack, cluster: ICluster) -> None:
    rows = re.findall(r"^\| (`AWS.*?) \| ([0-9]+)(?: with ([0-9]+))? \|", README, re.MULTILINE)
    stated = {
        kind: int(count)
        for cell, *counts in rows
        for kind, count in zip(re.findall(r"`(AWS::.*?)`", cell), counts, strict=False)
        if count
    }
    ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image="ghcr.io/arena/worker:1")
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    assert stated == Counter(resource["Type"] for resource in resources)


def test_adds_up_what_a_month_costs() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    (monitoring,) = re.findall(r"^About ([0-9.]+) dollars a month", page, re.MULTILINE)
    table = README.partition("| Dollars |")[2].partition("\n\n")[0]
    costs = [float(cost) for cost in re.findall(r"\| \**([0-9.]+)\** \|$", table, re.MULTILINE)]
    task, watched, library, nat, everything = costs
    assert watched == float(monitoring)
    assert library == pytest.approx(task + watched)
    assert everything == pytest.approx(library + nat)
