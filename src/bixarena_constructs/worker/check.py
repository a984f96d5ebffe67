"""A run that ends before it ranks: login, grants, settings and thresholds; it writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bixarena_constructs.worker.board_run import BoardRun, too_small, wanted_boards
from bixarena_constructs.worker.contract import RELEASE, VERSION, Event, Field
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import VotesError, WorkerError
from bixarena_constructs.worker.interrupts import carried_out
from bixarena_constructs.worker.report import RunReport, identifier_of, note_votes
from bixarena_constructs.worker.retries import retried
from bixarena_constructs.worker.store_factory import store_for_run

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from bixarena_constructs.worker.interrupts import Interrupts
    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = ["check"]


def check(
    settings: Settings,
    *,
    log: FilteringBoundLogger,
    store: SnapshotStore | None = None,
    interrupts: Interrupts | None = None,
) -> None:
    """Do all that a run does up to the ranking, and log which leaderboards it would publish.

    The last event is ``check_finished`` or ``check_failed``: no watcher takes it for a run's.

    Args:
        settings: As for a run.
        log: Where the result is logged.
        store: As for a run. Default: - BixArena's tables in the settings' database.
        interrupts: As for a run. Default: - none.

    Raises:
        BoardsRegressedError: Some leaderboards are public and have too few votes now.
        WorkerError: A run would fail in the same way.
    """
    deadline = Deadline(settings.max_runtime_seconds)
    moment = (settings.scheduled_at or datetime.now(UTC)).astimezone(UTC)
    report = RunReport(identifier=identifier_of(moment))
    versions = {Field.CONTRACT: VERSION, "release": RELEASE}
    try:
        place = store or store_for_run(settings, deadline)

        def work(log: FilteringBoundLogger) -> None:
            with place.session():
                _look(settings, place, report, moment=moment, deadline=deadline, log=log)

        carried_out(interrupts, work, log=log, deadline=deadline, cancel=place.cancel)
    except Exception as error:
        log.error(Event.CHECK_FAILED, **versions, **WorkerError.of(error).fields())
        raise
    fields = {
        Field.EXIT_CODE: 0,
        **versions,
        "boards_ready": report.computed,
        "boards_skipped": report.skipped,
        Field.TOTAL_VOTES: report.total_votes,
        "newest_vote": report.newest_vote and report.newest_vote.isoformat(),
    }
    log.info(Event.CHECK_FINISHED, **fields)


def _look(
    settings: Settings,
    store: SnapshotStore,
    report: RunReport,
    *,
    moment: datetime,
    deadline: Deadline,
    log: FilteringBoundLogger,
) -> None:
    """Fill the report with what a run would do."""
    retried(lambda: store.check(moment), deadline=deadline, log=log, what="check_grants")
    found = retried(
        lambda: store.boards(report.identifier), deadline=deadline, log=log, what="list_boards"
    )
    boards = wanted_boards(found, settings.leaderboard_slug)
    slugs = [board.slug for board in boards]
    votes = retried(
        lambda: store.votes(slugs, by_voter=settings.counts_by_voter),
        deadline=deadline,
        log=log,
        what="count_votes",
    )
    note_votes(report, votes)
    each = BoardRun(settings, store=store, report=report, deadline=deadline, log=log)
    for slug, error in votes.unknown.items():
        each.fail(slug, error, votes)
    for board in boards:
        try:
            counts = votes.of(board)
        except VotesError as error:
            each.fail(board.slug, error, votes)
            continue
        reason = too_small(counts, settings)
        fields = {
            Field.LEADERBOARD: board.slug,
            Field.VOTES: counts.total,
            Field.MODELS: counts.num_listed(settings.min_evals),
            "shown": board.shown,
        }
        if reason is None:
            report.computed.append(board.slug)
            log.info(Event.BOARD_READY, **fields)
        elif board.shown is None:
            report.skipped.append(board.slug)
            log.info(Event.BOARD_SKIPPED, reason=reason, **fields)
        else:
            report.regressed[board.slug] = reason
            log.error(Event.BOARD_REGRESSED, reason=reason, **fields)
    report.raise_faults()
