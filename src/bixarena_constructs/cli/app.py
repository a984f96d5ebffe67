"""The commands of ``bixarena``, put together."""

from __future__ import annotations

import typer

from bixarena_constructs.cli.rank import rank

__all__ = ["app"]

app = typer.Typer(
    name="bixarena",
    help="Rank models by votes, and look after BixArena's leaderboard snapshots.",
    no_args_is_help=True,
    # Rust-like boxes around a traceback hide the line that a bug report needs.
    pretty_exceptions_enable=False,
)


# Without a callback, a single command would become the whole program.
@app.callback()
def bixarena() -> None:
    """Rank models by votes, and look after BixArena's leaderboard snapshots."""


app.command()(rank)
