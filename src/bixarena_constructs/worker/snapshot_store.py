"""What a run needs from the store of its votes and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from bixarena_constructs.worker.records import (
        Board,
        Publication,
        Retention,
        Snapshot,
        Visibility,
        Votes,
    )

__all__ = ["SnapshotStore"]


class SnapshotStore(Protocol):
    """Reads votes and keeps snapshots, for `run`.

    The worker's own store is BixArena's PostgreSQL. Another one is any object with these methods;
    `bixarena_constructs.testing.SnapshotStoreContract` tests that it keeps what they promise.

    Each method is one attempt. A `DatabaseUnavailableError` lets the run try again until its
    deadline; a `VotesError` or `DatabaseRefusedError` from ``publish`` fails that leaderboard
    alone; everything else ends the run.
    """

    def session(self) -> AbstractContextManager[object]:
        """Keep what is expensive to open, such as a connection, for the duration of a run.

        Entered in the thread that calls all other methods but `cancel`.
        """

    def check(self, moment: datetime | None = None) -> None:
        """Raise what would fail later anyway, before any work is done.

        Args:
            moment: The time that the run is for, if it is a run. A time in the future, by the
                store's clock, is a `FutureRunError`.

        Raises:
            WorkerError: The store does not have, or may not do, what a run needs.
        """

    def boards(self, identifier: str) -> Sequence[Board]:
        """List the leaderboards, in the order in which they are done.

        Args:
            identifier: Name of the run's snapshots, whose visibility is ``Board.existing``.
        """

    def votes(self, slugs: Sequence[str], *, by_voter: bool) -> Votes:
        """Count the votes of some leaderboards, all as of one moment.

        `Votes.from_cells` makes the result of rows.

        Args:
            slugs: The leaderboards; votes for others are ignored.
            by_voter: Whether to count by voter as well, where the store knows the voters.
        """

    def publish(self, snapshot: Snapshot, retention: Retention | None) -> Publication:
        """Store a snapshot and make it public: all of it, or nothing.

        A snapshot of the same leaderboard and identifier is left unchanged. One whose identifier
        sorts before that of the newest public snapshot is stored private.

        Args:
            snapshot: What to store. After a lost answer it is passed again, with the same ``id``.
            retention: What to do with older public snapshots. Default: - nothing.
        """

    def set_visibility(
        self, identifier: str, slug: str | None, visibility: Visibility
    ) -> Sequence[str]:
        """Make the snapshots of one time public or private.

        Args:
            identifier: Their name.
            slug: The only leaderboard whose snapshot is meant; None for all.
            visibility: What they become.

        Returns:
            Slugs of the leaderboards whose snapshot was not that before.
        """

    def cancel(self) -> None:
        """Interrupt what another thread is waiting for in this store, if anything.

        Called from the main thread when the run is stopped, at any moment.
        """
