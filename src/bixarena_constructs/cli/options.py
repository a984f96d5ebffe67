"""Options and arguments of every command on a deployed task, and the target that they name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

import typer

__all__ = [
    "Format",
    "Profile",
    "Region",
    "RunId",
    "Stack",
    "Target",
    "Task",
    "read_scheduled_time",
]

Stack: TypeAlias = Annotated[
    str, typer.Argument(metavar="STACK", help="Name of the CloudFormation stack.")
]
Task: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="The task of the stack, by the id of its construct.",
        show_default="the only one",
    ),
]
Profile: TypeAlias = Annotated[
    str | None,
    typer.Option("--profile", help="AWS profile.", show_default="from the AWS settings"),
]
Region: TypeAlias = Annotated[
    str | None,
    typer.Option("--region", help="AWS region.", show_default="from the AWS settings"),
]
Format: TypeAlias = Annotated[
    Literal["text", "json"], typer.Option("--format", help="What to print on standard output.")
]
RunId: TypeAlias = Annotated[
    str | None, typer.Option("--run", metavar="ID", help="This run; `status` lists the ids.")
]


@dataclass(frozen=True, slots=True)
class Target:
    """What the options name.

    Attributes:
        stack: Name of the stack.
        task: The task in it; None for the only one.
        profile: AWS profile; None for that of the AWS settings.
        region: AWS region; None for that of the AWS settings.
    """

    stack: str
    task: str | None
    profile: str | None
    region: str | None


def read_scheduled_time(text: str, *, now: datetime) -> datetime:
    """Read a scheduled time.

    Args:
        text: ISO 8601 with an offset, as in ``2026-03-06T10:00:00Z``.
        now: The latest valid time.

    Raises:
        typer.BadParameter: The text is no such time.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is not a time with an offset; write it as in 2026-03-06T10:00:00Z",
            param_hint="--scheduled-at",
        )
    if read > now:
        raise typer.BadParameter(
            f"{text!r} has not come yet; its snapshot would stay the newest until then",
            param_hint="--scheduled-at",
        )
    return read.astimezone(UTC)
