"""Ends a run in time: at its deadline, and when the process is asked to stop."""

from __future__ import annotations

import faulthandler
import signal
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from bixarena_constructs.worker.contract import Variable
from bixarena_constructs.worker.errors import DeadlineError, InterruptedRunError, StopRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.deadline import Deadline

__all__ = ["Interrupts", "carried_out"]

_T = TypeVar("_T")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# After the deadline, when the main thread should have ended the run long ago.
_STUCK_SECONDS = 5


def carried_out(
    interrupts: Interrupts | None,
    work: Callable[[FilteringBoundLogger], _T],
    *,
    log: FilteringBoundLogger,
    deadline: Deadline,
    cancel: Callable[[], None],
) -> _T:
    """Do some work as `Interrupts.carry_out` does, or in this thread if nothing interrupts it."""
    if interrupts is None:
        return work(log)
    return interrupts.carry_out(work, log=log, deadline=deadline, cancel=cancel)


class Interrupts:
    """Lets the main thread wait for signals and the deadline while another thread works.

    Nothing is raised in the middle of the work, where an import, a destructor or the clean-up of a
    library could swallow it, or a lock could stay locked. The wait ends at once, even while the
    work is in native code such as numpy's or libpq's.
    """

    def __init__(self) -> None:
        # A signal handler may call its put() while the main thread is in its get().
        self._messages: SimpleQueue[StopRun | Future[Any] | Callable[[], object]] = SimpleQueue()

    def listen(self) -> None:
        """Listen for SIGTERM and SIGINT from now on, and for those that were blocked until now."""
        for number in _SIGNALS:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._messages.put(InterruptedRunError(number))

    def carry_out(
        self,
        work: Callable[[FilteringBoundLogger], _T],
        *,
        log: FilteringBoundLogger,
        deadline: Deadline,
        cancel: Callable[[], None] = lambda: None,
    ) -> _T:
        """Do some work in a thread of its own, and return its result or raise its error.

        Native code that never releases the interpreter's lock stops the main thread too: the
        process then ends with exit code 1 a few seconds after the deadline.

        Args:
            work: Takes the log to write to. Its lines are dropped once this method has returned.
            log: Where its lines go until then.
            deadline: When the wait ends at the latest.
            cancel: Ends what the work waits for; called when the work is abandoned.

        Raises:
            DeadlineError: The deadline has passed.
            InterruptedRunError: The process was asked to stop, before this call or during it.
        """
        from bixarena_constructs.worker.logs import handed_on  # noqa: PLC0415 - imports structlog

        outcome: Future[_T] = Future()
        work_on = partial(work, handed_on(log, self._messages.put))
        faulthandler.dump_traceback_later(deadline.seconds_left + _STUCK_SECONDS, exit=True)
        Thread(target=self._fulfil, args=[outcome, work_on], daemon=True).start()
        try:
            return self._wait_for(outcome, deadline)
        except StopRun:
            cancel()
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _fulfil(self, outcome: Future[_T], work: Callable[[], _T]) -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised by outcome.result()
            outcome.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - a library's sys.exit() ends no process here
            outcome.set_exception(RuntimeError(f"the work ended with {error!r}"))
        self._messages.put(outcome)

    def _wait_for(self, outcome: Future[_T], deadline: Deadline) -> _T:
        while True:
            try:
                message = self._messages.get(timeout=deadline.seconds_left)
            except Empty:
                limit = f"{Variable.MAX_RUNTIME_SECONDS}={deadline.seconds:g}"
                raise DeadlineError(f"took longer than {limit}") from None
            if isinstance(message, StopRun):
                raise message
            if isinstance(message, Future):
                return outcome.result()
            message()
