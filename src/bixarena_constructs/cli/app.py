"""The commands of ``bixarena``, put together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from bixarena_constructs.cli.doctor.command import doctor
from bixarena_constructs.cli.exit_codes import USAGE
from bixarena_constructs.cli.logs.command import logs
from bixarena_constructs.cli.rank.command import rank
from bixarena_constructs.cli.run.command import run
from bixarena_constructs.cli.status.command import status

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app"]

# Click's own code for a command line that was not understood, which is one of the worker's.
_CLICK_USAGE = 2


class _Commands(TyperGroup):
    """Ends with a code of the command line's own where click would use one of the worker's."""

    # `Any`: whatever click hands on.
    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the program's own options."""
        with _own_usage_code():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Read a command's options and run it."""
        with _own_usage_code():
            return super().invoke(ctx)


@contextmanager
def _own_usage_code() -> Iterator[None]:
    try:
        yield
    except typer.TyperException as error:
        if getattr(error, "exit_code", None) == _CLICK_USAGE:
            error.exit_code = USAGE
        raise


app = typer.Typer(
    name="bixarena",
    cls=_Commands,
    help="Rank models by votes, and look after BixArena's leaderboard snapshots.",
    no_args_is_help=True,
    # Rust-like boxes around a traceback hide the line that a bug report needs.
    pretty_exceptions_enable=False,
)


# Without a callback, a single command would become the whole program.
@app.callback()
def bixarena() -> None:
    """Rank models by votes, and look after BixArena's leaderboard snapshots."""


for command in (rank, run, status, logs, doctor):
    app.command()(command)
