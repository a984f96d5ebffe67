"""README.md."""

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
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_has_python_that_runs(block: str, tmp_path: Path) -> None:
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


def test_has_an_example() -> None:
    assert BLOCKS


def test_lists_every_resource_that_a_task_defines(stack: Stack, cluster: ICluster) -> None:
    rows = re.findall(r"^\| (`AWS.*?) \| ([0-9]+)(?: with ([0-9]+))? \|", README, re.MULTILINE)
    told = {
        kind: int(count)
        for cell, *counts in rows
        for kind, count in zip(re.findall(r"`(AWS::.*?)`", cell), counts, strict=False)
        if count
    }
    ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image="ghcr.io/arena/worker:1")
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    assert told == Counter(resource["Type"] for resource in resources)
