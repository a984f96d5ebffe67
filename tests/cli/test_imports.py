"""``bixarena --help`` is fast: what a command needs is imported when it runs."""

from __future__ import annotations

import subprocess
import sys


def test_loads_nothing_heavy_before_a_command_runs() -> None:
    program = "import sys; import bixarena_constructs.cli; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"aws_cdk", "boto3", "botocore", "jsii", "numpy", "pyarrow", "urllib3"}
    assert heavy.isdisjoint(ran.stdout.split())
