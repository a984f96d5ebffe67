"""How a worker reports a run: its log lines and its exit codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import publication
from aws_cdk import Annotations
from aws_cdk import aws_logs as logs

from bixarena_constructs.cdk.prop_types import checked
from bixarena_constructs.cdk.task.worker_image import runs_reference_worker
from bixarena_constructs.deployment import WORKER_IMAGE
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

if TYPE_CHECKING:
    from aws_cdk import aws_ecs as ecs
    from constructs import Construct

__all__ = [
    "REFERENCE_EXIT_CODES",
    "ExitCode",
    "WorkerSignals",
    "reference_no_new_votes",
    "reference_outcome",
    "warn_of_other_signals",
]

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


@cache
def reference_end() -> logs.JsonPattern:
    """Return the pattern of the reference worker's last line."""
    return _any_of(Field.EVENT, *LAST_EVENTS)


def reference_no_new_votes(seconds: int) -> tuple[logs.JsonPattern, logs.JsonPattern]:
    """Return the patterns of the reference worker's last line without and with new votes.

    A run that counted no votes, since another one had published all, matches neither.

    Args:
        seconds: Age of the newest vote from which on there are none.
    """
    age = f"$.{Field.NEWEST_VOTE_AGE_SECONDS}"
    counted = logs.FilterPattern.number_value(f"$.{Field.TOTAL_VOTES}", ">=", 0)
    is_old = logs.FilterPattern.number_value(age, ">=", seconds)
    # Nobody voted, or the worker does not see when: an alarm that says nothing then is blind.
    is_unknown = logs.FilterPattern.is_null(age)
    is_new = logs.FilterPattern.number_value(age, "<", seconds)
    without = logs.FilterPattern.any(is_old, is_unknown)
    return (
        logs.FilterPattern.all(reference_end(), counted, without),
        logs.FilterPattern.all(reference_end(), counted, is_new),
    )


@lru_cache
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
    """How to read a worker; an image of another kind needs both.

    Attributes:
        outcome: Log line of a run after which the leaderboards are as they should be.
            Default: - the reference worker's: every snapshot is public, or no leaderboard has
            enough votes or is public. A run for one leaderboard does not count unless the task's
            own environment sets ``LEADERBOARD_SLUG`` to that.
        exit_codes: Exit codes whose alerts state their meaning; all others are reported as
            "another exit code". Default: - the reference worker's, `REFERENCE_EXIT_CODES`.
    """

    outcome: logs.IFilterPattern | None = None
    exit_codes: Mapping[int, ExitCode] | None = None

    def __post_init__(self) -> None:
        """Refuse exit codes that no failure has.

        Raises:
            ValueError: One is listed.
        """
        codes = self.exit_codes or {}
        if 0 in codes:
            raise ValueError("exit_codes has 0, which is success; leave it out")
        for code in codes:
            if code not in _EXIT_CODES:
                raise ValueError(f"exit_codes has {code}; an exit code is from 1 to 255")


def warn_of_other_signals(
    scope: Construct, signals: WorkerSignals, container: ecs.ContainerDefinition
) -> None:
    """Warn if an image is read as the reference worker that is not known to be it.

    Args:
        scope: The construct that the warning is attached to.
        signals: How the worker is read.
        container: Its container.
    """
    left_out = [
        *(["outcome"] if signals.outcome is None else ()),
        *(["exit_codes"] if signals.exit_codes is None else ()),
    ]
    if not left_out or runs_reference_worker(container):
        return
    Annotations.of(scope).add_warning_v2(
        "bixarena-constructs:signalsOfAnotherImage",
        f"{container.container_name} is read as {WORKER_IMAGE}, but its image is another; unless "
        "it writes the same log lines, alarms stay on though its runs are good; set "
        f"{', '.join(left_out)} in SnapshotMonitoring(signals=WorkerSignals(...)), or "
        "acknowledge this for a copy of that worker",
    )


publication.publish()
