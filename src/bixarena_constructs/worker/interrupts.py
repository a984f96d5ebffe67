"""Ends a run in time, and cleanly: at its deadline and when the process is asked to stop."""

from __future__ import annotations

import faulthandler
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bixarena_constructs.worker.contract import Variable
from bixarena_constructs.worker.errors import DeadlineError, InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import NoReturn

__all__ = ["stopped_in_time"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
# For the rollback and the last log line. ECS waits 30 seconds between SIGTERM and SIGKILL.
_CLEANUP_SECONDS = 20


@contextmanager
def stopped_in_time(
    seconds: float, *, cleanup_seconds: float = _CLEANUP_SECONDS
) -> Iterator[None]:
    """Raise `StopRun` in the main thread after some time, or on SIGTERM or SIGINT.

    An interpreter that cannot even run the signal handler, as it is stuck in foreign code, is
    ended by a watchdog thread that does not need it, with exit code 1.

    Args:
        seconds: When the deadline is.
        cleanup_seconds: How long the run may then still take to end by itself.

    Raises:
        DeadlineError: The time is over.
        InterruptedRunError: The process was asked to stop.
    """

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        # Once is enough: a second signal must not interrupt the rollback.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        faulthandler.dump_traceback_later(cleanup_seconds, exit=True)
        if number == signal.SIGALRM:
            raise DeadlineError(f"took longer than {Variable.MAX_RUNTIME_SECONDS}={seconds:g}")
        raise InterruptedRunError(number)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + cleanup_seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
