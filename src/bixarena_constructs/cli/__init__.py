"""The command line ``bixarena``; each of its commands has a package.

A command imports heavy modules (numpy, boto3) when it runs, so that ``bixarena --help`` is fast.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from bixarena_constructs.cli.app import app  # noqa: PLC0415 - it may not be installed
    except ModuleNotFoundError as error:
        # The package installs the script, its extra what the script needs.
        sys.exit(
            f"bixarena needs {error.name}; "
            "install its extra: pip install 'bixarena-constructs[cli]'"
        )
    app()
