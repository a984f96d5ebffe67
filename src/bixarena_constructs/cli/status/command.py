"""The command ``bixarena status``."""

from __future__ import annotations

from typing import Annotated

import typer

from bixarena_constructs.cli.options import Format, Profile, Region, Stack, Target, Task

__all__ = ["status"]


def status(
    stack: Stack,
    *,
    task: Task = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit with 78 if something needs attention, 74 if a part is not known."
        ),
    ] = False,
    output_format: Format = "text",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show when the deployed task runs, how its last runs went, and what needs attention."""
    from bixarena_constructs.cli.status.execute import (  # noqa: PLC0415 - loads boto3
        show_status,
    )

    target = Target(stack, task, profile, region)
    show_status(target, check=check, as_json=output_format == "json")
