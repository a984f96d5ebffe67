"""Runs as the worker's log shows them, for as long as CloudWatch keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bixarena_constructs.cli.deployed.log_lines import fields_of
from bixarena_constructs.cli.deployed.worker_log import newest_streams
from bixarena_constructs.worker.contract import LAST_EVENTS, Event, Field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["LoggedRun", "logged_runs"]


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """What the log of a run says.

    Attributes:
        id: Last part of the task's ARN.
        started_at: When, in UTC and ISO 8601.
        snapshot: Name of the snapshots that it publishes.
        outcome: As in docs/worker.md, ``failed: CAUSE``, or None where there is no last line.
        exit_code: As the last line has it.
        published: Slugs of the leaderboards whose snapshot it made public.
    """

    id: str
    started_at: str | None
    snapshot: str | None
    outcome: str | None
    exit_code: int | None
    published: tuple[str, ...]


def logged_runs(task: DeployedTask, count: int) -> list[LoggedRun]:
    """Return the runs that logged last, the newest first."""
    return [
        _read_lines(stream.run_id, list(stream.new_lines()))
        for stream in newest_streams(task, count)
    ]


def _read_lines(run_id: str, lines: Iterable[str]) -> LoggedRun:
    """Summarise the log of a run."""
    events = [fields for fields in map(fields_of, lines) if fields]
    first = events[0] if events else {}
    last: dict[str, Any] = next(
        (each for each in reversed(events) if each[Field.EVENT] in LAST_EVENTS), {}
    )
    outcome = last.get(Field.OUTCOME)
    if outcome is None and last.get(Field.EVENT) == Event.RUN_FAILED:
        outcome = f"failed: {last.get(Field.CAUSE)}"
    return LoggedRun(
        id=run_id,
        started_at=first.get(Field.TIME),
        snapshot=first.get(Field.SNAPSHOT),
        outcome=outcome,
        exit_code=last.get(Field.EXIT_CODE),
        published=tuple(
            each[Field.LEADERBOARD]
            for each in events
            if each[Field.EVENT] == Event.BOARD_PUBLISHED
        ),
    )
