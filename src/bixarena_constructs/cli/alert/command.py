"""The command ``bixarena alert test``."""

from __future__ import annotations

import typer

from bixarena_constructs.cli.options import Profile, Region, Stack, Target, Task

__all__ = ["alert"]

alert = typer.Typer(no_args_is_help=True, help="Test the alerts of a deployed task.")


@alert.callback()
def _alert() -> None:
    """Keep `test` a command of its own: the only one of a program is the program."""


@alert.command("test")
def send(
    stack: Stack, *, task: Task = None, profile: Profile = None, region: Region = None
) -> None:
    """Send a test through every path that an alert takes, and list who gets it.

    Exit code 78 means that a test was not sent, or that somebody does not get it.

    Each message says that it is a test. No run starts, and each alarm returns to its state.
    """
    from bixarena_constructs.cli.alert.execute import send_tests  # noqa: PLC0415 - loads boto3

    send_tests(Target(stack, task, profile, region))
