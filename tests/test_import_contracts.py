"""The contracts between the folders: each is broken by an import that it forbids."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A module, new or there already, an import for it, and what the contract that it breaks is called.
MUTANTS = [
    ("bixarena_constructs.cdk.durations", "numpy", "The construct runs without"),
    ("bixarena_constructs.cdk.a_new_module", "numpy", "The construct runs without"),
    ("bixarena_constructs.cdk.scheduled_snapshot_task", "typer", "The construct runs without"),
    (
        "bixarena_constructs.cdk.monitoring.run_watch",
        "bixarena_constructs.cdk.scheduled_snapshot_task",
        "The construct is made of layers",
    ),
    (
        "bixarena_constructs.cdk.monitoring.run_watch",
        "bixarena_constructs.cdk.snapshot_task",
        "The construct is made of layers",
    ),
    (
        "bixarena_constructs.cdk.durations",
        "bixarena_constructs.cdk.schedule",
        "The construct is made of layers",
    ),
    (
        "bixarena_constructs.cdk.task.size",
        "bixarena_constructs.worker.settings",
        "The construct runs without",
    ),
    ("bixarena_constructs.worker.contract", "numpy", "The promises between the halves"),
    (
        "bixarena_constructs.cdk.monitoring.worker_signals",
        "bixarena_constructs.worker.errors",
        "The construct runs without",
    ),
    (
        "bixarena_constructs.worker.job",
        "bixarena_constructs.deployment",
        "The worker runs without",
    ),
    (
        "bixarena_constructs.worker.ranking.fit",
        "bixarena_constructs.worker.store",
        "The ranking knows no other part of the worker",
    ),
    (
        "bixarena_constructs.worker.ranking.fit",
        "bixarena_constructs.worker.a_new_module",
        "The ranking knows no other part of the worker",
    ),
    ("bixarena_constructs.worker.ranking.fit", "psycopg", "The ranking runs on arrays alone"),
    ("bixarena_constructs.worker.job", "boto3", "The worker runs without"),
    ("bixarena_constructs.worker.job", "bixarena_constructs.aws", "The worker runs without"),
    (
        "bixarena_constructs.cli.app",
        "bixarena_constructs.cdk.task_launch",
        "The command line runs without the CDK",
    ),
    (
        "bixarena_constructs.aws.image_reference",
        "boto3",
        "The formats of AWS need the standard library only",
    ),
    (
        "bixarena_constructs.testing.store_contract",
        "aws_cdk",
        "What is for users' tests runs without",
    ),
    (
        "bixarena_constructs.testing.template_assertions",
        "numpy",
        "The assertions on templates need no more",
    ),
    ("local_aws.targets", "bixarena_demo.votes", "The AWS on loopback has no BixArena in it"),
]


def broken_by(folder: Path, module: str, imported: str) -> str:
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in (module, imported):
        path = source / f"{name.replace('.', '/')}.py"
        if "a_new_module" in name:
            path.write_text('"""A module of the mutant\'s."""\n')
    path = source / f"{module.replace('.', '/')}.py"
    path.write_text(f"{path.read_text()}\nimport {imported}\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(source), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return "\n".join(line for line in done.stdout.splitlines() if "BROKEN" in line)


@pytest.mark.parametrize(("module", "imported", "contract"), MUTANTS)
def test_are_broken_by_an_import_that_they_forbid(
    module: str, imported: str, contract: str, tmp_path: Path
) -> None:
    assert contract in broken_by(tmp_path, module, imported)
