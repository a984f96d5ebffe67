"""Frozen rows that the store returns and takes, so that no driver type leaves it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from bixarena_constructs.worker.cells import counted
from bixarena_constructs.worker.contract import Outcome, Variable
from bixarena_constructs.worker.errors import NotStorableError, VotesError
from bixarena_constructs.worker.ranking import VoteCounts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from bixarena_constructs.worker.cells import CountedCell
    from bixarena_constructs.worker.ranking import RankedModel, Ranking

__all__ = [
    "Board",
    "Entry",
    "Publication",
    "Retention",
    "Snapshot",
    "Status",
    "Visibility",
    "Votes",
    "check_storable",
    "entries_of",
]

Visibility: TypeAlias = Literal["public", "private"]
"""Who sees a snapshot: everybody, or users of the database."""

# A key may be as short as "1", so it is not looked for inside of words and numbers.
_QUOTED = re.compile(r"(?<=')[^']+(?=')|(?<=\()[^()]+(?=\))")
_SIX_DECIMALS = Decimal("0.000001")
_STORED_LIMIT = 10**4
_NO_VOTES = VoteCounts.from_cells(())


@dataclass(frozen=True, kw_only=True)
class Board:
    """A leaderboard.

    Attributes:
        id: Its key, whatever the store's is.
        slug: Its name, such as ``overall``.
        existing: Visibility of its snapshot of this run's time, if it has one.
        shown: Identifier of the newest public snapshot, ignoring the future, if it has one.
    """

    id: UUID | str | int
    slug: str
    existing: str | None
    shown: str | None


@dataclass(frozen=True, kw_only=True)
class Votes:
    """All that the boards of a run are computed from, from one state of the database.

    Attributes:
        slug_by_model: Model key to its slug.
        by_leaderboard: Leaderboard slug to its votes, or to why they cannot be counted; one
            without votes is absent.
        unknown: The same for leaderboards that have votes but do not exist.
        newest: When the newest vote was cast, with its offset and ignoring the future, where the
            store knows.

    Raises:
        ValueError: ``newest`` has no offset.
    """

    slug_by_model: Mapping[str, str]
    by_leaderboard: Mapping[str, VoteCounts | VotesError]
    unknown: Mapping[str, VotesError] = field(default_factory=dict)
    newest: datetime | None = None

    def __post_init__(self) -> None:
        if self.newest is not None and self.newest.tzinfo is None:
            raise ValueError(f"newest is {self.newest}; it must have an offset, such as UTC")

    @classmethod
    def from_cells(
        cls,
        cells: Iterable[CountedCell],
        *,
        slug_by_model: Mapping[str, str],
        leaderboards: Collection[str],
        newest: datetime | None = None,
    ) -> Self:
        """Count votes that come with how often each was cast.

        A cell that cannot be counted, of an unknown outcome or model or with fewer votes than 1,
        fails its leaderboard and no other.

        Args:
            cells: In any order; they are read once and not kept.
            slug_by_model: Key to slug of all models that exist.
            leaderboards: Slugs of all leaderboards that exist.
            newest: When the newest vote was cast, with its offset. Default: - not known.
        """
        counts, unknown = counted(cells, models=slug_by_model, leaderboards=leaderboards)
        return cls(
            slug_by_model=slug_by_model, by_leaderboard=counts, unknown=unknown, newest=newest
        )

    def of(self, board: Board) -> VoteCounts:
        """Return the votes of a leaderboard.

        Raises:
            VotesError: They cannot be counted.
        """
        counts = self.by_leaderboard.get(board.slug, _NO_VOTES)
        if isinstance(counts, VotesError):
            raise counts
        return counts

    @property
    def by_voter(self) -> bool:
        """Whether any of them are counted by voter as well."""
        return any(
            isinstance(counts, VoteCounts) and counts.voters is not None
            for counts in self.by_leaderboard.values()
        )

    @property
    def totals(self) -> dict[str, int]:
        """Number of counted votes by leaderboard slug."""
        return {
            slug: counts.total
            for slug, counts in self.by_leaderboard.items()
            if isinstance(counts, VoteCounts)
        }

    def slug(self, model: str) -> str:
        """Return a model's slug; its key, if the model is newer than the votes."""
        return self.slug_by_model.get(model, model)

    def in_slugs(self, text: str) -> str:
        """Return a text with slugs for the keys of models that it quotes or has in brackets."""
        return _QUOTED.sub(lambda found: self.slug(found[0]), text)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a snapshot, as its columns hold it; score and bounds on the Elo scale."""

    model: str
    score: Decimal
    lower: Decimal
    upper: Decimal
    votes: int
    rank: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A leaderboard as of one time.

    Attributes:
        id: Its key, chosen by the worker so that a second attempt recognises the first one.
        board: The leaderboard.
        identifier: Its time, ``snapshot_YYYY-MM-DD_HH-MM-SS`` in UTC.
        evaluations: How many votes were cast on it, those of a model against itself included.
        entries: Its lines, in rank order.
    """

    id: UUID
    board: Board
    identifier: str
    evaluations: int
    entries: tuple[Entry, ...]

    @property
    def description(self) -> str:
        """What people read about it, worded as by BixArena."""
        return (
            f"Leaderboard snapshot with {self.evaluations} evaluations"
            f" and {len(self.entries)} ranked models"
        )

    @property
    def ranks(self) -> dict[str, int]:
        """Model key to rank, in rank order."""
        return {entry.model: entry.rank for entry in self.entries}


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How many public snapshots a leaderboard keeps.

    Attributes:
        keep: How many of the newest.
        delete: Whether the older ones are deleted instead of made private.
    """

    keep: int
    delete: bool


class Status(StrEnum):
    """The result of an attempt to publish a snapshot."""

    PUBLISHED = Outcome.PUBLISHED.value
    STORED_PRIVATE = Outcome.STORED_PRIVATE.value
    ALREADY_PUBLISHED = Outcome.ALREADY_PUBLISHED.value
    ALREADY_PRIVATE = "already_private"


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The outcome of an attempt to publish.

    Attributes:
        status: The result.
        newest_public: Identifier of the newest snapshot that was public before, if any was.
        former_ranks: Model key to rank on the board that was public before; None where this
            attempt only found what another one had written.
        retired: How many older snapshots were made private or deleted.
        shown_instead: Identifier of a public snapshot with a date in the future, which the site
            shows instead; None if none exists.
    """

    status: Status
    newest_public: str | None = None
    former_ranks: Mapping[str, int] | None = None
    retired: int = 0
    shown_instead: str | None = None


def entries_of(ranking: Ranking) -> tuple[Entry, ...]:
    """Convert a ranking to entries that the columns can hold.

    Raises:
        NotStorableError: A score or bound is not finite or too large for ``numeric(10,6)``:
            PostgreSQL accepts a NaN without an error.
    """
    check_storable(ranking.entries)
    return tuple(
        Entry(
            model=entry.model,
            score=_decimal(entry.score),
            lower=_decimal(entry.lower),
            upper=_decimal(entry.upper),
            votes=entry.votes,
            rank=entry.rank,
        )
        for entry in ranking.entries
    )


def _decimal(value: float | None) -> Decimal:
    if value is None:
        raise TypeError(
            f"an entry without an interval cannot be stored; set {Variable.NUM_BOOTSTRAP} above 0"
        )
    return Decimal(value).quantize(_SIX_DECIMALS)


def check_storable(entries: Iterable[RankedModel]) -> None:
    """Check that the leaderboard's columns can hold all numbers as they are.

    Raises:
        NotStorableError: With every score or bound that is not finite or has more than four
            digits before the point.
    """
    faults = [
        (entry.model, field, value)
        for entry in entries
        for field in ("score", "lower", "upper")
        if (value := getattr(entry, field)) is not None and not _fits(value)
    ]
    if faults:
        raise NotStorableError(faults)


def _fits(value: float) -> bool:
    return isfinite(value) and abs(round(value, 6)) < _STORED_LIMIT
