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
    last: Annotated[
        bool, typer.Option("--last", help="The run that wrote last; so is the default.")
    ] = False,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="This run; `status` lists them.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until the run has stopped.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The worker's lines as they are.")] = False,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show what a run of the deployed task logged."""
    if last and run_id is not None:
        raise typer.BadParameter("choose one of --last and --run")
    from bixarena_constructs.cli.logs.execute import (  # noqa: PLC0415 - loads boto3
        Request,
        show_log,
    )

    show_log(
        Request(
            stack=stack,
            task=task,
            run_id=run_id,
            follow=follow,
            raw=raw,
            profile=profile,
            region=region,
        )
    )
