"""The command ``bixarena status``."""

from __future__ import annotations

from bixarena_constructs.cli.options import (  # noqa: TC001 - typer reads annotations at run time
    Format,
    Profile,
    Region,
    Stack,
    Task,
)

__all__ = ["status"]


def status(
    stack: Stack,
    *,
    task: Task = None,
    output_format: Format = "text",
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show when the deployed task runs, how its last runs went, and what needs attention."""
    from bixarena_constructs.cli.status.execute import (  # noqa: PLC0415 - loads boto3
        show_status,
    )

    show_status(stack, task=task, as_json=output_format == "json", profile=profile, region=region)
