"""Exit codes of the command line's own, beside 0 for success.

They are those of BSD's ``sysexits.h``, 64 to 78, apart from the worker's and from what a shell or
a container makes of a signal: ``bixarena run`` ends with the worker's code, and nobody has to
guess whose it is.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AWS_FAILED",
    "CANNOT_WRITE",
    "DATA_ERROR",
    "NOT_ALLOWED",
    "NOT_FOUND",
    "NOT_STARTED",
    "PROBLEMS_FOUND",
    "STILL_RUNNING",
    "USAGE",
]

USAGE: Final = 64
"""The command line was not understood (``EX_USAGE``)."""

DATA_ERROR: Final = 65
"""The input was read, but is wrong or cannot be ranked (``EX_DATAERR``)."""

NOT_FOUND: Final = 66
"""There is no such stack, task or run (``EX_NOINPUT``)."""

NOT_STARTED: Final = 69
"""The worker never ran, so it has no exit code (``EX_UNAVAILABLE``)."""

CANNOT_WRITE: Final = 73
"""A file that was asked for cannot be written (``EX_CANTCREAT``)."""

AWS_FAILED: Final = 74
"""AWS was not reached, or answered with an error (``EX_IOERR``)."""

STILL_RUNNING: Final = 75
"""The command ended before the run that it watched (``EX_TEMPFAIL``)."""

NOT_ALLOWED: Final = 77
"""Credentials are missing or expired, or do not allow an action (``EX_NOPERM``)."""

PROBLEMS_FOUND: Final = 78
"""``doctor`` found what would break the next run (``EX_CONFIG``)."""
