"""Errors of the worker: one root, and a class for each cause that a caller can act on."""

from __future__ import annotations

import signal
from datetime import UTC
from typing import TYPE_CHECKING

from bixarena_constructs.worker.contract import (
    DATA,
    DATABASE,
    DEADLINE,
    INTERNAL,
    INTERRUPTED,
    SETTINGS,
    Failure,
    Field,
    Outcome,
    Variable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime


__all__ = [
    "BoardsFailedError",
    "BoardsRegressedError",
    "DatabaseError",
    "DatabaseRefusedError",
    "DatabaseUnavailableError",
    "DeadlineError",
    "FutureRunError",
    "InterruptedRunError",
    "LoginRefusedError",
    "MissingGrantsError",
    "NoLeaderboardError",
    "NoSnapshotError",
    "NotStorableError",
    "RowGoneError",
    "SettingsError",
    "StopRun",
    "VotesError",
    "WorkerError",
]


class WorkerError(Exception):
    """A failure that the worker can explain.

    Attributes:
        failure: Its exit code and what that means.
    """

    failure: Failure = INTERNAL

    @classmethod
    def of(cls, error: Exception) -> WorkerError:
        """Return an error as it is logged: a bug is a `WorkerError` that names its class.

        Not by its ``repr``, which may contain what it is about, such as a password.
        """
        return error if isinstance(error, WorkerError) else cls(f"{type(error).__name__}: {error}")

    @property
    def cause(self) -> str | None:
        """The field ``cause`` of the last log line."""
        return self.failure.cause

    @property
    def exit_code(self) -> int:
        """Exit code of the process."""
        return self.failure.exit_code

    def fields(self) -> dict[str, object]:
        """Return the error as fields of a log line."""
        return {
            Field.CAUSE: self.cause,
            Field.EXIT_CODE: self.exit_code,
            Field.ERROR: str(self),
        }


class SettingsError(WorkerError):
    """The environment has a value that the worker cannot run with.

    Attributes:
        faults: One sentence for each variable that is wrong.
    """

    failure = SETTINGS

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))

    def fields(self) -> dict[str, object]:
        """Return the error as fields of a log line, with a list of the faults."""
        return {"faults": self.faults, **super().fields()}


class NoLeaderboardError(SettingsError):
    """The leaderboard to publish does not exist.

    Attributes:
        slug: The leaderboard that was asked for; None for all.
        existing: The leaderboards that exist.
    """

    def __init__(self, slug: str | None, existing: Iterable[str]) -> None:
        self.slug = slug
        self.existing = tuple(existing)
        fault = "no leaderboard exists; create one"
        if self.existing:
            allowed = ", ".join(self.existing)
            fault = f"{Variable.LEADERBOARD_SLUG} is {slug!r}; it must be one of {allowed}"
        super().__init__([fault])


class FutureRunError(SettingsError):
    """The time that a run is for is in the future, by the database's clock.

    Attributes:
        moment: That time.
        latest: The latest that it may be.
    """

    def __init__(self, moment: datetime, latest: datetime) -> None:
        self.moment = moment
        self.latest = latest
        fault = (
            f"the run's time is {_in_utc(moment)}; by the database's clock it must be"
            f" {_in_utc(latest)} or earlier; correct {Variable.SCHEDULED_AT} or, if that is"
            " unset, the clock of the worker's host"
        )
        super().__init__([fault])


class VotesError(WorkerError):
    """The votes cannot be ranked as they are.

    Attributes:
        models: Keys of the models at fault, where known.
    """

    failure = DATA
    models: tuple[str, ...] = ()


class NotStorableError(VotesError):
    """A number does not fit the leaderboard's columns ``numeric(10,6)``.

    Attributes:
        faults: ``(model, field, value)`` of each number that does not fit.
    """

    def __init__(self, faults: Sequence[tuple[str, str, float]]) -> None:
        self.faults = tuple(faults)
        named = ", ".join(f"{model!r}: {field} {value:g}" for model, field, value in faults[:10])
        more = f" and {len(faults) - 10} more" if len(faults) > 10 else ""  # noqa: PLR2004
        super().__init__(
            "a stored score or bound must be a number between -9999.999999 and 9999.999999, "
            f"got {named}{more}; raise {Variable.PRIOR_BATTLES} (the default is 0.5)"
        )


class BoardsRegressedError(VotesError):
    """Some leaderboards are public and have too few votes now; the others were published.

    Attributes:
        reasons: Leaderboard slug to the threshold that it is below.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        named = "; ".join(f"{slug}: {reason}" for slug, reason in self.reasons.items())
        super().__init__(
            f"public, but below a threshold now: {named}; the site keeps showing an old board:"
            " find out why votes are missing, or make all its public snapshots private"
        )

    def fields(self) -> dict[str, object]:
        """Return the error as fields of a log line."""
        return {Field.OUTCOME: Outcome.REGRESSED, **super().fields()}


class DatabaseError(WorkerError):
    """PostgreSQL could not be reached, or refused a request.

    Attributes:
        sqlstate: PostgreSQL's five-character code, if the server sent it.
    """

    failure = DATABASE

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        self.sqlstate = sqlstate
        super().__init__(message)


class DatabaseUnavailableError(DatabaseError):
    """A passing fault: the same attempt may succeed a little later."""


class DatabaseRefusedError(DatabaseError):
    """A lasting fault: the same attempt would fail again."""


class LoginRefusedError(DatabaseRefusedError):
    """The server refuses the login, so no further step can succeed."""


class RowGoneError(DatabaseRefusedError):
    """A row that was read earlier, such as a model's, has since been deleted."""


class MissingGrantsError(DatabaseRefusedError):
    """The schema or the role's privileges are not what the worker needs.

    Attributes:
        missing: Everything that is missing, one phrase for each.
    """

    def __init__(self, role: str, missing: Iterable[str], *, host: str) -> None:
        self.missing = tuple(missing)
        super().__init__(
            f"{host}: role {role!r} lacks: {'; '.join(self.missing)}"
            " (see worker/sql/grants.sql for all that it needs)"
        )


class NoSnapshotError(WorkerError):
    """No snapshot of this identifier exists that could be made public or private.

    Attributes:
        identifier: The snapshot that was asked for.
        leaderboard_slug: The only leaderboard to look at; None for all.
    """

    failure = SETTINGS

    def __init__(self, identifier: str, leaderboard_slug: str | None, wanted: str) -> None:
        self.identifier = identifier
        self.leaderboard_slug = leaderboard_slug
        place = "any leaderboard" if leaderboard_slug is None else repr(leaderboard_slug)
        present = "public" if wanted == "private" else "private"
        super().__init__(f"{identifier!r} is not {present} on {place}; nothing was changed")


class StopRun(WorkerError):  # noqa: N818 - a request, not a fault
    """The run has to end now, wherever it is."""


class DeadlineError(StopRun):
    """The run took longer than ``MAX_RUNTIME_SECONDS`` allows."""

    failure = DEADLINE


class InterruptedRunError(StopRun):
    """A signal ended the run, such as SIGTERM, by which ECS stops a task."""

    def __init__(self, signal_number: int) -> None:
        self.failure = INTERRUPTED[signal_number]
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")


class BoardsFailedError(WorkerError):
    """Some leaderboards failed; the others were published.

    Attributes:
        failures: Error by leaderboard slug.
    """

    def __init__(self, failures: Mapping[str, WorkerError]) -> None:
        self.failures = dict(failures)
        first = next(iter(self.failures.values()))
        self.failure = first.failure
        super().__init__(f"failed for {', '.join(self.failures)}; first: {first}")


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
