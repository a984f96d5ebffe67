"""Text of others, such as names of models, without characters that a terminal obeys."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """Write characters that do not print, except tabs, as a Python string has them."""
    return "".join(
        each if each.isprintable() or each == "\t" else each.encode("unicode_escape").decode()
        for each in text
    )
