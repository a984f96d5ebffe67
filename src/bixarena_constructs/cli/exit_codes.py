"""Exit codes beside 0 for success and 2 for a command line that was not understood.

They are those of BSD's ``sysexits.h``.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CANNOT_WRITE", "DATA_ERROR"]

DATA_ERROR: Final = 65
"""The input was read, but is wrong or cannot be ranked (``EX_DATAERR``)."""

CANNOT_WRITE: Final = 73
"""A file that was asked for cannot be written (``EX_CANTCREAT``)."""
