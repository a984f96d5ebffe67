"""One run: count the votes, rank each leaderboard, publish a snapshot of each."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from bixarena_constructs.worker.contract import VERSION, Event, Variable
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import (
    BoardsFailedError,
    BoardsRegressedError,
    DatabaseRefusedError,
    LoginRefusedError,
    NoLeaderboardError,
    RowGoneError,
    VotesError,
    WorkerError,
)
from bixarena_constructs.worker.logs import parts_of
from bixarena_constructs.worker.ranking import (
    RankingError,
    RankingOptions,
    TooFewModelsError,
    rank,
)
from bixarena_constructs.worker.records import Snapshot, Status, entries_of
from bixarena_constructs.worker.report import (
    RunReport,
    board_fields,
    change_fields,
    ranking_fields,
)
from bixarena_constructs.worker.retries import retried
from bixarena_constructs.worker.stores import retention_of, store_for_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.interrupts import Interrupts
    from bixarena_constructs.worker.ranking import VoteCounts
    from bixarena_constructs.worker.records import Board, Entry, Votes
    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = ["run"]

_T = TypeVar("_T")
# A model that is deleted while boards are ranked takes its votes with it.
_MOST_COUNTS = 3
_EVENT_OF = {
    Status.PUBLISHED: Event.BOARD_PUBLISHED,
    Status.STORED_PRIVATE: Event.BOARD_STORED_PRIVATE,
    Status.ALREADY_PUBLISHED: Event.BOARD_ALREADY_PUBLISHED,
    Status.ALREADY_PRIVATE: Event.BOARD_ALREADY_PRIVATE,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


def run(
    settings: Settings,
    *,
    log: FilteringBoundLogger,
    store: SnapshotStore | None = None,
    deadline: Deadline | None = None,
    now: Callable[[], datetime] = _utc_now,
    interrupts: Interrupts | None = None,
) -> RunReport:
    """Publish a snapshot of each leaderboard that has enough votes.

    The last event is ``run_finished`` or ``run_failed``, whatever happens.

    Args:
        settings: What to do, and where.
        log: Where each step is logged.
        store: Where votes come from and snapshots go to. Default: - BixArena's tables in the
            settings' database.
        deadline: No wait goes beyond it. Default: - from the settings.
        now: The time of a run without ``scheduled_at``.
        interrupts: Ends the run from outside, in the midst of a step. Default: - nothing does; the
            deadline bounds what the run waits for.

    Raises:
        BoardsFailedError: Some leaderboards failed, the others were published.
        BoardsRegressedError: Some are public and have too few votes now, the others were
            published.
        WorkerError: The run ended early; see its subclasses.
    """
    started = perf_counter()
    moment = (settings.scheduled_at or now()).astimezone(UTC)
    report = RunReport(
        identifier=moment.strftime("snapshot_%Y-%m-%d_%H-%M-%S"),
        leaderboard_slug=settings.leaderboard_slug,
        dry_run=settings.dry_run,
    )
    log.info(
        Event.RUN_STARTED, snapshot=report.identifier, dry_run=settings.dry_run, contract=VERSION
    )
    deadline = deadline or Deadline(settings.max_runtime_seconds)
    try:
        where = store or store_for_run(settings, deadline)

        def work(log: FilteringBoundLogger) -> None:
            with where.session():
                _Run(
                    settings, store=where, moment=moment, report=report, deadline=deadline, log=log
                ).do()

        if interrupts is None:
            work(log)
        else:
            interrupts.carry_out(work, log=log, deadline=deadline, cancel=where.cancel)
    except Exception as error:
        known = error if isinstance(error, WorkerError) else WorkerError(repr(error))
        log.error(Event.RUN_FAILED, seconds=_since(started), **report.fields(), **known.fields())
        raise
    log.info(
        Event.RUN_FINISHED,
        outcome=report.outcome,
        exit_code=0,
        seconds=_since(started),
        **report.fields(),
    )
    return report


class _Run:
    """The steps of one run, and what they share."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: SnapshotStore,
        moment: datetime,
        report: RunReport,
        deadline: Deadline,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._moment = moment
        self._report = report
        self._deadline = deadline
        self._log = log
        self._store = store

    def do(self) -> None:
        self._retried("check_grants", lambda: self._store.check(self._moment))
        boards = self._boards()
        for recounts_left in reversed(range(_MOST_COUNTS)):
            if not boards:
                break
            votes = self._votes(boards)
            outdated = {
                board.slug
                for board in boards
                if not self._do_board(board, votes, recounts_left=recounts_left)
            }
            boards = self._still_there(outdated) if outdated else ()
            for slug in votes.unknown.keys() - self._report.failed.keys():
                self._fail(slug, votes.unknown[slug], votes, self._log.bind(leaderboard=slug))
        if self._report.failed:
            raise BoardsFailedError(self._report.failed)
        if self._report.regressed:
            raise BoardsRegressedError(self._report.regressed)

    def _boards(self) -> tuple[Board, ...]:
        """List the leaderboards that this run has yet to do."""
        identifier, slug = self._report.identifier, self._settings.leaderboard_slug
        found = self._retried("list_boards", lambda: self._store.boards(identifier))
        wanted = tuple(board for board in found if slug in (None, board.slug))
        if not wanted:
            raise NoLeaderboardError(slug, [board.slug for board in found])
        if self._settings.dry_run:
            return wanted
        for board in wanted:
            if board.existing == "public":
                self._report.already_published.append(board.slug)
                self._log.info(Event.BOARD_ALREADY_PUBLISHED, leaderboard=board.slug)
            elif board.existing is not None:
                self._report.stored_private.append(board.slug)
                self._log.info(Event.BOARD_ALREADY_PRIVATE, leaderboard=board.slug)
        return tuple(board for board in wanted if board.existing is None)

    def _still_there(self, slugs: set[str]) -> tuple[Board, ...]:
        found = self._retried("list_boards", lambda: self._store.boards(self._report.identifier))
        for gone in sorted(slugs - {board.slug for board in found}):
            self._report.skipped.append(gone)
            self._log.info(Event.BOARD_SKIPPED, leaderboard=gone, reason="deleted during the run")
        return tuple(board for board in found if board.slug in slugs)

    def _votes(self, boards: tuple[Board, ...]) -> Votes:
        started = perf_counter()
        slugs = [board.slug for board in boards]
        by_voter = self._settings.intervals in ("voter", "auto")
        votes = self._retried("count_votes", lambda: self._store.votes(slugs, by_voter=by_voter))
        self._log.info(
            Event.VOTES_COUNTED,
            models=len(votes.slug_by_model),
            votes={slug: votes.totals[slug] for slug in slugs if slug in votes.totals},
            by_voter=votes.by_voter,
            seconds=_since(started),
        )
        return votes

    def _do_board(self, board: Board, votes: Votes, *, recounts_left: int) -> bool:
        """Rank and publish a leaderboard; its faults do not affect the next one.

        Returns:
            Whether it is done; if not, its votes have to be counted again.

        Raises:
            LoginRefusedError: The next ones would be ranked for nothing.
        """
        log = self._log.bind(leaderboard=board.slug)
        try:
            reason = self._too_small(votes.of(board))
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
        except TooFewModelsError as error:
            reason = votes.in_slugs(str(error))
        except LoginRefusedError:
            raise
        except (VotesError, DatabaseRefusedError) as error:
            text = votes.in_slugs(str(error))
            if isinstance(error, RowGoneError) and recounts_left:
                attempt = _MOST_COUNTS - recounts_left
                log.warning(
                    Event.RETRYING, step="publish", attempt=attempt, error=text, wait_seconds=0
                )
                return False
            self._fail(board.slug, error, votes, log)
            return True
        if reason is not None:
            self._leave_out(board, reason, votes=votes.of(board).total, log=log)
        return True

    def _fail(
        self, slug: str, error: WorkerError, votes: Votes, log: FilteringBoundLogger
    ) -> None:
        self._report.failed[slug] = error
        log.error(Event.BOARD_FAILED, cause=error.cause, error=votes.in_slugs(str(error)))

    def _leave_out(
        self, board: Board, reason: str, *, votes: int, log: FilteringBoundLogger
    ) -> None:
        if board.shown is None:
            self._report.skipped.append(board.slug)
            log.info(Event.BOARD_SKIPPED, reason=reason, votes=votes)
        else:
            # People go on seeing it, and nothing else would report that it is old.
            self._report.regressed[board.slug] = reason
            log.error(Event.BOARD_REGRESSED, reason=reason, votes=votes, shown=board.shown)

    def _too_small(self, counts: VoteCounts) -> str | None:
        settings = self._settings
        battles, models = settings.min_total_battles, settings.min_total_models
        # As in BixArena: one leaderboard that is asked for may have as few votes as it has.
        if settings.leaderboard_slug is None and counts.cast < battles:
            return f"fewer votes than {Variable.MIN_TOTAL_BATTLES}={battles}"
        if counts.num_listed(settings.min_evals) < models:
            return f"fewer listed models than {Variable.MIN_TOTAL_MODELS}={models}"
        return None

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
            # The task has one vCPU, and its host's processors in sight: more threads would cost
            # memory and bring nothing.
            threads=1,
        )
        try:
            ranking = rank(counts, options)
        except TooFewModelsError:
            raise
        except RankingError as error:
            raise VotesError(str(error)) from error
        log.info(Event.BOARD_RANKED, seconds=_since(started), **ranking_fields(ranking, votes))
        return entries_of(ranking)

    def _publish(self, snapshot: Snapshot, votes: Votes, log: FilteringBoundLogger) -> None:
        if self._settings.dry_run:
            self._report.computed.append(snapshot.board.slug)
            parts = list(parts_of(board_fields(snapshot.entries, votes)))
            for part, entries in enumerate(parts, 1):
                log.info(Event.BOARD_COMPUTED, part=part, parts=len(parts), entries=entries)
            return
        started = perf_counter()
        done = self._retried(
            "publish", lambda: self._store.publish(snapshot, retention_of(self._settings))
        )
        self._report.boards(done.status).append(snapshot.board.slug)
        log.info(
            _EVENT_OF[done.status],
            newest_before=done.newest_public,
            snapshots_retired=done.retired,
            seconds=_since(started),
            **change_fields(done, snapshot, votes),
        )
        if done.status is Status.PUBLISHED and done.shown_instead is not None:
            log.warning(Event.BOARD_NOT_SHOWN, shown_instead=done.shown_instead)

    def _retried(self, what: str, step: Callable[[], _T]) -> _T:
        return retried(step, deadline=self._deadline, log=self._log, what=what)


def _since(started: float) -> float:
    return round(perf_counter() - started, 3)
