"""The command line ``bixarena``; each of its commands has a package.

A command imports heavy modules (numpy, boto3) when it runs, so that ``bixarena --help`` is fast.
"""

from __future__ import annotations

import sys

from bixarena_constructs.worker.contract import NOT_INSTALLED

__all__ = ["main"]

# All else that is missing comes with the extra `cli`.
_OF_RANK = {"backports", "duckdb", "jinja2", "numpy"}


def main() -> None:
    """Run the command line.

    The package installs the script, its extras what the script needs.
    """
    try:
        from bixarena_constructs.cli.app import app  # noqa: PLC0415 - it may not be installed

        app()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"", "bixarena_constructs"}:
            raise
        extra = "rank" if missing in _OF_RANK else "cli"
        sys.stderr.write(
            f"error: {missing} is not installed; the extra {extra} brings it: "
            f"pip install 'bixarena-constructs[{extra}]'\n"
        )
        sys.exit(NOT_INSTALLED)
