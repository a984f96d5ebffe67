"""What a command does when its standard output takes no more."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from bixarena_constructs.cli.exit_codes import CANNOT_WRITE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["discard_output", "writable_output"]

_UNWRITABLE: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EPIPE})


def discard_output() -> None:
    """Let what is still written to standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def writable_output() -> Iterator[None]:
    """Exit with `CANNOT_WRITE` where standard output is closed or takes no more.

    Without it the exit code would be 1, which is an exit code of the worker, or 120 where Python
    finds out at its very end.
    """
    if sys.stdout is None:
        typer.echo("error: standard output is closed", err=True)
        raise typer.Exit(CANNOT_WRITE)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    # rich ends the program where the reader of a pipe has gone.
    except SystemExit as error:
        raise typer.Exit(CANNOT_WRITE) from error
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        discard_output()
        if error.errno != errno.EPIPE:
            typer.echo(f"error: standard output takes no more: {error.strerror}", err=True)
        raise typer.Exit(CANNOT_WRITE) from error
