"""The program ``bixarena``, which consists of its commands."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bixarena_constructs.cli.alert.command import alert
from bixarena_constructs.cli.doctor.command import doctor
from bixarena_constructs.cli.exit_codes import USAGE
from bixarena_constructs.cli.logs.command import logs
from bixarena_constructs.cli.rank.command import rank
from bixarena_constructs.cli.run.command import publish, run, stop, unpublish
from bixarena_constructs.cli.standard_output import writable_output
from bixarena_constructs.cli.status.command import status
from bixarena_constructs.worker.contract import RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["app"]

# Click's exit code for a bad command line, which is also an exit code of the worker.
_CLICK_USAGE = 2


class _Commands(TyperGroup):
    """Exits with `USAGE` where click would use an exit code of the worker."""

    # `Any`: whatever click passes.
    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the program's own options."""
        with writable_output(), _own_usage_code():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Read a command's options and run it."""
        with writable_output(), _own_usage_code():
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
    no_args_is_help=True,
    # Boxes around a traceback hide the line that a bug report needs.
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer passes it by position
    if is_wanted:
        typer.echo(f"bixarena-constructs {RELEASE}")
        raise typer.Exit


# Without a callback, a single command would become the whole program.
@app.callback()
def _bixarena(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Rank models by votes, and operate BixArena's leaderboard snapshots."""


for command in (rank, run, stop, status, logs, doctor, publish, unpublish):
    app.command()(command)
app.add_typer(alert, name="alert")
