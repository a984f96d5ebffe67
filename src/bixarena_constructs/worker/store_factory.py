"""BixArena's store, connected to the servers that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.worker.database import Database
from bixarena_constructs.worker.errors import SettingsError
from bixarena_constructs.worker.preflight import HIDING, counting_needs_of, needs_of
from bixarena_constructs.worker.records import Retention
from bixarena_constructs.worker.store import Store
from bixarena_constructs.worker.votes_relation import VotesRelation

if TYPE_CHECKING:
    from bixarena_constructs.worker.deadline import Deadline
    from bixarena_constructs.worker.settings import DatabaseSettings, Settings

__all__ = ["retention_of", "store_for_run", "store_for_visibility"]


def store_for_run(settings: Settings, deadline: Deadline) -> Store:
    """Connect a run: where it counts and where it writes."""
    primary = Database(_database_of(settings), deadline)
    elsewhere = settings.read_database
    if settings.votes_relation is not None:
        # Not the primary's own connection, which is kept: this one is closed after each query.
        relation = VotesRelation(
            Database(elsewhere or _database_of(settings), deadline),
            settings.votes_relation,
            leaderboard=settings.leaderboard_slug,
            needs_voters=settings.intervals == "voter",
        )
        return Store(primary, primary, needs=needs_of(settings), relation=relation)
    reader = primary if elsewhere is None else Database(elsewhere, deadline)
    return Store(
        # A dry run does not use the primary if there is a replica.
        reader if settings.dry_run else primary,
        reader,
        needs=needs_of(settings),
        counting_needs=counting_needs_of(settings),
    )


def store_for_visibility(settings: Settings, deadline: Deadline) -> Store:
    """Connect a command that makes snapshots public or private."""
    database = Database(_database_of(settings), deadline)
    return Store(database, database, needs=HIDING)


def retention_of(settings: Settings) -> Retention | None:
    """Return what happens to older public snapshots; None for nothing."""
    if settings.keep_snapshots is None:
        return None
    return Retention(keep=settings.keep_snapshots, delete=settings.old_snapshots == "delete")


def _database_of(settings: Settings) -> DatabaseSettings:
    if settings.database is None:
        raise SettingsError(["the settings name no database, and no other store was passed"])
    return settings.database
