"""The undo of a run: makes its snapshots private again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.worker.database import Database
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import NoSnapshotError, WorkerError
from bixarena_constructs.worker.preflight import HIDING
from bixarena_constructs.worker.retries import retried
from bixarena_constructs.worker.store import Store

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.settings import Settings

__all__ = ["unpublish"]


def unpublish(
    settings: Settings, identifier: str, *, log: FilteringBoundLogger
) -> tuple[str, ...]:
    """Make the public snapshots of one time private; the site falls back to the ones before.

    Args:
        settings: Where; with ``leaderboard_slug``, only that leaderboard's.
        identifier: Such as ``snapshot_2026-03-06_10-00-00``.
        log: Told what was done.

    Returns:
        Slugs of the leaderboards whose snapshot was public.

    Raises:
        NoSnapshotError: None was.
        WorkerError: The database was not available or refused it.
    """
    deadline = Deadline(settings.max_runtime_seconds)
    database = Database(settings.database, deadline)
    store = Store(database, database)
    slug = settings.leaderboard_slug
    try:
        retried(lambda: store.check(HIDING), deadline=deadline, log=log, what="check_grants")
        slugs = retried(
            lambda: store.unpublish(identifier, slug), deadline=deadline, log=log, what="unpublish"
        )
        if not slugs:
            raise NoSnapshotError(identifier, slug)
    except WorkerError as error:
        log.error("unpublish_failed", snapshot=identifier, **error.fields())
        raise
    log.info("unpublished", snapshot=identifier, leaderboards=slugs, exit_code=0)
    return slugs
