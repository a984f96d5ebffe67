"""The command ``bixarena doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from bixarena_constructs.cli.options import Format, Profile, Region, Stack, Target, Task

__all__ = ["doctor"]


def doctor(
    stack: Stack,
    *,
    task: Task = None,
    database_security_group: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Security group of the database, such as sg-0123."),
    ] = None,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", help="Try the login and the grants too, by a run of the worker's --check."
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Count what could not be checked as a problem.")
    ] = False,
    output_format: Format = "text",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Find what would break the next run of the deployed task, and say how to fix it.

    Exit code 78 means that there is a problem. Nothing is changed, and no secret is shown.
    """
    from bixarena_constructs.cli.doctor.execute import diagnose  # noqa: PLC0415 - loads boto3

    diagnose(
        Target(stack, task, profile, region),
        database_security_group=database_security_group,
        connects=connect,
        strict=strict,
        as_json=output_format == "json",
    )
