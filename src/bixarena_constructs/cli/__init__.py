"""The command ``bixarena``; each of its commands has a module of its own.

Heavy modules (numpy, boto3) are imported by a command when it runs: ``bixarena --help`` is fast.
"""

from __future__ import annotations

from bixarena_constructs.cli.app import app

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    app()
