"""The command ``bixarena logs``."""

from __future__ import annotations

from typing import Annotated

import typer

from bixarena_constructs.cli.options import (  # noqa: TC001 - typer reads annotations at run time
    Profile,
    Region,
    Stack,
    Task,
)

__all__ = ["logs"]


def logs(
    stack: Stack,
    *,
    task: Task = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="ID",
            help="Show this run; `status` lists the ids.",
            show_default="the run that logged last",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep showing lines until the run has stopped.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print the worker's JSON lines unchanged.")
    ] = False,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what a run of the deployed task logged."""
    from bixarena_constructs.cli.logs.execute import show_log  # noqa: PLC0415 - loads boto3

    show_log(
        stack,
        task_name=task,
        run_id=run_id,
        follow=follow,
        raw=raw,
        profile=profile,
        region=region,
    )
