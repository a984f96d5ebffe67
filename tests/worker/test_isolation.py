"""The worker alone: no CDK, no AWS SDK, and its folder works where it is copied."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

import bixarena_constructs.worker

if TYPE_CHECKING:
    from bixarena_demo.bixarena_database import BixArenaDatabase

_WITHOUT = ("aws_cdk", "constructs", "jsii", "publication", "boto3", "botocore", "pytest")
_BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {_WITHOUT!r}:
            raise ImportError(name + " is not for the worker")

sys.meta_path.insert(0, Blocker())
"""


def _python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_runs_from_a_copy_of_its_folder_without_cdk_and_aws_sdk(
    bixarena: BixArenaDatabase, tmp_path: Path
) -> None:
    package = tmp_path / "bixarena_constructs"
    source = Path(bixarena_constructs.worker.__file__).parent
    shutil.copytree(source, package / "worker", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    code = (
        f"{_BLOCKER}\nsys.path.insert(0, {str(tmp_path)!r})\n"
        "import bixarena_constructs.worker as worker, os\n"
        f"assert worker.__file__.startswith({str(tmp_path)!r}), worker.__file__\n"
        "from bixarena_constructs.worker import Settings, open_log, run\n"
        "run(Settings.from_environment(os.environ), log=open_log(sys.stdout))\n"
    )
    done = _python(code, DRY_RUN="true", NUM_BOOTSTRAP="50", **bixarena.worker.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"outcome": "computed"' in done.stdout


def test_ranks_without_a_database_driver_or_a_log_library() -> None:
    code = (
        "import sys, bixarena_constructs.worker.ranking\n"
        "print([name for name in ('psycopg', 'structlog', 'tenacity') if name in sys.modules])"
    )
    assert _python(code).stdout == "[]\n"


def test_the_ranking_loads_numpy_when_it_is_first_used() -> None:
    done = _python(
        "import sys\n"
        "from bixarena_constructs.worker.ranking import RankingOptions\n"
        "RankingOptions()\n"
        "assert 'numpy' not in sys.modules\n"
        "from bixarena_constructs.worker.ranking import rank\n"
        "assert 'numpy' in sys.modules\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_listens_to_signals_before_it_imports_what_takes_a_while() -> None:
    code = (
        "import sys, bixarena_constructs.worker.__main__\n"
        "heavy = ('argparse', 'numpy', 'psycopg', 'structlog', 'tenacity')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert _python(code).stdout == "[]\n"


def _tree(extra: str) -> set[str]:
    """Names of all distributions that an extra of this one installs."""
    found: set[str] = set()
    todo = [
        Requirement(line)
        for line in distribution("bixarena-constructs").requires or []
        if f"extra == '{extra}'" in line.replace('"', "'")
    ]
    while todo:
        requirement = todo.pop()
        if requirement.name in found:
            continue
        found.add(requirement.name)
        for line in distribution(requirement.name).requires or []:
            below = Requirement(line)
            extras = requirement.extras or {""}
            if below.marker is None or any(below.marker.evaluate({"extra": e}) for e in extras):
                todo.append(below)
    return found


def test_has_no_aws_sdk_among_its_requirements() -> None:
    tree = _tree("worker")
    assert {"numpy", "psycopg", "psycopg-binary", "structlog", "tenacity"} <= tree
    assert not {name for name in tree if "boto" in name or "aws" in name}


def test_offers_its_names_when_they_are_first_used() -> None:
    for name in bixarena_constructs.worker.__all__:
        assert name in dir(bixarena_constructs.worker)
        assert getattr(bixarena_constructs.worker, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'publish'"):
        _ = bixarena_constructs.worker.publish
