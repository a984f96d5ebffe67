"""What every store of snapshots promises, as tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pytest

from bixarena_constructs.worker import Entry, Retention, Snapshot, Status, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.worker import Board, Publication, SnapshotStore

__all__ = ["SnapshotStoreContract"]

_NINE: Final = "snapshot_2026-03-06_09-00-00"
_TEN: Final = "snapshot_2026-03-06_10-00-00"
_ELEVEN: Final = "snapshot_2026-03-06_11-00-00"


class SnapshotStoreContract:
    """Tests of a `SnapshotStore` for pytest: subclass it, and say how the store is opened.

    Each test needs an arena of its own, from an autouse fixture of the subclass: two leaderboards
    or more, no snapshot, and votes between three models or more on the first leaderboard.
    """

    def open_store(self) -> SnapshotStore:
        """Open the arena of this test; called again, it is another worker at the same arena.

        Raises:
            NotImplementedError: The subclass does not say how.
        """
        raise NotImplementedError("define open_store() in the subclass")

    @pytest.fixture
    def store(self) -> Iterator[SnapshotStore]:
        """A store whose session is open, as in a run."""
        store = self.open_store()
        with store.session():
            yield store

    def test_is_content_with_an_arena_that_has_all(self, store: SnapshotStore) -> None:
        """``check`` raises nothing, and ``cancel`` is harmless while nothing waits."""
        store.check()
        store.cancel()
        store.check()

    def test_lists_leaderboards_without_a_snapshot(self, store: SnapshotStore) -> None:
        """Of each, neither one of this time nor a public one is reported."""
        boards = store.boards(_TEN)
        _expect("how many leaderboards, up to two", min(len(boards), 2), 2)
        _expect("their slugs differ", len({board.slug for board in boards}), len(boards))
        _expect("none has a snapshot", {(each.existing, each.shown) for each in boards}, _NONE)

    def test_counts_the_same_votes_twice_of_models_that_it_names(
        self, store: SnapshotStore
    ) -> None:
        """The first leaderboard has votes, all of models with a slug."""
        board = store.boards(_TEN)[0]
        votes, again = (store.votes([board.slug], by_voter=False) for _ in range(2))
        _expect("a second count is the same", again.totals, votes.totals)
        counts = votes.of(board)
        _expect("how many models, up to three", min(len(counts.models), 3), 3)
        unnamed = set(counts.models) - set(votes.slug_by_model)
        _expect("models without a slug", unnamed, set())

    def test_publishes_for_one_leaderboard(self, store: SnapshotStore) -> None:
        """It is public then, and the others are as they were."""
        done = self._publish(store, _TEN)
        _expect("its status", done.status, Status.PUBLISHED)
        _expect("what was public before", done.newest_public, None)
        first, *others = store.boards(_TEN)
        _expect("the leaderboard", (first.existing, first.shown), ("public", _TEN))
        _expect("the others", {(each.existing, each.shown) for each in others}, _NONE)

    def test_tells_the_ranks_of_the_board_before(self, store: SnapshotStore) -> None:
        """So, the log says which models moved."""
        first = self._snapshot(store, _TEN)
        store.publish(first, None)
        done = self._publish(store, _ELEVEN)
        _expect("what was public before", done.newest_public, _TEN)
        _expect("its ranks", dict(done.former_ranks or {}), first.ranks)

    def test_knows_its_own_snapshot_again(self, store: SnapshotStore) -> None:
        """The answer to a first attempt may be lost: the second one is no other worker's."""
        snapshot = self._snapshot(store, _TEN)
        store.publish(snapshot, None)
        _expect("the second time", store.publish(snapshot, None).status, Status.PUBLISHED)

    def test_leaves_the_snapshot_of_another_worker(self, store: SnapshotStore) -> None:
        """One leaderboard has one snapshot of a time."""
        self._publish(store, _TEN)
        _expect("the second", self._publish(store, _TEN).status, Status.ALREADY_PUBLISHED)

    def test_lets_one_of_two_workers_publish(self, store: SnapshotStore) -> None:
        """They start at the same time, for the same time."""
        snapshots = [self._snapshot(store, _TEN) for _ in range(2)]

        def publish(snapshot: Snapshot) -> Status:
            other = self.open_store()
            with other.session():
                return other.publish(snapshot, None).status

        with ThreadPoolExecutor() as workers:
            found = set(workers.map(publish, snapshots))
        _expect("their statuses", found, {Status.PUBLISHED, Status.ALREADY_PUBLISHED})

    def test_stores_a_late_snapshot_private(self, store: SnapshotStore) -> None:
        """An old board does not become the newest."""
        self._publish(store, _TEN)
        done = self._publish(store, _NINE)
        _expect("its status", done.status, Status.STORED_PRIVATE)
        _expect("the newest", done.newest_public, _TEN)
        first = store.boards(_NINE)[0]
        _expect("the leaderboard", (first.existing, first.shown), ("private", _TEN))

    def test_makes_private_and_public_again(self, store: SnapshotStore) -> None:
        """What was made private stays so when a run of that time comes again."""
        slug = store.boards(_TEN)[0].slug
        self._publish(store, _TEN)
        self._publish(store, _ELEVEN)
        hidden = store.set_visibility(_ELEVEN, None, "private")
        _expect("what was made private", list(hidden), [slug])
        again = store.set_visibility(_ELEVEN, slug, "private")
        _expect("what is left of it", list(again), [])
        _expect("what is shown instead", store.boards(_ELEVEN)[0].shown, _TEN)
        _expect("a run then", self._publish(store, _ELEVEN).status, Status.ALREADY_PRIVATE)
        other = store.set_visibility(_ELEVEN, "no-such-leaderboard", "public")
        _expect("what another leaderboard's change does", list(other), [])
        shown = store.set_visibility(_ELEVEN, slug, "public")
        _expect("what was made public", list(shown), [slug])
        _expect("what is shown then", store.boards(_ELEVEN)[0].shown, _ELEVEN)

    @pytest.mark.parametrize("delete", [False, True], ids=["hide", "delete"])
    def test_retires_older_snapshots(self, store: SnapshotStore, *, delete: bool) -> None:
        """Those beyond the newest ones, of that leaderboard."""
        for identifier in (_NINE, _TEN):
            self._publish(store, identifier)
        done = store.publish(self._snapshot(store, _ELEVEN), Retention(keep=2, delete=delete))
        _expect("how many", done.retired, 1)
        kept = [store.boards(identifier)[0].existing for identifier in (_NINE, _TEN, _ELEVEN)]
        _expect("what is left", kept, [None if delete else "private", "public", "public"])

    def test_writes_all_of_a_snapshot_or_nothing(self, store: SnapshotStore) -> None:
        """One with an entry of a model that does not exist is refused as a whole."""
        good = self._snapshot(store, _TEN)
        *others, last = good.entries
        stranger = replace(last, model=str(uuid4()))
        try:
            store.publish(replace(good, entries=(*others, stranger)), None)
        except WorkerError:
            pass
        else:
            raise AssertionError("an entry of a model that does not exist was stored")
        _expect("what was stored", store.boards(_TEN)[0].existing, None)
        _expect("another attempt", store.publish(good, None).status, Status.PUBLISHED)

    def _publish(self, store: SnapshotStore, identifier: str) -> Publication:
        return store.publish(self._snapshot(store, identifier), None)

    def _snapshot(self, store: SnapshotStore, identifier: str) -> Snapshot:
        board: Board = store.boards(identifier)[0]
        counts = store.votes([board.slug], by_voter=False).of(board)
        entries = tuple(
            Entry(
                model=model,
                score=Decimal(1000 - place),
                lower=Decimal(900 - place),
                upper=Decimal(1100 - place),
                votes=int(votes),
                rank=place,
            )
            for place, (model, votes) in enumerate(
                zip(counts.models, counts.votes_by_model, strict=True), start=1
            )
        )
        return Snapshot(
            id=uuid4(),
            board=board,
            identifier=identifier,
            evaluations=counts.cast,
            entries=entries,
        )


_NONE: Final = {(None, None)}


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: got {found!r}, expected {expected!r}")
