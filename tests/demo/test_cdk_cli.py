"""What the CDK command line is refused for; tests/cli/deployed/test_acceptance.py is its use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bixarena_demo.cdk_cli import Cdk, CdkError

MINIMAL = Path(__file__).parents[2] / "examples" / "minimal"


def test_says_what_the_command_line_said_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"app": "echo no such model >&2; exit 3"}')
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    cdk = Cdk(tmp_path, environment=environment, work_folder=tmp_path / "cdk")
    for command in (cdk.synth, cdk.diff):
        with pytest.raises(CdkError, match=r"ended with code 1:(.|\n)*no such model"):
            command()


def test_says_where_it_looked_for_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(CdkError, match="any folder of PATH"):
        Cdk(MINIMAL, environment={"PATH": str(tmp_path)}, work_folder=tmp_path)
    with pytest.raises(CdkError, match="nowhere"):
        Cdk(MINIMAL, environment={}, work_folder=tmp_path, executable=Path("nowhere"))
