"""The undo of a run, and the undo of that: makes its snapshots private or public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.worker.contract import Event, Field
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import NoSnapshotError, WorkerError
from bixarena_constructs.worker.interrupts import carried_out
from bixarena_constructs.worker.retries import retried
from bixarena_constructs.worker.store_factory import store_for_visibility

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.interrupts import Interrupts
    from bixarena_constructs.worker.records import Visibility
    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = ["publish", "unpublish"]

# The last event of a change to a visibility: done, failed.
_LAST_EVENTS: Final[Mapping[Visibility, tuple[Event, Event]]] = {
    "public": (Event.PUBLISHED, Event.PUBLISH_FAILED),
    "private": (Event.UNPUBLISHED, Event.UNPUBLISH_FAILED),
}


def publish(
    settings: Settings,
    identifier: str,
    *,
    log: FilteringBoundLogger,
    store: SnapshotStore | None = None,
    interrupts: Interrupts | None = None,
) -> tuple[str, ...]:
    """Make the private snapshots of one time public, such as those of a late run.

    Args:
        settings: Where; with ``leaderboard_slug``, only that leaderboard's.
        identifier: Such as ``snapshot_2026-03-06_10-00-00``.
        log: Where the change is logged.
        store: As for a run. Default: - BixArena's tables in the settings' database.
        interrupts: As for a run. Default: - none.

    Returns:
        Slugs of the leaderboards whose snapshot was private.

    Raises:
        NoSnapshotError: None was.
        WorkerError: The database was not available or refused it.
    """
    return _logged_change(
        settings, identifier, "public", log=log, store=store, interrupts=interrupts
    )


def unpublish(
    settings: Settings,
    identifier: str,
    *,
    log: FilteringBoundLogger,
    store: SnapshotStore | None = None,
    interrupts: Interrupts | None = None,
) -> tuple[str, ...]:
    """Make the public snapshots of one time private; the site falls back to the ones before.

    Args:
        settings: Where; with ``leaderboard_slug``, only that leaderboard's.
        identifier: Such as ``snapshot_2026-03-06_10-00-00``.
        log: Where the change is logged.
        store: As for a run. Default: - BixArena's tables in the settings' database.
        interrupts: As for a run. Default: - none.

    Returns:
        Slugs of the leaderboards whose snapshot was public.

    Raises:
        NoSnapshotError: None was.
        WorkerError: The database was not available or refused it.
    """
    return _logged_change(
        settings, identifier, "private", log=log, store=store, interrupts=interrupts
    )


def _logged_change(
    settings: Settings,
    identifier: str,
    visibility: Visibility,
    *,
    log: FilteringBoundLogger,
    store: SnapshotStore | None,
    interrupts: Interrupts | None,
) -> tuple[str, ...]:
    done, failed = _LAST_EVENTS[visibility]
    try:
        slugs = _set_visibility(
            settings, identifier, visibility, log=log, store=store, interrupts=interrupts
        )
    except Exception as error:
        log.error(failed, **{Field.SNAPSHOT: identifier}, **WorkerError.of(error).fields())
        raise
    fields = {Field.SNAPSHOT: identifier, "leaderboards": slugs, Field.EXIT_CODE: 0}
    log.info(done, **fields)
    return slugs


def _set_visibility(
    settings: Settings,
    identifier: str,
    visibility: Visibility,
    *,
    log: FilteringBoundLogger,
    store: SnapshotStore | None,
    interrupts: Interrupts | None,
) -> tuple[str, ...]:
    deadline = Deadline(settings.max_runtime_seconds)
    slug = settings.leaderboard_slug
    place = store or store_for_visibility(settings, deadline)

    def work(log: FilteringBoundLogger) -> Sequence[str]:
        with place.session():
            retried(place.check, deadline=deadline, log=log, what="check_grants")
            return retried(
                lambda: place.set_visibility(identifier, slug, visibility),
                deadline=deadline,
                log=log,
                what=f"make_{visibility}",
            )

    slugs = carried_out(interrupts, work, log=log, deadline=deadline, cancel=place.cancel)
    if not slugs:
        raise NoSnapshotError(identifier, slug, visibility)
    return tuple(slugs)
