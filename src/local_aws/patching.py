"""Guarded patches: what they replace must be there, in the very version they were written for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PatchError", "replace", "require_pinned_version"]

_PINNED = "1.5.33"


class PatchError(Exception):
    """Ministack is not the one that the patches were written for."""


def require_pinned_version(installed: str) -> None:
    """Refuse every ministack but the one whose internals the patches know.

    Raises:
        PatchError: Another version is installed.
    """
    if installed != _PINNED:
        raise PatchError(
            f"the local AWS patches the internals of ministack {_PINNED}, found {installed}; "
            "run `make setup` in the checkout, which installs it"
        )


# `Any`: ministack has no types.
def replace(namespace: dict[str, Any], name: str, make: Callable[[Any], Any]) -> None:
    """Replace an entry of a module's ``vars()`` or of a table by one made from the original.

    Raises:
        PatchError: There is no such entry.
    """
    if name not in namespace:
        where = namespace.get("__name__", "a table")
        raise PatchError(f"{where} of ministack has no {name!r} to patch")
    namespace[name] = make(namespace[name])
