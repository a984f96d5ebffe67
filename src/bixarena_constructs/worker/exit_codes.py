"""Exit codes of the worker: the cause of each, its meaning and what an operator does."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DATA",
    "DATABASE",
    "DEADLINE",
    "FAILURES",
    "INTERNAL",
    "INTERRUPTED",
    "KILLED",
    "NOT_INSTALLED",
    "SETTINGS",
    "Failure",
    "failure_of",
]

NOT_INSTALLED: Final = 72
"""Exit code of the worker and of the command line without their extra (``EX_OSFILE``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One way in which a run fails.

    Attributes:
        exit_code: Exit code of the process.
        cause: Field ``cause`` of the last log line; None if the process could not write one.
        meaning: Completes the sentence "a run failed: ...".
        remedy: What an operator does about it.
        is_transient: Whether the same run may succeed a little later.
    """

    exit_code: int
    cause: str | None
    meaning: str
    remedy: str
    is_transient: bool = False


INTERNAL: Final = Failure(
    exit_code=1,
    cause="internal",
    meaning="the worker has a bug",
    remedy="report it with the traceback in the log",
)
SETTINGS: Final = Failure(
    exit_code=2,
    cause="settings",
    meaning="the worker's settings are wrong, or there is no such leaderboard",
    remedy="the log names each variable, its value and what is valid; correct them",
)
DATA: Final = Failure(
    exit_code=3,
    cause="data",
    meaning="the votes cannot be ranked as they are, or a public leaderboard has too few now",
    remedy=(
        "the log names the leaderboard and why; correct its rows, or a threshold that is too "
        "high, and run it again"
    ),
)
DATABASE: Final = Failure(
    exit_code=4,
    cause="database",
    meaning="PostgreSQL was out of reach, or refused the worker",
    remedy="see the log for which; check the database, its security group, the secret's values "
    "and the grants",
    is_transient=True,
)
DEADLINE: Final = Failure(
    exit_code=5,
    cause="deadline",
    meaning="the worker took longer than max_runtime allows",
    remedy="see in the log which step took long; raise max_runtime, or cpu if it is below 1024",
)
# What a shell adds to the number of the signal that ended a process.
_BY_SIGNAL: Final = 128
INTERRUPTED: Final[Mapping[int, Failure]] = {
    number: Failure(
        exit_code=_BY_SIGNAL + number,
        cause="interrupted",
        meaning=f"the worker was stopped from outside by {number.name}",
        remedy="find out who stopped it, and run it again",
    )
    for number in (signal.SIGINT, signal.SIGTERM)
}
"""How a run ends that a signal asks to stop, by the signal's number."""
KILLED: Final = Failure(
    exit_code=_BY_SIGNAL + signal.SIGKILL,
    cause=None,
    meaning="the worker was killed, most often because it ran out of memory",
    remedy="raise memory_limit_mib, or find out who stopped it",
)
_CRASHED: Final = Failure(
    exit_code=_BY_SIGNAL + signal.SIGSEGV,
    cause=None,
    meaning="the worker crashed in native code",
    remedy="report it with the image's version",
)

FAILURES: Final = (
    INTERNAL,
    SETTINGS,
    DATA,
    DATABASE,
    DEADLINE,
    INTERRUPTED[signal.SIGINT],
    KILLED,
    _CRASHED,
    INTERRUPTED[signal.SIGTERM],
)
"""Every way in which a run fails, by exit code."""


def failure_of(exit_code: int) -> Failure | None:
    """Return what an exit code means; None for success and for codes of another image."""
    return next((each for each in FAILURES if each.exit_code == exit_code), None)
