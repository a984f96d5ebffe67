"""``bixarena --help`` is fast: what a command needs is imported when it runs."""

from __future__ import annotations

import subprocess
import sys


def test_loads_nothing_heavy_before_a_command_runs() -> None:
    program = "import sys; import bixarena_constructs.cli.app; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"aws_cdk", "boto3", "botocore", "jsii", "numpy", "duckdb", "urllib3"}
    assert heavy.isdisjoint(ran.stdout.split())


def test_names_its_extra_where_that_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['typer'] = None\nfrom bixarena_constructs.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'bixarena-constructs[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
