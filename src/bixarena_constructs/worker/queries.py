"""The worker's SQL: one statement a file, in the folder ``sql``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["query"]


@cache
def query(name: str) -> bytes:
    """Read a statement, as psycopg takes it; no statement is ever put together from texts."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_bytes()
