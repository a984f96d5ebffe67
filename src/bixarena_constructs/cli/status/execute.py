"""The work of ``bixarena status``."""

from __future__ import annotations

import json

import typer
from rich.console import Console

from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.errors import exit_on_error
from bixarena_constructs.cli.status.reading import read_status
from bixarena_constructs.cli.status.status_table import print_status

__all__ = ["show_status"]


def show_status(
    stack: str, *, task: str | None, as_json: bool, profile: str | None, region: str | None
) -> None:
    """Print the status of a task; the arguments are those of ``bixarena status``.

    Raises:
        typer.Exit: With an exit code of the command line.
    """
    with exit_on_error():
        found = find_task(open_session(profile=profile, region=region), stack, name=task)
        status = read_status(found)
    if as_json:
        typer.echo(json.dumps(status.to_dict(), indent=2))
    else:
        print_status(status, Console(highlight=False), arguments=found.arguments)
