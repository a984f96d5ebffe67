"""The worker's SQL: one statement a file, in the folder ``sql``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["query"]

# In psql's words: what several statements share is in a file of its own.
_INCLUDED = re.compile(rb"^\\ir (\w+)\.sql$", re.MULTILINE)


@cache
def query(name: str) -> bytes:
    """Read a statement; only the name of a relation is ever put into one, as an identifier."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_bytes()
    return _INCLUDED.sub(lambda found: query(found[1].decode()), text)
