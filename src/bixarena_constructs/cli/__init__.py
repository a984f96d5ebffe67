"""The command ``bixarena``; each of its commands has a module of its own.

Heavy modules (numpy, boto3) are imported by a command when it runs: ``bixarena --help`` is fast.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from bixarena_constructs.cli.app import app  # noqa: PLC0415 - it may not be installed
    except ModuleNotFoundError as error:
        # The script comes with the package, what it needs with an extra.
        sys.exit(
            f"bixarena needs {error.name}; "
            "install its extra: pip install 'bixarena-constructs[cli]'"
        )
    app()
