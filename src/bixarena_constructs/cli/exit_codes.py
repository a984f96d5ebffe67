"""Exit codes of the command line, next to 0 for success.

They are those of BSD's ``sysexits.h``, 64 to 78. ``bixarena run`` exits with the worker's code,
and no code of a run, nor of a signal, is among these.
"""

from __future__ import annotations

from typing import Final

from bixarena_constructs.worker.contract import NOT_INSTALLED

__all__ = [
    "AWS_FAILED",
    "CANNOT_WRITE",
    "DATA_ERROR",
    "NOT_ALLOWED",
    "NOT_FOUND",
    "NOT_INSTALLED",
    "NOT_STARTED",
    "OUT_OF_SIGHT",
    "PROBLEMS_FOUND",
    "STILL_RUNNING",
    "USAGE",
]

USAGE: Final = 64
"""The command line was not understood (``EX_USAGE``)."""

DATA_ERROR: Final = 65
"""The input is wrong or cannot be ranked (``EX_DATAERR``)."""

NOT_FOUND: Final = 66
"""The stack, task or run does not exist (``EX_NOINPUT``)."""

NOT_STARTED: Final = 69
"""The worker never ran, so it has no exit code (``EX_UNAVAILABLE``)."""

CANNOT_WRITE: Final = 73
"""A requested file cannot be written (``EX_CANTCREAT``)."""

AWS_FAILED: Final = 74
"""AWS was not reached, or answered with an error; ``status --check``: a part is not known
(``EX_IOERR``)."""

STILL_RUNNING: Final = 75
"""The command ended before the run that it watched (``EX_TEMPFAIL``)."""

OUT_OF_SIGHT: Final = 76
"""``run`` may have started a run, and cannot see how it goes on (``EX_PROTOCOL``)."""

NOT_ALLOWED: Final = 77
"""Credentials are missing or expired, or do not allow an action (``EX_NOPERM``)."""

PROBLEMS_FOUND: Final = 78
"""``doctor``, ``status --check`` or ``alert test`` found what needs attention (``EX_CONFIG``)."""
