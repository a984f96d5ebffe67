from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

_REQUIREMENTS = files("bixarena_constructs.worker").joinpath("requirements.txt").read_text()
_ROOT = Path(__file__).parents[2]


def test_are_those_of_the_lock_file_run_make_lock_if_not() -> None:
    command = [str(Path(sys.executable).with_name("uv")), "export", "--quiet", "--frozen"]
    command += ["--no-dev", "--extra", "worker", "--no-emit-project"]
    command += ["--no-header", "--no-annotate", "--offline", "--no-config"]
    for package in ("aws-cdk-lib", "constructs", "jsii", "publication"):
        command += ["--prune", package]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == _REQUIREMENTS


def test_are_pinned_by_hash_and_name_no_registry() -> None:
    pins = [line for line in _REQUIREMENTS.splitlines() if not line.startswith("    ")]
    assert all(re.match(r"[a-z0-9-]+==[0-9.]+( ; .+)? \\$", pin) for pin in pins)
    hashes = [line for line in _REQUIREMENTS.splitlines() if line.startswith("    ")]
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes)
    assert len(hashes) > len(pins) > 5
    assert "://" not in _REQUIREMENTS


def test_hold_no_aws_sdk_and_no_cdk() -> None:
    names = {line.split("==")[0] for line in _REQUIREMENTS.splitlines() if "==" in line}
    assert {"numpy", "psycopg", "structlog", "tenacity"} <= names
    assert not {name for name in names if re.search("aws|boto|cdk|jsii|constructs", name)}
