"""The report of a run, for its caller and as fields of its log lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bixarena_constructs.worker.contract import EntryField, Field, Outcome
from bixarena_constructs.worker.errors import BoardsFailedError, BoardsRegressedError
from bixarena_constructs.worker.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bixarena_constructs.worker.errors import WorkerError
    from bixarena_constructs.worker.ranking import Ranking
    from bixarena_constructs.worker.records import Entry, Publication, Snapshot, Votes

__all__ = [
    "RunReport",
    "board_fields",
    "change_fields",
    "identifier_of",
    "note_votes",
    "ranking_fields",
]


def identifier_of(moment: datetime) -> str:
    """Return the name of the snapshots of a scheduled time, which is in UTC."""
    return moment.strftime("snapshot_%Y-%m-%d_%H-%M-%S")


def note_votes(report: RunReport, votes: Votes) -> None:
    """Fill in how many votes were counted, and when the newest was cast."""
    report.total_votes = max(votes.totals.values(), default=0)
    report.newest_vote = votes.newest


@dataclass(kw_only=True)
class RunReport:
    """The result of each leaderboard, by slug; the run fills it as it goes.

    Attributes:
        identifier: Of the run's snapshots.
        leaderboard_slug: The only leaderboard of the run; None for all.
        dry_run: Whether the run writes nothing.
        published: Public now.
        stored_private: Stored, but not public: older than the snapshot that is, or made private
            before a second run of this time.
        already_published: Had a public snapshot of this time before, which was left unchanged.
        computed: Ranked by a dry run.
        skipped: Below a threshold, and not public.
        regressed: Below a threshold, but public; with the reason.
        failed: What went wrong.
        total_votes: Of the leaderboard that has most; None if none were counted.
        newest_vote: When the newest vote was cast, where known.
    """

    identifier: str
    leaderboard_slug: str | None = None
    dry_run: bool = False
    published: list[str] = field(default_factory=list)
    stored_private: list[str] = field(default_factory=list)
    already_published: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    regressed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, WorkerError] = field(default_factory=dict)
    total_votes: int | None = None
    newest_vote: datetime | None = None

    def boards(self, status: Status) -> list[str]:
        """Return the list of leaderboards whose snapshot has a status."""
        return {
            Status.PUBLISHED: self.published,
            Status.STORED_PRIVATE: self.stored_private,
            Status.ALREADY_PUBLISHED: self.already_published,
            Status.ALREADY_PRIVATE: self.stored_private,
        }[status]

    @property
    def outcome(self) -> Outcome:
        """How the run ended; ``published`` only if every board that was ranked is public."""
        cases = (
            (Outcome.REGRESSED, self.regressed),
            (Outcome.COMPUTED, self.dry_run),
            (Outcome.STORED_PRIVATE, self.stored_private),
            (Outcome.PARTIAL, self.leaderboard_slug),
            (Outcome.PUBLISHED, self.published),
            (Outcome.ALREADY_PUBLISHED, self.already_published),
        )
        happened = (outcome for outcome, is_so in cases if is_so)
        return next(happened, Outcome.BELOW_THRESHOLDS)

    def raise_faults(self) -> None:
        """Raise what keeps the run from being a success.

        Raises:
            BoardsFailedError: Some leaderboards failed, the others are done.
            BoardsRegressedError: Some are public and have too few votes now.
        """
        if self.failed:
            raise BoardsFailedError(self.failed)
        if self.regressed:
            raise BoardsRegressedError(self.regressed)

    def fields(self) -> dict[str, object]:
        """Return the report as fields of a log line."""
        return {
            Field.SNAPSHOT: self.identifier,
            Field.LEADERBOARD_SLUG: self.leaderboard_slug,
            Field.SNAPSHOTS_PUBLISHED: len(self.published),
            "snapshots_stored_private": len(self.stored_private),
            "boards_already_published": len(self.already_published),
            "boards_skipped": list(self.skipped),
            "boards_regressed": list(self.regressed),
            "boards_failed": list(self.failed),
            Field.TOTAL_VOTES: self.total_votes,
            "newest_vote": self.newest_vote and self.newest_vote.isoformat(),
            Field.NEWEST_VOTE_AGE_SECONDS: self.newest_vote and _age_seconds(self.newest_vote),
        }


def _age_seconds(moment: datetime) -> int:
    # The database's clock may be ahead of this one.
    return max(0, int((datetime.now(UTC) - moment).total_seconds()))


def ranking_fields(ranking: Ranking, votes: Votes) -> dict[str, object]:
    """Return what the log says about a ranking in addition to its entries."""
    first = ranking.entries[0]
    return {
        Field.VOTES: ranking.total_votes,
        Field.MODELS: len(ranking.entries),
        "first": votes.slug(first.model),
        "probability_best": first.probability_best and round(first.probability_best, 4),
        "intervals": ranking.interval_method,
        "effective_voters": ranking.effective_voters and round(ranking.effective_voters, 1),
        "unlisted": [votes.slug(each.model) for each in ranking.unlisted],
        "self_battles": ranking.self_battles,
        # No vote compares models of two groups: their distance is the prior's alone.
        "separate_groups": [
            [votes.slug(model) for model in group]
            for group in (ranking.groups if len(ranking.groups) > 1 else ())
        ],
    }


def board_fields(entries: Iterable[Entry], votes: Votes) -> list[dict[str, object]]:
    """Return the entries of a board for the log of a dry run."""
    return [
        {
            EntryField.RANK: entry.rank,
            EntryField.MODEL: votes.slug(entry.model),
            EntryField.SCORE: float(entry.score),
            EntryField.LOWER: float(entry.lower),
            EntryField.UPPER: float(entry.upper),
            EntryField.VOTES: entry.votes,
        }
        for entry in entries
    ]


def change_fields(done: Publication, snapshot: Snapshot, votes: Votes) -> dict[str, object]:
    """Return the models that moved, are new or are gone since the board that was public before."""
    former = done.former_ranks
    if former is None:
        return {}
    current = snapshot.ranks
    return {
        Field.MOVED: [
            {
                EntryField.MODEL: votes.slug(model),
                EntryField.FROM: former[model],
                EntryField.TO: place,
            }
            for model, place in current.items()
            if former.get(model, place) != place
        ],
        "new": [votes.slug(model) for model in current if model not in former],
        "gone": [votes.slug(model) for model in former if model not in current],
    }
