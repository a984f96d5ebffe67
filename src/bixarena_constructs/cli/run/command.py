"""The command ``bixarena run``."""

from __future__ import annotations

from typing import Annotated

import typer

from bixarena_constructs.cli.options import (  # noqa: TC001 - typer reads annotations at run time
    Profile,
    Region,
    Stack,
    Task,
)

__all__ = ["run"]


def run(
    stack: Stack,
    *,
    task: Task = None,
    leaderboard: Annotated[
        str | None,
        typer.Option(help="Publish only this leaderboard, by slug.", show_default="all"),
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a variable that the worker reads."),
    ] = None,
    other_variables: Annotated[
        list[str] | None,
        typer.Option(
            "--set-other",
            metavar="NAME=VALUE",
            help="Set any other variable, for a worker of your own; nothing is checked.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compute and log the boards, write nothing.")
    ] = False,
    scheduled_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The scheduled time to run for, such as that of a dead letter.",
            show_default="now",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Stop watching after this time; the run goes on.",
            show_default="until it ends",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help="Watch the run, and exit with its exit code."),
    ] = True,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Start the deployed task as its schedule would, and watch it.

    Exits with the worker's exit code, or with one of the command line, from 64; see docs/cli.md.
    """
    from bixarena_constructs.cli.run.execute import run_now  # noqa: PLC0415 - loads boto3

    run_now(
        stack,
        task_name=task,
        leaderboard=leaderboard,
        known=variables or (),
        other=other_variables or (),
        dry_run=dry_run,
        scheduled_at=scheduled_at,
        timeout=timeout,
        follow=follow,
        profile=profile,
        region=region,
    )
