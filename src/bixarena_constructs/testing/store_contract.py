"""What every store of snapshots promises, as tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pytest

from bixarena_constructs.worker import (
    Entry,
    FutureRunError,
    Retention,
    Snapshot,
    Status,
    WorkerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bixarena_constructs.worker import Board, Publication, SnapshotStore

__all__ = ["SnapshotStoreContract"]

_NINE: Final = "snapshot_2026-03-06_09-00-00"
_TEN: Final = "snapshot_2026-03-06_10-00-00"
_ELEVEN: Final = "snapshot_2026-03-06_11-00-00"
_TWELVE: Final = "snapshot_2026-03-06_12-00-00"


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
        store.check(datetime.now(UTC))

    def test_refuses_a_time_that_has_not_come(self, store: SnapshotStore) -> None:
        """A run for it would keep later ones from being public."""
        with pytest.raises(FutureRunError):
            store.check(datetime.now(UTC) + timedelta(days=1))

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
        _expect("whether they are by voter, unasked", votes.by_voter, False)  # noqa: FBT003
        soon = datetime.now(UTC) + timedelta(minutes=5)
        is_to_come = votes.newest is not None and votes.newest > soon
        _expect("whether the newest is of the future", is_to_come, False)  # noqa: FBT003
        counts = votes.of(board)
        _expect("how many models, up to three", min(len(counts.models), 3), 3)
        unnamed = [model for model in counts.models if not votes.slug_by_model.get(model)]
        _expect("models without a slug", unnamed, [])

    def test_counts_a_leaderboard_alone_as_with_all_others(self, store: SnapshotStore) -> None:
        """No vote of one leaderboard counts on another."""
        boards = store.boards(_TEN)
        together = store.votes([board.slug for board in boards], by_voter=False)
        for board in boards:
            alone = store.votes([board.slug], by_voter=False)
            _expect(
                f"the votes of {board.slug!r} alone",
                alone.totals.get(board.slug),
                together.totals.get(board.slug),
            )

    def test_publishes_for_one_leaderboard(self, store: SnapshotStore) -> None:
        """It is public then, and the others are as they were."""
        self._publish(store, _ELEVEN, place=1)
        done = self._publish(store, _TEN)
        _expect("its status", done.status, Status.PUBLISHED)
        _expect("what was public before", done.newest_public, None)
        _expect("the ranks before", dict(done.former_ranks or {}), {})
        first, second, *others = store.boards(_TEN)
        _expect("the leaderboard", (first.existing, first.shown), ("public", _TEN))
        _expect("the second", (second.existing, second.shown), (None, _ELEVEN))
        _expect("the others", {(each.existing, each.shown) for each in others} - _NONE, set())

    def test_returns_the_ranks_of_the_board_before(self, store: SnapshotStore) -> None:
        """So, the log says which models moved; what is private was not before."""
        first = self._snapshot(store, _TEN)
        store.publish(first, None)
        hidden = self._snapshot(store, _ELEVEN)
        moved = (*hidden.entries[1:], hidden.entries[0])
        ranked = (replace(entry, rank=rank) for rank, entry in enumerate(moved, start=1))
        store.publish(replace(hidden, entries=tuple(ranked)), None)
        store.set_visibility(_ELEVEN, None, "private")
        done = self._publish(store, _TWELVE)
        _expect("what was public before", done.newest_public, _TEN)
        _expect("its ranks", dict(done.former_ranks or {}), first.ranks)

    def test_knows_its_own_snapshot_again(self, store: SnapshotStore) -> None:
        """The answer to a first attempt may be lost: the second one is no other worker's."""
        snapshot, late = self._snapshot(store, _TEN), self._snapshot(store, _NINE)
        for each, status in ((snapshot, Status.PUBLISHED), (late, Status.STORED_PRIVATE)):
            store.publish(each, None)
            _expect("the second time", store.publish(each, None).status, status)

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
        # Stored last and public now, but not the newest for that.
        store.set_visibility(_NINE, None, "public")
        _expect("the newest then", self._publish(store, _ELEVEN).newest_public, _TEN)

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
        """Those public ones beyond the newest, of that leaderboard."""
        keep = Retention(keep=2, delete=delete)
        for identifier in (_NINE, _TEN):
            self._publish(store, identifier)
            self._publish(store, identifier, place=1)
        store.set_visibility(_TEN, store.boards(_TEN)[0].slug, "private")
        done = store.publish(self._snapshot(store, _ELEVEN), keep)
        _expect("how many where two are public", done.retired, 0)
        done = store.publish(self._snapshot(store, _TWELVE), keep)
        _expect("how many where three are", done.retired, 1)
        names = (_NINE, _TEN, _ELEVEN, _TWELVE)
        first, second = (
            [store.boards(identifier)[place].existing for identifier in names] for place in (0, 1)
        )
        gone = None if delete else "private"
        _expect("what is left", first, [gone, "private", "public", "public"])
        _expect("what is left of the second", second, ["public", "public", None, None])

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

    def _publish(self, store: SnapshotStore, identifier: str, *, place: int = 0) -> Publication:
        return store.publish(self._snapshot(store, identifier, place=place), None)

    def _snapshot(self, store: SnapshotStore, identifier: str, *, place: int = 0) -> Snapshot:
        boards: Sequence[Board] = store.boards(identifier)
        # The second leaderboard may have no votes.
        counts = store.votes([boards[0].slug], by_voter=False).of(boards[0])
        entries = tuple(
            Entry(
                model=model,
                score=Decimal(1000 - rank),
                lower=Decimal(900 - rank),
                upper=Decimal(1100 - rank),
                votes=int(votes),
                rank=rank,
            )
            for rank, (model, votes) in enumerate(
                zip(counts.models, counts.votes_by_model, strict=True), start=1
            )
        )
        return Snapshot(
            id=uuid4(),
            board=boards[place],
            identifier=identifier,
            evaluations=counts.cast,
            entries=entries,
        )


_NONE: Final = {(None, None)}


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: got {found!r}, expected {expected!r}")
