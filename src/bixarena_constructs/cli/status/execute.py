"""The work of ``bixarena status``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from bixarena_constructs.cli.deployed.stack import find_target
from bixarena_constructs.cli.errors import exit_on_error
from bixarena_constructs.cli.exit_codes import AWS_FAILED, PROBLEMS_FOUND
from bixarena_constructs.cli.status.reading import read_status
from bixarena_constructs.cli.status.status_text import print_status

if TYPE_CHECKING:
    from bixarena_constructs.cli.options import Target

__all__ = ["show_status"]


def show_status(target: Target, *, check: bool, as_json: bool) -> None:
    """Print the status of a task; the arguments are those of ``bixarena status``.

    Raises:
        typer.Exit: With an exit code of the command line.
    """
    with exit_on_error():
        task = find_target(target)
        status = read_status(task)
    if as_json:
        typer.echo(json.dumps(status.to_dict(), indent=2))
    else:
        print_status(status, Console(highlight=False, soft_wrap=True), task)
    if check and status.attention:
        raise typer.Exit(PROBLEMS_FOUND)
    if check and status.unknown:
        raise typer.Exit(AWS_FAILED)
