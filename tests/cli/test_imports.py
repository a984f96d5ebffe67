"""``bixarena --help`` is fast: what a command needs is imported when it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bixarena_constructs.cli import exit_codes
from bixarena_constructs.worker.contract import RELEASE


def test_loads_nothing_heavy_before_a_command_runs() -> None:
    program = "import sys; import bixarena_constructs.cli.app; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"aws_cdk", "boto3", "botocore", "jsii", "numpy", "duckdb", "urllib3"}
    assert heavy.isdisjoint(ran.stdout.split())


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("typer", ["--help"], "cli"),
        ("boto3", ["status", "Arena"], "cli"),
        ("duckdb", ["rank", __file__], "rank"),
        ("jinja2", ["rank", __file__], "rank"),
        ("numpy", ["rank", __file__], "rank"),
    ],
)
def test_names_the_extra_that_is_not_installed(
    missing: str, arguments: list[str], extra: str
) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = {arguments!r}\n"
        "from bixarena_constructs.cli import main\nmain()"
    )
    done = _python(code)
    assert done.returncode == exit_codes.NOT_INSTALLED
    assert done.stderr == (
        f"error: {missing} is not installed; the extra {extra} brings it: "
        f"pip install 'bixarena-constructs[{extra}]'\n"
    )


def test_shows_the_traceback_where_a_module_of_its_own_is_missing() -> None:
    code = (
        "import sys; sys.modules['bixarena_constructs.cli.app'] = None\n"
        "from bixarena_constructs.cli import main\nmain()"
    )
    done = _python(code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_prints_its_version() -> None:
    done = _python(
        "import sys; sys.argv[1:] = ['--version']\n"
        "from bixarena_constructs.cli import main\nmain()"
    )
    assert (done.returncode, done.stdout) == (0, f"bixarena-constructs {RELEASE}\n")


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
