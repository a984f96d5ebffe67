"""One run: count the votes, rank each leaderboard, publish a snapshot of each."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from bixarena_constructs.worker.board_run import MOST_COUNTS, BoardRun, since, wanted_boards
from bixarena_constructs.worker.contract import RELEASE, VERSION, Event, Field
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import WorkerError
from bixarena_constructs.worker.interrupts import carried_out
from bixarena_constructs.worker.report import RunReport, identifier_of, note_votes
from bixarena_constructs.worker.retries import retried
from bixarena_constructs.worker.store_factory import store_for_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.interrupts import Interrupts
    from bixarena_constructs.worker.records import Board, Votes
    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = ["run"]

_T = TypeVar("_T")


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
        interrupts: Ends the run from outside, even in the middle of a step. Default: - nothing
            does; the deadline limits every wait.

    Raises:
        BoardsFailedError: Some leaderboards failed, the others were published.
        BoardsRegressedError: Some are public and have too few votes now, the others were
            published.
        WorkerError: The run ended early; see its subclasses.
    """
    started = perf_counter()
    moment = (settings.scheduled_at or now()).astimezone(UTC)
    report = RunReport(
        identifier=identifier_of(moment),
        leaderboard_slug=settings.leaderboard_slug,
        dry_run=settings.dry_run,
    )
    fields = {
        Field.SNAPSHOT: report.identifier,
        "dry_run": settings.dry_run,
        Field.CONTRACT: VERSION,
        "release": RELEASE,
    }
    log.info(Event.RUN_STARTED, **fields)
    deadline = deadline or Deadline(settings.max_runtime_seconds)
    try:
        where = store or store_for_run(settings, deadline)

        def work(log: FilteringBoundLogger) -> None:
            with where.session():
                _Run(
                    settings, store=where, moment=moment, report=report, deadline=deadline, log=log
                ).do()

        carried_out(interrupts, work, log=log, deadline=deadline, cancel=where.cancel)
    except Exception as error:
        took = {Field.SECONDS: since(started)}
        log.error(Event.RUN_FAILED, **took, **report.fields(), **WorkerError.of(error).fields())
        raise
    ended = {Field.OUTCOME: report.outcome, Field.EXIT_CODE: 0, Field.SECONDS: since(started)}
    log.info(Event.RUN_FINISHED, **ended, **report.fields())
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
        each = BoardRun(
            self._settings,
            store=self._store,
            report=self._report,
            deadline=self._deadline,
            log=self._log,
        )
        for recounts_left in reversed(range(MOST_COUNTS)):
            if not boards:
                break
            votes = self._votes(boards)
            outdated = {
                board.slug
                for board in boards
                if not each.do(board, votes, recounts_left=recounts_left)
            }
            boards = self._still_there(outdated) if outdated else ()
            for slug in votes.unknown.keys() - self._report.failed.keys():
                each.fail(slug, votes.unknown[slug], votes)
        self._report.raise_faults()

    def _boards(self) -> tuple[Board, ...]:
        """List the leaderboards that this run has yet to do."""
        found = self._retried("list_boards", lambda: self._store.boards(self._report.identifier))
        wanted = wanted_boards(found, self._settings.leaderboard_slug)
        if self._settings.dry_run:
            return wanted
        for board in wanted:
            log = self._log.bind(**{Field.LEADERBOARD: board.slug})
            if board.existing == "public":
                self._report.already_published.append(board.slug)
                log.info(Event.BOARD_ALREADY_PUBLISHED)
            elif board.existing is not None:
                self._report.stored_private.append(board.slug)
                log.info(Event.BOARD_ALREADY_PRIVATE)
        return tuple(board for board in wanted if board.existing is None)

    def _still_there(self, slugs: set[str]) -> tuple[Board, ...]:
        found = self._retried("list_boards", lambda: self._store.boards(self._report.identifier))
        for gone in sorted(slugs - {board.slug for board in found}):
            self._report.skipped.append(gone)
            fields = {Field.LEADERBOARD: gone, "reason": "deleted during the run"}
            self._log.info(Event.BOARD_SKIPPED, **fields)
        return tuple(board for board in found if board.slug in slugs)

    def _votes(self, boards: tuple[Board, ...]) -> Votes:
        started = perf_counter()
        slugs = [board.slug for board in boards]
        by_voter = self._settings.counts_by_voter
        votes = self._retried("count_votes", lambda: self._store.votes(slugs, by_voter=by_voter))
        note_votes(self._report, votes)
        fields = {
            Field.MODELS: len(votes.slug_by_model),
            Field.VOTES: {slug: votes.totals[slug] for slug in slugs if slug in votes.totals},
            "by_voter": votes.by_voter,
            Field.SECONDS: since(started),
        }
        self._log.info(Event.VOTES_COUNTED, **fields)
        return votes

    def _retried(self, what: str, step: Callable[[], _T]) -> _T:
        return retried(step, deadline=self._deadline, log=self._log, what=what)
