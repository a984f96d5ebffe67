"""The worker's SQL: one statement a file, in the folder ``sql``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["query"]


@cache
def query(name: str) -> bytes:
    """Read a statement; only the name of a relation is ever put into one, as an identifier."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_bytes()
