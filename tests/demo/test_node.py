"""Node.js: the environment's own serves every command and test, whatever is first on PATH."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bixarena_demo.cdk_cli import Cdk

# Starts the CDK command line.
pytestmark = pytest.mark.slow

MINIMAL = Path(__file__).parents[2] / "examples" / "minimal"


@pytest.fixture
def path_with_another_node(tmp_path: Path) -> str:
    """A PATH on which a Node.js that runs nothing comes first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    other = folder / "node"
    other.write_text("#!/bin/sh\necho 'this is the wrong node' >&2\nexit 1\n")
    other.chmod(0o755)
    interpreter = Path(sys.executable).parent
    return os.pathsep.join([str(folder), str(interpreter), os.environ["PATH"]])


def test_the_cdk_command_line_and_its_app_run_on_the_environments_node(
    path_with_another_node: str, tmp_path: Path
) -> None:
    environment = {
        "HOME": str(tmp_path),
        "PATH": path_with_another_node,
        "CDK_VALIDATION": "false",
    }
    cdk = Cdk(MINIMAL, environment=environment, work_folder=tmp_path / "cdk")
    sources = sorted(MINIMAL.iterdir())
    assert (cdk.synth() / "BixarenaSnapshot.template.json").exists()
    assert sorted(MINIMAL.iterdir()) == sources  # nothing is written next to the app


def test_the_tests_run_on_the_environments_node(path_with_another_node: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import aws_cdk; print(aws_cdk.App().node.path == '')"],
        env={**os.environ, "PATH": path_with_another_node},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
