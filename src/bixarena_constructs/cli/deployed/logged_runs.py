"""Past runs as the worker's log has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bixarena_constructs.cli.deployed.log_lines import ENDS, fields_of
from bixarena_constructs.cli.deployed.worker_log import newest_streams
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import Event, Field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bixarena_constructs.cli.deployed.log_lines import Fields
    from bixarena_constructs.cli.deployed.stack import DeployedTask

__all__ = ["LoggedRun", "contract_mismatch", "logged_runs"]

# Outcomes of runs that rank nothing.
_OUTCOMES: Final = {
    Event.CHECK_FINISHED: "checked",
    Event.PUBLISHED: "made public",
    Event.UNPUBLISHED: "made private",
}


_LIMIT: Final = 10**9


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """What the log of a run says.

    Attributes:
        id: Last part of the task's ARN.
        started_at: When, in UTC and ISO 8601.
        seconds: How long the worker took.
        snapshot: Name of the snapshots that it publishes.
        outcome: As in docs/worker.md, ``failed: CAUSE``, or None where there is no last line.
        exit_code: As the last line has it.
        published: Slugs of the leaderboards whose snapshot it made public.
        contract: Version of the worker's contract that its image keeps.
        error: Why it failed, in the worker's words.
    """

    id: str
    started_at: str | None
    seconds: float | None
    snapshot: str | None
    outcome: str | None
    exit_code: int | None
    published: tuple[str, ...]
    contract: str | None
    error: str | None


def logged_runs(task: DeployedTask, count: int, *, run_ids: Iterable[str] = ()) -> list[LoggedRun]:
    """Return the runs that logged last, the newest first; the arguments are `newest_streams`'."""
    streams = newest_streams(task, count, run_ids=run_ids)
    return [_read_lines(stream.run_id, stream.new_lines()) for stream in streams]


def contract_mismatch(task: DeployedTask, logged: Iterable[LoggedRun]) -> str | None:
    """Return how the contracts of image and stack differ.

    None if they are the same, or if one of them is unknown: no run has logged yet, or the image is
    not the reference worker.

    Args:
        task: The task.
        logged: Its last runs; one whose settings are wrong never gets as far as its contract.
    """
    expected = task.outputs.get(Output.CONTRACT_VERSION)
    found = next((run.contract for run in logged if run.contract), None)
    if None in (expected, found) or expected == found:
        return None
    return (
        f"the last run's image has version {found} of the worker's contract, the stack reads "
        f"version {expected}, so alarms and this command may misread its log; deploy with the "
        "bixarena-constructs of the image's version"
    )


def _read_lines(run_id: str, lines: Iterable[str]) -> LoggedRun:
    """Summarise the log of a run."""
    events = [fields for fields in map(fields_of, lines) if fields]
    first = events[0] if events else {}
    last: Fields = next((each for each in reversed(events) if each[Field.EVENT] in ENDS), {})
    outcome = _text(last, Field.OUTCOME) or _OUTCOMES.get(last.get(Field.EVENT, ""))
    if outcome is None and last:
        outcome = f"failed: {last.get(Field.CAUSE)}"
    started = first.get(Field.EVENT) == Event.RUN_STARTED and Field.CONTRACT in first
    published = (
        _text(each, Field.LEADERBOARD)
        for each in events
        if each[Field.EVENT] == Event.BOARD_PUBLISHED
    )
    return LoggedRun(
        id=run_id,
        started_at=_text(first, Field.TIME),
        seconds=_number(last, Field.SECONDS),
        snapshot=_text(first, Field.SNAPSHOT),
        outcome=outcome,
        exit_code=_number(last, Field.EXIT_CODE),
        published=tuple(filter(None, published)),
        contract=str(first[Field.CONTRACT]) if started else None,
        error=_text(last, Field.ERROR),
    )


# The log may hold JSON of other programs, whose fields are not the worker's.
def _text(event: Fields, name: Field) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None


# `Any`: a whole number stays one. No run takes or counts as much as the limit, nor infinity.
def _number(event: Fields, name: Field) -> Any:
    value = event.get(name)
    return value if isinstance(value, int | float) and abs(value) < _LIMIT else None
