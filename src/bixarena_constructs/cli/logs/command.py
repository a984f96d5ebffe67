"""The command ``bixarena logs``."""

from __future__ import annotations

from typing import Annotated

import typer

from bixarena_constructs.cli.options import Profile, Region, RunId, Stack, Target, Task

__all__ = ["logs"]


def logs(
    stack: Stack,
    *,
    task: Task = None,
    run_id: RunId = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep showing lines until the run has stopped.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print the worker's JSON lines unchanged.")
    ] = False,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what a run of the deployed task logged, by default the one that logged last."""
    from bixarena_constructs.cli.logs.execute import show_log  # noqa: PLC0415 - loads boto3

    show_log(Target(stack, task, profile, region), run_id, follow=follow, raw=raw)
