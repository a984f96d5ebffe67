"""The package as a whole: its lazy face, and which of its halves needs what."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bixarena_constructs

_BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is not for this half")

sys.meta_path.insert(0, Blocker())
"""


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_loads_nothing_heavy_when_it_is_imported() -> None:
    heavy = ("aws_cdk", "constructs", "jsii", "numpy", "psycopg")
    code = (
        "import sys, bixarena_constructs;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert _run(code) == "[]"


def test_offers_each_of_its_names() -> None:
    assert bixarena_constructs.__all__ == sorted(bixarena_constructs.__all__)
    assert dir(bixarena_constructs) == bixarena_constructs.__all__
    for name in bixarena_constructs.__all__:
        assert getattr(bixarena_constructs, name) is not None


def test_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'ScheduledTask'"):
        bixarena_constructs.ScheduledTask  # noqa: B018 - the access is what is tested


@pytest.mark.slow
def test_defines_the_construct_without_numerics_and_drivers() -> None:
    blocked = ("boto3", "botocore", "numpy", "psycopg", "rich", "structlog", "typer")
    code = f"{_BLOCKER.format(blocked=blocked)}\nimport bixarena_constructs\n" + "\n".join(
        f"bixarena_constructs.{name}" for name in bixarena_constructs.__all__
    )
    _run(code)
