"""How a worker reports a run: its log lines and its exit codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import publication
from aws_cdk import aws_logs as logs

from bixarena_constructs.cdk.checked import checked
from bixarena_constructs.worker.contract import (
    DATA,
    DATABASE,
    DEADLINE,
    KILLED,
    LAST_EVENTS,
    SETTINGS,
    Event,
    Field,
    Outcome,
)

__all__ = ["REFERENCE_EXIT_CODES", "ExitCode", "WorkerSignals", "reference_outcome"]

_EXIT_CODES = range(1, 255 + 1)
# Outcomes of the reference worker after which the site shows what it should: a board of the run's
# time, or none where none has enough votes. Everything else is no snapshot in time.
_DONE = (Outcome.PUBLISHED, Outcome.ALREADY_PUBLISHED, Outcome.BELOW_THRESHOLDS)


@checked
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
    failure.exit_code: ExitCode(meaning=failure.meaning, is_transient=failure.is_transient)
    for failure in (SETTINGS, DATA, DATABASE, DEADLINE, KILLED)
}
"""The exit codes of the reference worker that have a cause of their own."""


def _any_of(field: Field, *values: str) -> logs.JsonPattern:
    matches = [logs.FilterPattern.string_value(f"$.{field}", "=", value) for value in values]
    return matches[0] if len(matches) == 1 else logs.FilterPattern.any(*matches)


def reference_outcome(leaderboard_slug: str | None) -> logs.JsonPattern:
    """Return the pattern of the reference worker's last line after a snapshot in time.

    Args:
        leaderboard_slug: The one leaderboard that the task is for; None for all. A run by hand
            for one leaderboard of several is no snapshot in time of the others.
    """
    outcomes = [_any_of(Field.OUTCOME, name) for name in _DONE]
    if leaderboard_slug is not None:
        outcomes.append(
            logs.FilterPattern.all(
                _any_of(Field.OUTCOME, Outcome.PARTIAL),
                _any_of(Field.LEADERBOARD_SLUG, leaderboard_slug),
            )
        )
    return logs.FilterPattern.all(
        _any_of(Field.EVENT, Event.RUN_FINISHED), logs.FilterPattern.any(*outcomes)
    )


@checked
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

    started: logs.IFilterPattern = field(
        default_factory=lambda: _any_of(Field.EVENT, Event.RUN_STARTED)
    )
    ended: logs.IFilterPattern = field(default_factory=lambda: _any_of(Field.EVENT, *LAST_EVENTS))
    outcome: logs.IFilterPattern | None = None
    exit_codes: Mapping[int, ExitCode] = field(default_factory=lambda: REFERENCE_EXIT_CODES)

    def __post_init__(self) -> None:
        """Refuse exit codes that no failure has.

        Raises:
            ValueError: One is listed.
        """
        if 0 in self.exit_codes:
            raise ValueError("exit_codes has 0, which is success; leave it out")
        for code in self.exit_codes:
            if code not in _EXIT_CODES:
                raise ValueError(f"exit_codes has {code}; an exit code is from 1 to 255")


publication.publish()
