"""How a worker reports a run: its log lines and its exit codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import publication
from aws_cdk import aws_logs as logs

from bixarena_constructs.worker.contract import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REFERENCE_EXIT_CODES", "ExitCode", "WorkerSignals", "reference_outcome"]

# Outcomes of the reference worker after which the site shows what it should: a board of the run's
# time, or none where none has enough votes. Everything else is no snapshot in time.
_DONE = (Outcome.PUBLISHED, Outcome.ALREADY_PUBLISHED, Outcome.BELOW_THRESHOLDS)
_ENDED = ("run_finished", "run_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitCode:
    """What an exit code of the worker means.

    Attributes:
        meaning: Completes the sentence "a run failed: ...".
        is_transient: Whether the same run may succeed a little later. Default: False.
    """

    meaning: str
    is_transient: bool = False


REFERENCE_EXIT_CODES: Mapping[int, ExitCode] = {
    2: ExitCode(meaning="the worker's settings are wrong, or there is no such leaderboard"),
    3: ExitCode(
        meaning="the votes cannot be ranked as they are, or a public leaderboard has too few now"
    ),
    4: ExitCode(meaning="PostgreSQL was out of reach, or refused the worker", is_transient=True),
    5: ExitCode(meaning="the worker took longer than max_runtime allows"),
    # Not the worker's own: what is left of a process that the kernel killed.
    137: ExitCode(meaning="the worker was killed, most often because it ran out of memory"),
}
"""The exit codes of the reference worker that have a cause of their own."""


def _event(*names: str) -> logs.JsonPattern:
    matches = [logs.FilterPattern.string_value("$.event", "=", name) for name in names]
    return matches[0] if len(matches) == 1 else logs.FilterPattern.any(*matches)


def reference_outcome(leaderboard_slug: str | None) -> logs.JsonPattern:
    """Return the pattern of the reference worker's last line after a snapshot in time.

    Args:
        leaderboard_slug: The one leaderboard that the task is for; None for all. A run by hand
            for one leaderboard of several is no snapshot in time of the others.
    """
    text = logs.FilterPattern.string_value
    outcomes = [text("$.outcome", "=", name) for name in _DONE]
    if leaderboard_slug is not None:
        outcomes.append(
            logs.FilterPattern.all(
                text("$.outcome", "=", Outcome.PARTIAL),
                text("$.leaderboard_slug", "=", leaderboard_slug),
            )
        )
    return logs.FilterPattern.all(_event("run_finished"), logs.FilterPattern.any(*outcomes))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSignals:
    """How to read a worker; an image of another kind needs all four.

    Attributes:
        started: Log line at the start of a run. Default: - the reference worker's.
        ended: Log line at the end of a run, successful or not.
            Default: - the reference worker's.
        outcome: Log line of a run after which the leaderboards are as they should be.
            Default: - the reference worker's: every snapshot is public, or no leaderboard has
            enough votes or is public. A run for one leaderboard is none unless the task's own
            environment sets ``LEADERBOARD_SLUG`` to that.
        exit_codes: Exit codes whose alerts state their meaning; all others are reported as
            "another exit code". Default: - `REFERENCE_EXIT_CODES`.
    """

    started: logs.IFilterPattern = field(default_factory=lambda: _event("run_started"))
    ended: logs.IFilterPattern = field(default_factory=lambda: _event(*_ENDED))
    outcome: logs.IFilterPattern | None = None
    exit_codes: Mapping[int, ExitCode] = field(default_factory=lambda: REFERENCE_EXIT_CODES)

    def __post_init__(self) -> None:
        """Refuse the exit code of success.

        Raises:
            ValueError: It is listed.
        """
        if 0 in self.exit_codes:
            raise ValueError("exit_codes has 0, which is success; leave it out")


publication.publish()
