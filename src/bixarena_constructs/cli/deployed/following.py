"""Watches the status and the log of a run until it has stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.exceptions import ClientError

from bixarena_constructs.cli.deployed.log_lines import ENDS, fields_of
from bixarena_constructs.cli.deployed.runs import Run, describe
from bixarena_constructs.cli.errors import (
    AWS_ERRORS,
    NotFoundError,
    StillRunningError,
    explained,
    is_denied,
    may_pass,
)
from bixarena_constructs.worker.contract import Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.deployed.worker_log import LogStream
    from bixarena_constructs.cli.errors import CommandError

__all__ = ["Follower"]

# On AWS a task takes half a minute to start, and frequent calls of ECS are throttled.
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 3.0
_PAUSE_GROWTH: Final = 1.3
# ECS may not know a task for a while after it has started it.
_UNKNOWN_SECONDS: Final = 60.0
# How long AWS may fail to answer before there is no more use in asking.
_TROUBLE_SECONDS: Final = 120.0
# CloudWatch may show the last lines a little after ECS shows the end.
_LOG_DELAY_SECONDS: Final = 10.0
_WAITING: Final = "STOPPED, waiting for the end of its log"

_T = TypeVar("_T")


@dataclass(kw_only=True)
class Follower:
    """Watches one run; `follow` can be called again after an interruption.

    Calls that AWS refuses for a while, by throttling or an outage, are made again.

    Attributes:
        task: The task of the run.
        log: The log of the run.
        on_line: Called with each line of the log.
        on_status: Called with ECS's name of the run's status when that changes.
        on_unreadable: Called once if the credentials do not allow to read the log.
        reads_log: Whether to read the log; not once the credentials do not allow it.
        deadline: When to stop watching, as a value of `time.monotonic`; None for never.
        unknown_seconds: How long ECS may not know the run.
        trouble_seconds: How long AWS may fail to answer.
    """

    task: DeployedTask
    log: LogStream
    on_line: Callable[[str], None]
    on_status: Callable[[str], None] = lambda _: None
    on_unreadable: Callable[[CommandError], None] = lambda _: None
    reads_log: bool = True
    deadline: float | None = None
    unknown_seconds: float = _UNKNOWN_SECONDS
    trouble_seconds: float = _TROUBLE_SECONDS
    _status: str = field(default="", init=False)
    _has_last_event: bool = field(default=False, init=False)
    _started_at: float = field(default_factory=time.monotonic, init=False)
    _answered_at: float = field(default_factory=time.monotonic, init=False)

    def follow(self) -> Run:
        """Watch until the run has stopped and its log has been read, and return the run.

        Raises:
            StillRunningError: The deadline passed first.
            NotFoundError: ECS does not know the run.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            run = self._patiently(self._look)
            self._patiently(self._show_lines)
            if run is not None:
                self._announce(run.status)
            if run is not None and run.has_stopped:
                self._wait_for_last_lines(run)
                return run
            if self.deadline is not None and time.monotonic() > self.deadline:
                raise StillRunningError(
                    f"the run {self.log.run_id} has not ended and goes on; watch it with "
                    f"`{self.task.hint('logs')} --run {self.log.run_id} --follow`"
                )
            time.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)

    def _patiently(self, call: Callable[[], _T]) -> _T | None:
        """Return a call's answer; None where AWS has none now and may have one later."""
        try:
            answer = call()
        except AWS_ERRORS as error:
            if may_pass(error) and time.monotonic() < self._answered_at + self.trouble_seconds:
                return None
            raise
        self._answered_at = time.monotonic()
        return answer

    def _look(self) -> Run | None:
        runs = describe(self.task, [self.log.run_id])
        if not runs:
            if not self._status and time.monotonic() < self._started_at + self.unknown_seconds:
                return None
            raise NotFoundError(f"ECS does not know the run {self.log.run_id} (any more)")
        return runs[0]

    def _announce(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self.on_status(status)

    def _show_lines(self) -> None:
        if not self.reads_log:
            return
        try:
            for line in self.log.new_lines():
                self.on_line(line)
                if fields_of(line).get(Field.EVENT) in ENDS:
                    self._has_last_event = True
        except ClientError as error:
            if not is_denied(error):
                raise
            self.reads_log = False
            self.on_unreadable(explained(error))

    def _wait_for_last_lines(self, run: Run) -> None:
        if run.exit_code is None:
            return
        give_up = time.monotonic() + _LOG_DELAY_SECONDS
        while self.reads_log and not self._has_last_event and time.monotonic() < give_up:
            self._announce(_WAITING)
            time.sleep(_FIRST_PAUSE_SECONDS)
            self._patiently(self._show_lines)
