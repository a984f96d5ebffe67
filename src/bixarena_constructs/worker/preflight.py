"""What the worker needs from the database, checked before the work instead of during it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bixarena_constructs.worker.environment_reader import MOST_AHEAD
from bixarena_constructs.worker.errors import FutureRunError, MissingGrantsError
from bixarena_constructs.worker.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from bixarena_constructs.worker.settings import Settings

__all__ = [
    "BATTLES",
    "BOARDS",
    "DATES",
    "DELETING",
    "HIDING",
    "MODELS",
    "PUBLISHING",
    "VOTERS",
    "Need",
    "check",
    "check_time",
    "counting_needs_of",
    "missing",
    "needs_of",
]

Need: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Table of schema ``api``, privilege, columns; without columns, on the table as a whole."""

MODELS: tuple[Need, ...] = (("model", "SELECT", ("id", "slug")),)
BATTLES: tuple[Need, ...] = (
    *MODELS,
    (
        "battle",
        "SELECT",
        (
            "id",
            "model1_id",
            "model2_id",
            "effective_validation_id",
            "effective_categorization_id",
        ),
    ),
    ("battle_evaluation", "SELECT", ("battle_id", "outcome")),
    ("battle_validation", "SELECT", ("id", "is_biomedical")),
    ("battle_categorization", "SELECT", ("id", "status")),
    ("battle_categorization_category", "SELECT", ("categorization_id", "category")),
)
BOARDS: tuple[Need, ...] = (
    ("leaderboard", "SELECT", ("id", "slug")),
    (
        "leaderboard_snapshot",
        "SELECT",
        ("id", "leaderboard_id", "snapshot_identifier", "visibility", "created_at"),
    ),
    ("leaderboard_entry", "SELECT", ("model_id", "snapshot_id", "rank")),
)
DATES: tuple[Need, ...] = (("battle_evaluation", "SELECT", ("created_at",)),)
VOTERS: tuple[Need, ...] = (("battle", "SELECT", ("user_id",)),)
PUBLISHING: tuple[Need, ...] = (
    (
        "leaderboard_snapshot",
        "INSERT",
        (
            "id",
            "leaderboard_id",
            "snapshot_identifier",
            "description",
            "visibility",
            "created_at",
            "updated_at",
        ),
    ),
    (
        "leaderboard_entry",
        "INSERT",
        (
            "leaderboard_id",
            "model_id",
            "snapshot_id",
            "bt_score",
            "vote_count",
            "rank",
            "bootstrap_q025",
            "bootstrap_q975",
        ),
    ),
)
HIDING: tuple[Need, ...] = (("leaderboard_snapshot", "UPDATE", ("visibility", "updated_at")),)
DELETING: tuple[Need, ...] = (("leaderboard_snapshot", "DELETE", ()),)


def needs_of(settings: Settings) -> tuple[Need, ...]:
    """List what a run needs where it writes, including what only some settings need."""
    # A relation's models are looked up where the snapshots are.
    needs = BOARDS if settings.votes_relation is None else MODELS + BOARDS
    if settings.dry_run:
        return needs
    needs += PUBLISHING
    if settings.keep_snapshots is None:
        return needs
    return needs + (DELETING if settings.old_snapshots == "delete" else HIDING)


def counting_needs_of(settings: Settings) -> tuple[Need, ...]:
    """List what a run needs where it counts; a relation is checked separately."""
    if settings.votes_relation is not None:
        return ()
    return BATTLES + VOTERS if settings.intervals == "voter" else BATTLES


def check(connection: psycopg.Connection, needs: Iterable[Need]) -> None:
    """Check that the tables, columns and privileges exist.

    Raises:
        MissingGrantsError: With all that is missing.
    """
    rows = missing(connection, needs)
    if rows:
        info = connection.info
        raise MissingGrantsError(info.user, map(_phrase, rows), host=info.host)


def missing(
    connection: psycopg.Connection, needs: Iterable[Need]
) -> list[tuple[str, str, str, str]]:
    """List the relation, column, privilege and reason of all that is missing."""
    wanted = [
        (relation, column, privilege)
        for relation, privilege, columns in needs
        for column in columns or ("",)
    ]
    relations, columns, privileges = (list(words) for words in zip(*wanted, strict=True))
    return connection.execute(
        query("missing_privileges"),
        {"relations": relations, "fields": columns, "privileges": privileges},
    ).fetchall()


def check_time(connection: psycopg.Connection, moment: datetime) -> None:
    """Check that a time has come, by the clock that dates the snapshots.

    The worker's own clock may be wrong, and the run's time may be taken from it.

    Raises:
        FutureRunError: It is more than `MOST_AHEAD` ahead.
    """
    ((now,),) = connection.execute(query("clock")).fetchall()
    latest = now + MOST_AHEAD
    if moment > latest:
        raise FutureRunError(moment, latest)


def _phrase(row: tuple[str, str, str, str]) -> str:
    relation, column, privilege, reason = row
    place = f"api.{relation}.{column}" if column else f"api.{relation}"
    return f"{privilege} on {place} ({reason})"
