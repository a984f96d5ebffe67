"""Watches the status and the log of a run until it has stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.deployed.log_lines import fields_of
from bixarena_constructs.cli.deployed.runs import Run, describe
from bixarena_constructs.cli.errors import NotFoundError, StillRunningError
from bixarena_constructs.worker.contract import LAST_EVENTS, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.deployed.worker_log import LogStream

__all__ = ["Follower"]

# On AWS a task takes half a minute to start, and frequent calls of ECS are throttled.
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 3.0
_PAUSE_GROWTH: Final = 1.3
# CloudWatch may show the last lines a little after ECS shows the end.
_LOG_DELAY_SECONDS: Final = 10.0


@dataclass(kw_only=True)
class Follower:
    """Watches one run; `follow` can be called again after an interruption.

    Attributes:
        task: The task of the run.
        log: The log of the run.
        on_status: Called with ECS's name of the run's status when that changes.
        on_line: Called with each line of the log.
        deadline: When to stop watching, as a value of `time.monotonic`; None for never.
    """

    task: DeployedTask
    log: LogStream
    on_status: Callable[[str], None]
    on_line: Callable[[str], None]
    deadline: float | None = None
    _status: str = field(default="", init=False)
    _has_last_event: bool = field(default=False, init=False)

    def follow(self) -> Run:
        """Watch until the run has stopped and its log has been read, and return the run.

        Raises:
            StillRunningError: The deadline passed first.
            NotFoundError: ECS does not know the run.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            run = self._look()
            self._show_lines()
            if run.has_stopped:
                self._wait_for_last_lines(run)
                return run
            if self.deadline is not None and time.monotonic() > self.deadline:
                raise StillRunningError(
                    f"the run {run.id} is still {run.status.lower()} and goes on; watch it with "
                    f"`bixarena logs {self.task.arguments} --run {run.id} --follow`"
                )
            time.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)

    def _look(self) -> Run:
        runs = describe(self.task, [self.log.run_id])
        if not runs:
            raise NotFoundError(f"ECS does not know the run {self.log.run_id} (any more)")
        if runs[0].status != self._status:
            self._status = runs[0].status
            self.on_status(self._status)
        return runs[0]

    def _show_lines(self) -> None:
        for line in self.log.new_lines():
            self.on_line(line)
            if fields_of(line).get(Field.EVENT) in LAST_EVENTS:
                self._has_last_event = True

    def _wait_for_last_lines(self, run: Run) -> None:
        if run.exit_code is None:
            return
        give_up = time.monotonic() + _LOG_DELAY_SECONDS
        while not self._has_last_event and time.monotonic() < give_up:
            time.sleep(_FIRST_PAUSE_SECONDS)
            self._show_lines()
