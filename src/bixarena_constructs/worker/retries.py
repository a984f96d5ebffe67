"""Retries after faults that pass, for as long as the run has time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from bixarena_constructs.worker.contract import Event, Field
from bixarena_constructs.worker.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger
    from tenacity import RetryCallState

    from bixarena_constructs.worker.deadline import Deadline

__all__ = ["retried"]

_T = TypeVar("_T")
# "Full jitter" between nothing and 0.5, 1, 2, ... seconds, so that tasks which failed together do
# not come back together: Brooker (2015), Exponential Backoff And Jitter, AWS Architecture Blog.
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20


def retried(
    step: Callable[[], _T], *, deadline: Deadline, log: FilteringBoundLogger, what: str
) -> _T:
    """Do a step, and repeat it while the database is unavailable and time is left.

    Args:
        step: One transaction; it starts from nothing each time.
        deadline: No wait goes beyond it.
        log: Where each failed attempt is logged.
        what: The step's name in the log.

    Raises:
        DatabaseUnavailableError: Of the last attempt that there was time for.
    """

    def report(state: RetryCallState) -> None:
        log.warning(
            Event.RETRYING,
            step=what,
            attempt=state.attempt_number,
            **{Field.ERROR: str(state.outcome.exception()) if state.outcome else None},
            wait_seconds=round(state.upcoming_sleep, 3),
        )

    attempts = Retrying(
        retry=retry_if_exception_type(DatabaseUnavailableError),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS),
        stop=stop_before_delay(deadline.seconds_left),
        before_sleep=report,
        reraise=True,
    )
    return attempts(step)
