"""One leaderboard of a run: ranked, and published or left out."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from bixarena_constructs.worker.contract import Event, Field, Variable
from bixarena_constructs.worker.errors import (
    DatabaseRefusedError,
    LoginRefusedError,
    NoLeaderboardError,
    RowGoneError,
    VotesError,
)
from bixarena_constructs.worker.logs import parts_of
from bixarena_constructs.worker.ranking import (
    RankingError,
    RankingOptions,
    rank,
)
from bixarena_constructs.worker.records import Snapshot, Status, entries_of
from bixarena_constructs.worker.report import board_fields, change_fields, ranking_fields
from bixarena_constructs.worker.retries import retried
from bixarena_constructs.worker.store_factory import retention_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.deadline import Deadline
    from bixarena_constructs.worker.errors import WorkerError
    from bixarena_constructs.worker.ranking import VoteCounts
    from bixarena_constructs.worker.records import Board, Entry, Votes
    from bixarena_constructs.worker.report import RunReport
    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = ["MOST_COUNTS", "BoardRun", "since", "too_small", "wanted_boards"]

MOST_COUNTS = 3
"""How often a run counts: a model that is deleted during the run takes its votes with it."""
_EVENT_OF = {
    Status.PUBLISHED: Event.BOARD_PUBLISHED,
    Status.STORED_PRIVATE: Event.BOARD_STORED_PRIVATE,
    Status.ALREADY_PUBLISHED: Event.BOARD_ALREADY_PUBLISHED,
    Status.ALREADY_PRIVATE: Event.BOARD_ALREADY_PRIVATE,
}


def wanted_boards(found: Sequence[Board], slug: str | None) -> tuple[Board, ...]:
    """Return the leaderboards that a run is for: that of the slug, or all without a slug.

    Raises:
        NoLeaderboardError: None exists.
    """
    wanted = tuple(board for board in found if slug in (None, board.slug))
    if not wanted:
        raise NoLeaderboardError(slug, [board.slug for board in found])
    return wanted


def too_small(counts: VoteCounts, settings: Settings) -> str | None:
    """Return the threshold that a leaderboard is below; None if it has enough votes."""
    battles, models = settings.min_total_battles, settings.min_total_models
    # As in BixArena, this threshold does not apply to a single leaderboard that is asked for.
    if settings.leaderboard_slug is None and counts.cast < battles:
        return f"fewer votes than {Variable.MIN_TOTAL_BATTLES}={battles}"
    listed = counts.num_listed(settings.min_evals)
    if listed < models:
        return f"fewer listed models than {Variable.MIN_TOTAL_MODELS}={models}"
    if listed < 2:  # noqa: PLR2004 - a comparison has two sides
        return f"fewer than two models with {Variable.MIN_EVALS}={settings.min_evals} votes"
    return None


def since(started: float) -> float:
    """Return the seconds since a reading of ``perf_counter``."""
    return round(perf_counter() - started, 3)


class BoardRun:
    """Ranks and publishes the leaderboards of a run, each by itself."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: SnapshotStore,
        report: RunReport,
        deadline: Deadline,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._store = store
        self._report = report
        self._deadline = deadline
        self._log = log

    def do(self, board: Board, votes: Votes, *, recounts_left: int) -> bool:
        """Rank and publish a leaderboard; its faults do not affect the next one.

        Returns:
            Whether it is done; if not, its votes have to be counted again.

        Raises:
            LoginRefusedError: No other leaderboard could be published either.
        """
        log = self._log.bind(**{Field.LEADERBOARD: board.slug})
        try:
            reason = too_small(votes.of(board), self._settings)
            if reason is None:
                entries = self._rank(votes.of(board), votes, log)
                snapshot = Snapshot(
                    id=uuid4(),
                    board=board,
                    identifier=self._report.identifier,
                    evaluations=votes.of(board).cast,
                    entries=entries,
                )
                self._publish(snapshot, votes, log)
        except LoginRefusedError:
            raise
        except (VotesError, DatabaseRefusedError) as error:
            text = votes.in_slugs(str(error))
            if isinstance(error, RowGoneError) and recounts_left:
                attempt = MOST_COUNTS - recounts_left
                log.warning(
                    Event.RETRYING,
                    step="publish",
                    attempt=attempt,
                    **{Field.ERROR: text},
                    wait_seconds=0,
                )
                return False
            self.fail(board.slug, error, votes)
            return True
        if reason is not None:
            self._leave_out(board, reason, votes=votes.of(board).total, log=log)
        return True

    def fail(self, slug: str, error: WorkerError, votes: Votes) -> None:
        """Record that a leaderboard failed."""
        self._report.failed[slug] = error
        fields = {
            Field.LEADERBOARD: slug,
            Field.CAUSE: error.cause,
            Field.ERROR: votes.in_slugs(str(error)),
        }
        self._log.error(Event.BOARD_FAILED, **fields)

    def _leave_out(
        self, board: Board, reason: str, *, votes: int, log: FilteringBoundLogger
    ) -> None:
        fields = {"reason": reason, Field.VOTES: votes}
        if board.shown is None:
            self._report.skipped.append(board.slug)
            log.info(Event.BOARD_SKIPPED, **fields)
        else:
            # The site keeps showing it, and nothing else would report that it is old.
            self._report.regressed[board.slug] = reason
            log.error(Event.BOARD_REGRESSED, **fields, shown=board.shown)

    def _rank(
        self, counts: VoteCounts, votes: Votes, log: FilteringBoundLogger
    ) -> tuple[Entry, ...]:
        started = perf_counter()
        settings = self._settings
        options = RankingOptions(
            prior_battles=settings.prior_battles,
            interval_method=settings.intervals,
            num_bootstrap=settings.num_bootstrap,
            min_evals=settings.min_evals,
            significant=settings.significant,
            seed=settings.seed,
            # Only rounds of resampling run in threads, and each thread costs memory.
            threads=1,
        )
        try:
            ranking = rank(counts, options)
        except RankingError as error:
            raise VotesError(str(error)) from error
        fields = {Field.SECONDS: since(started), **ranking_fields(ranking, votes)}
        log.info(Event.BOARD_RANKED, **fields)
        return entries_of(ranking)

    def _publish(self, snapshot: Snapshot, votes: Votes, log: FilteringBoundLogger) -> None:
        if self._settings.dry_run:
            self._report.computed.append(snapshot.board.slug)
            parts = list(parts_of(board_fields(snapshot.entries, votes)))
            for part, entries in enumerate(parts, 1):
                fields = {"part": part, "parts": len(parts), Field.ENTRIES: entries}
                log.info(Event.BOARD_COMPUTED, **fields)
            return
        started = perf_counter()
        retention = retention_of(self._settings)
        done = retried(
            lambda: self._store.publish(snapshot, retention),
            deadline=self._deadline,
            log=self._log,
            what="publish",
        )
        self._report.boards(done.status).append(snapshot.board.slug)
        log.info(
            _EVENT_OF[done.status],
            newest_before=done.newest_public,
            snapshots_retired=done.retired,
            **{Field.SECONDS: since(started)},
            **change_fields(done, snapshot, votes),
        )
        if done.status is Status.PUBLISHED and done.shown_instead is not None:
            log.warning(Event.BOARD_NOT_SHOWN, shown_instead=done.shown_instead)
