"""The commands ``bixarena run``, ``stop``, ``publish`` and ``unpublish``."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from bixarena_constructs.cli.options import Profile, Region, RunId, Stack, Target, Task

__all__ = ["publish", "run", "stop", "unpublish"]

_Snapshot: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SNAPSHOT", help="Such as snapshot_2026-03-06_10-00-00; `status` lists them."
    ),
]


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
    from bixarena_constructs.cli.run.variables import worker_variables  # noqa: PLC0415 - as well

    run_now(
        Target(stack, task, profile, region),
        environment=worker_variables(
            variables or (),
            other=other_variables or (),
            leaderboard=leaderboard,
            dry_run=dry_run,
        ),
        scheduled_at=scheduled_at,
        timeout=timeout,
        follow=follow,
    )


def stop(
    stack: Stack,
    *,
    task: Task = None,
    run_id: RunId = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Stop the run that is under way, and wait for its end."""
    from bixarena_constructs.cli.run.execute import stop_run  # noqa: PLC0415 - loads boto3

    stop_run(Target(stack, task, profile, region), run_id)


def publish(
    stack: Stack,
    snapshot: _Snapshot,
    *,
    task: Task = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Make the private snapshots of one time public, by a run of the worker."""
    from bixarena_constructs.cli.run.execute import set_visibility  # noqa: PLC0415 - loads boto3

    set_visibility(Target(stack, task, profile, region), "publish", snapshot)


def unpublish(
    stack: Stack,
    snapshot: _Snapshot,
    *,
    task: Task = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Make the public snapshots of one time private, by a run of the worker."""
    from bixarena_constructs.cli.run.execute import set_visibility  # noqa: PLC0415 - loads boto3

    set_visibility(Target(stack, task, profile, region), "unpublish", snapshot)
