"""The worker's variables of one run, checked before it starts."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

import typer

from bixarena_constructs.worker.contract import Variable
from bixarena_constructs.worker.errors import SettingsError
from bixarena_constructs.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["worker_variables"]

_VARIABLE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
# Which would win over the options, or over each other.
_HAS_OPTION: Final[dict[str, str]] = {
    Variable.SCHEDULED_AT: "--scheduled-at",
    Variable.LEADERBOARD_SLUG: "--leaderboard",
    Variable.DRY_RUN: "--dry-run",
}
_KNOWN: Final = frozenset(Variable)
_OF_DATABASE: Final = "POSTGRES_"


def worker_variables(
    known: Iterable[str], *, other: Iterable[str], leaderboard: str | None, dry_run: bool
) -> dict[str, str]:
    """Return the variables that the options of ``bixarena run`` set.

    Args:
        known: ``NAME=VALUE`` of variables that the reference worker reads.
        other: ``NAME=VALUE`` of any others, which are not checked.
        leaderboard: Slug of the only leaderboard.
        dry_run: Whether to write nothing.

    Raises:
        typer.BadParameter: An option is not of this form, names a variable that the worker does
            not read or that has an option, or has a value that the worker would refuse.
    """
    named = _read(known, option="--set")
    for name in named:
        if name in _HAS_OPTION:
            raise typer.BadParameter(f"{name} is set by {_HAS_OPTION[name]}", param_hint="--set")
        if name not in _KNOWN:
            close = difflib.get_close_matches(name.upper(), sorted(_KNOWN), n=1)
            meant = f"; is {close[0]} meant?" if close else ";"
            raise typer.BadParameter(
                f"the worker reads no variable {name}{meant} --set-other sets one for a worker of "
                "your own",
                param_hint="--set",
            )
    if leaderboard is not None:
        if not leaderboard.strip():
            raise typer.BadParameter(
                "the slug is empty; leave the option out to run all leaderboards",
                param_hint="--leaderboard",
            )
        named[Variable.LEADERBOARD_SLUG] = leaderboard
    if dry_run:
        named[Variable.DRY_RUN] = "true"
    checked = {name: each for name, each in named.items() if not name.startswith(_OF_DATABASE)}
    try:
        Settings.from_environment(checked, needs_database=False)
    except SettingsError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from error
    return named | _read(other, option="--set-other")


def _read(variables: Iterable[str], *, option: str) -> dict[str, str]:
    named = {}
    for variable in variables:
        found = _VARIABLE.fullmatch(variable)
        if found is None:
            raise typer.BadParameter(
                f"{variable!r} is not NAME=VALUE, as in {Variable.NUM_BOOTSTRAP}=200",
                param_hint=option,
            )
        named[found["name"]] = found["value"]
    return named
