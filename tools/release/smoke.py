"""Install the wheel as a user does, and use it: ``smoke.py WHEEL --python 3.13``.

Every extra gets an environment of its own, with nothing of the checkout in it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROOT: Final = Path(__file__).parents[2]
_NOT_INSTALLED: Final = 72
_SETTINGS: Final = 2
_VOTES: Final = """model_a,model_b,winner
alpha,beta,model_a
alpha,beta,model_a
alpha,gamma,model_a
beta,gamma,model_a
beta,alpha,model_a
gamma,alpha,model_a
gamma,beta,tie
"""


class SmokeError(Exception):
    """The installed package does not do what it should."""


class Environment:
    """A virtual environment with the wheel and one of its extras.

    Args:
        folder: Where to make it; what runs in it runs in this folder too.
        python: Version or path of its Python.
        resolution: ``highest`` or ``lowest-direct``, as uv knows them.
        requirement: The wheel, with its extra.
    """

    def __init__(self, folder: Path, *, python: str, resolution: str, requirement: str) -> None:
        self._folder = folder
        self._bin = folder / "venv" / "bin"
        uv = Path(sys.executable).with_name("uv")
        python_of = ["--python", str(self._bin / "python")]
        # Registries and certificates are those of the caller; programs get nothing of its.
        outside = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
        self._run(outside, str(uv), "venv", "--quiet", "--python", python, str(folder / "venv"))
        install = [str(uv), "pip", "install", "--quiet", *python_of, "--resolution", resolution]
        self._run(outside, *install, requirement)

    def run(self, *words: str, code: int = 0) -> tuple[str, str]:
        """Run a program of the environment and return what it wrote, output and errors.

        Raises:
            SmokeError: It did not end with the code.
        """
        kept = {name: os.environ[name] for name in ("HOME", "JSII_NODE") if name in os.environ}
        path = os.pathsep.join([str(self._bin), os.environ["PATH"]])
        inside = {**kept, "PATH": path, "NO_COLOR": "1"}
        return self._run(inside, str(self._bin / words[0]), *words[1:], code=code)

    def write(self, name: str, text: str) -> None:
        """Write a file into the folder."""
        (self._folder / name).write_text(text)

    def _run(self, variables: Mapping[str, str], *words: str, code: int = 0) -> tuple[str, str]:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != code:
            raise SmokeError(
                f"{' '.join(words)} ended with {done.returncode}, expected {code}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout, done.stderr


def base(environment: Environment, version: str) -> None:
    """Without an extra: the README's stack synthesises, the programs name their extras."""
    (block, *_) = re.findall(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    environment.write("app.py", block)
    environment.write("version.py", "import bixarena_constructs as b\nprint(b.__version__)")
    environment.run("python", "app.py")
    _check(environment.run("python", "version.py")[0].strip() == version, "__version__")
    for words, extra in (
        (("bixarena", "--version"), "cli"),
        (("python", "-m", "bixarena_constructs.worker"), "worker"),
    ):
        errors = environment.run(*words, code=_NOT_INSTALLED)[1]
        _check(f"bixarena-constructs[{extra}]" in errors and len(errors.splitlines()) == 1, errors)
    environment.write(
        "assertions.py", "from bixarena_constructs.testing import assert_single_target"
    )
    environment.run("python", "assertions.py")


def cli(environment: Environment, version: str) -> None:
    """With ``cli``: the version, the help of every command, and the extra of ``rank``."""
    _check(environment.run("bixarena", "--version")[0].split()[-1] == version, "--version")
    for command in ("run", "status", "logs", "doctor", "rank"):
        environment.run("bixarena", command, "--help")
    environment.write("votes.csv", _VOTES)
    errors = environment.run("bixarena", "rank", "votes.csv", code=_NOT_INSTALLED)[1]
    _check("bixarena-constructs[rank]" in errors, errors)


def rank(environment: Environment, _: str) -> None:
    """With ``rank``: a CSV file and the same votes as Parquet give the same board and a report."""
    environment.write("votes.csv", _VOTES)
    environment.write(
        "to_parquet.py",
        "import duckdb\nduckdb.sql(\"COPY 'votes.csv' TO 'votes.parquet' (FORMAT parquet)\")",
    )
    environment.run("python", "to_parquet.py")
    boards = [
        environment.run("bixarena", "rank", *words, "--format", "csv", "--min-evals", "1")[0]
        for words in (("votes.csv", "--report", "report.html"), ("votes.parquet",))
    ]
    _check(boards[0] == boards[1] and "alpha" in boards[0], "\n".join(boards))


def worker(environment: Environment, version: str) -> None:
    """With ``worker``: without settings it names them all, in JSON."""
    output = environment.run("python", "-m", "bixarena_constructs.worker", code=_SETTINGS)[0]
    last = json.loads(output.splitlines()[-1])
    _check(last["cause"] == "settings" and len(last["faults"]) > 1, output)
    environment.write(
        "release.py", "from bixarena_constructs.worker.contract import RELEASE\nprint(RELEASE)"
    )
    _check(environment.run("python", "release.py")[0].strip() == version, "RELEASE")


def testing(environment: Environment, _: str) -> None:
    """With ``testing``: a snapshot of a template is written and compared by pytest."""
    environment.write(
        "test_template.py",
        "from bixarena_constructs.testing import TemplateSnapshotExtension\n\n\n"
        "def test_template(snapshot):\n"
        "    kept = snapshot(extension_class=TemplateSnapshotExtension)\n"
        "    assert {'Resources': {'Topic': {'Type': 'AWS::SNS::Topic'}}} == kept\n",
    )
    environment.run("pytest", "-q", "--snapshot-update", "test_template.py")
    environment.run("pytest", "-q", "test_template.py")


_CHECKS: Final[dict[str, Callable[[Environment, str], None]]] = {
    "": base,
    "cli": cli,
    "rank": rank,
    "worker": worker,
    "testing": testing,
}


def _check(holds: bool, said: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise SmokeError(said)


def main() -> None:
    """Try the wheel with every extra."""
    parser = argparse.ArgumentParser(description="Install the wheel as a user does, and use it.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", default=sys.executable, help="version or path")
    parser.add_argument("--resolution", choices=["highest", "lowest-direct"], default="highest")
    parser.add_argument("--extra", choices=list(_CHECKS), action="append", help="default: all")
    options = parser.parse_args()
    version = options.wheel.name.split("-")[1]
    for extra in options.extra or _CHECKS:
        wheel = f"{options.wheel.resolve()}" + (f"[{extra}]" if extra else "")
        with tempfile.TemporaryDirectory(prefix="bixarena-smoke-") as folder:
            environment = Environment(
                Path(folder),
                python=options.python,
                resolution=options.resolution,
                requirement=wheel,
            )
            _CHECKS[extra](environment, version)
        sys.stdout.write(f"ok: python {options.python}, {options.resolution}, [{extra}]\n")


if __name__ == "__main__":
    try:
        main()
    except SmokeError as error:
        sys.exit(f"failed: {error}")
