"""What the worker promises to those who start it and watch it.

The worker, the construct's monitoring and the command line take these names from here. The module
imports the standard library only, so that each of them can.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from bixarena_constructs.worker.exit_codes import (
    DATA,
    DATABASE,
    DEADLINE,
    FAILURES,
    INTERNAL,
    INTERRUPTED,
    KILLED,
    NOT_INSTALLED,
    SETTINGS,
    Failure,
    failure_of,
)

__all__ = [
    "DATA",
    "DATABASE",
    "DEADLINE",
    "FAILURES",
    "INTERNAL",
    "INTERRUPTED",
    "KILLED",
    "LAST_EVENTS",
    "NOT_INSTALLED",
    "RDS_CERTIFICATES",
    "RELEASE",
    "SETTINGS",
    "VERSION",
    "EntryField",
    "Event",
    "Failure",
    "Field",
    "Outcome",
    "Variable",
    "failure_of",
]

RELEASE: Final = "0.1.0"
"""Version of this library. The build reads it here: a release changes this line."""
VERSION: Final = 1
"""Number of this contract, which goes up when a name or a meaning below changes."""


RDS_CERTIFICATES: Final = "/opt/rds/global-bundle.pem"
"""File of the worker's image with the certificates that sign those of Amazon RDS."""


class Variable(StrEnum):
    """Environment variables that the worker reads."""

    POSTGRES_HOST = "POSTGRES_HOST"
    POSTGRES_PORT = "POSTGRES_PORT"
    POSTGRES_DB = "POSTGRES_DB"
    POSTGRES_USER = "POSTGRES_USER"
    POSTGRES_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the variable's name
    POSTGRES_URL = "POSTGRES_URL"
    POSTGRES_READ_HOST = "POSTGRES_READ_HOST"
    POSTGRES_READ_PORT = "POSTGRES_READ_PORT"
    POSTGRES_READ_DB = "POSTGRES_READ_DB"
    POSTGRES_READ_USER = "POSTGRES_READ_USER"
    POSTGRES_READ_PASSWORD = "POSTGRES_READ_PASSWORD"  # noqa: S105 - the variable's name
    POSTGRES_READ_SSLMODE = "POSTGRES_READ_SSLMODE"
    POSTGRES_READ_SSLROOTCERT = "POSTGRES_READ_SSLROOTCERT"
    POSTGRES_SSLMODE = "POSTGRES_SSLMODE"
    POSTGRES_SSLROOTCERT = "POSTGRES_SSLROOTCERT"
    VOTES_RELATION = "VOTES_RELATION"
    LEADERBOARD_SLUG = "LEADERBOARD_SLUG"
    INTERVALS = "INTERVALS"
    NUM_BOOTSTRAP = "NUM_BOOTSTRAP"
    MIN_EVALS = "MIN_EVALS"
    SIGNIFICANT = "SIGNIFICANT"
    MIN_TOTAL_BATTLES = "MIN_TOTAL_BATTLES"
    MIN_TOTAL_MODELS = "MIN_TOTAL_MODELS"
    PRIOR_BATTLES = "PRIOR_BATTLES"
    SEED = "SEED"
    SCHEDULED_AT = "SCHEDULED_AT"
    MAX_RUNTIME_SECONDS = "MAX_RUNTIME_SECONDS"
    DRY_RUN = "DRY_RUN"
    KEEP_SNAPSHOTS = "KEEP_SNAPSHOTS"
    OLD_SNAPSHOTS = "OLD_SNAPSHOTS"
    LOG_FORMAT = "LOG_FORMAT"


class Event(StrEnum):
    """Events of the worker's log, the field ``event`` of each line."""

    RUN_STARTED = "run_started"
    RETRYING = "retrying"
    VOTES_COUNTED = "votes_counted"
    BOARD_RANKED = "board_ranked"
    BOARD_PUBLISHED = "board_published"
    BOARD_NOT_SHOWN = "board_not_shown"
    BOARD_STORED_PRIVATE = "board_stored_private"
    BOARD_ALREADY_PUBLISHED = "board_already_published"
    BOARD_ALREADY_PRIVATE = "board_already_private"
    BOARD_COMPUTED = "board_computed"
    BOARD_SKIPPED = "board_skipped"
    BOARD_REGRESSED = "board_regressed"
    BOARD_FAILED = "board_failed"
    BOARD_READY = "board_ready"
    RUN_FINISHED = "run_finished"
    RUN_FAILED = "run_failed"
    CHECK_FINISHED = "check_finished"
    CHECK_FAILED = "check_failed"
    PUBLISHED = "published"
    PUBLISH_FAILED = "publish_failed"
    UNPUBLISHED = "unpublished"
    UNPUBLISH_FAILED = "unpublish_failed"


LAST_EVENTS: Final = (Event.RUN_FINISHED, Event.RUN_FAILED)
"""The last event of a run is one of these, whatever happened."""


class Field(StrEnum):
    """Fields of log lines that the monitoring or the command line reads."""

    CAUSE = "cause"
    CONTRACT = "contract"
    CORRELATION_ID = "correlation_id"
    ENTRIES = "entries"
    ERROR = "error"
    EVENT = "event"
    EXIT_CODE = "exit_code"
    LEADERBOARD = "leaderboard"
    LEADERBOARD_SLUG = "leaderboard_slug"
    LEVEL = "level"
    MODELS = "models"
    MOVED = "moved"
    NEWEST_VOTE_AGE_SECONDS = "newest_vote_age_seconds"
    OUTCOME = "outcome"
    SECONDS = "seconds"
    SNAPSHOT = "snapshot"
    SNAPSHOTS_PUBLISHED = "snapshots_published"
    TIME = "time"
    TOTAL_VOTES = "total_votes"
    VOTES = "votes"


class EntryField(StrEnum):
    """Fields of a model, in `Field.ENTRIES` and, the first and last two, in `Field.MOVED`."""

    MODEL = "model"
    RANK = "rank"
    SCORE = "score"
    LOWER = "lower"
    UPPER = "upper"
    VOTES = "votes"
    FROM = "from"
    TO = "to"


class Outcome(StrEnum):
    """How a run ended, in the last line of its log."""

    PUBLISHED = "published"
    """Every leaderboard with enough votes has a public snapshot of this run's time."""
    ALREADY_PUBLISHED = "already_published"
    """The same, and another run of this time had published all of them."""
    STORED_PRIVATE = "stored_private"
    """A snapshot of this run's time is not public: it is late, or somebody hid it."""
    BELOW_THRESHOLDS = "below_thresholds"
    """No leaderboard has enough votes, and none is public."""
    REGRESSED = "regressed"
    """A leaderboard that is public has too few votes now; the others were published."""
    PARTIAL = "partial"
    """``LEADERBOARD_SLUG`` was set: the run says nothing about the other leaderboards."""
    COMPUTED = "computed"
    """A dry run."""
