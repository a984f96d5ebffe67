"""The published leaderboards, read back as a visitor of the site would get them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import psycopg

__all__ = [
    "PublishedBoard",
    "PublishedEntry",
    "coverage",
    "expected_coverage",
    "published_boards",
    "true_scores",
]

# The newest public snapshot of each leaderboard, as the site chooses it.
_NEWEST = """
SELECT DISTINCT ON (leaderboard.slug)
    leaderboard.slug, snapshot.id, snapshot.snapshot_identifier
FROM api.leaderboard_snapshot AS snapshot
JOIN api.leaderboard ON leaderboard.id = snapshot.leaderboard_id
WHERE snapshot.visibility = 'public'
ORDER BY leaderboard.slug, snapshot.snapshot_identifier DESC
"""
_ENTRIES = """
SELECT entry.rank, model.slug, entry.bt_score::float8, entry.bootstrap_q025::float8,
    entry.bootstrap_q975::float8, entry.vote_count
FROM api.leaderboard_entry AS entry
JOIN api.model ON model.id = entry.model_id
WHERE entry.snapshot_id = %s
ORDER BY entry.rank, model.slug
"""


@dataclass(frozen=True, slots=True)
class PublishedEntry:
    """A line of a leaderboard; scores and bounds are on the Elo scale."""

    rank: int
    model: str
    score: float
    lower: float
    upper: float
    votes: int


@dataclass(frozen=True, slots=True)
class PublishedBoard:
    """A leaderboard's newest public snapshot."""

    slug: str
    snapshot: str
    entries: tuple[PublishedEntry, ...]


def published_boards(connection: psycopg.Connection) -> list[PublishedBoard]:
    """Return each leaderboard that has a public snapshot, by slug."""
    return [
        PublishedBoard(
            slug,
            identifier,
            tuple(PublishedEntry(*row) for row in connection.execute(_ENTRIES, [snapshot_id])),
        )
        for slug, snapshot_id, identifier in connection.execute(_NEWEST).fetchall()
    ]


def true_scores(board: PublishedBoard, truth: Mapping[str, float]) -> dict[str, float]:
    """Return the true strengths of a board's models, centred as its scores are.

    Args:
        board: The board.
        truth: True strength of each model, on the Elo scale with any mean.
    """
    strengths = {entry.model: truth[entry.model] for entry in board.entries}
    offset = 1000 - sum(strengths.values()) / len(strengths)
    return {model: strength + offset for model, strength in strengths.items()}


def coverage(boards: Iterable[PublishedBoard], truth: Mapping[str, float]) -> tuple[int, int]:
    """Return how many intervals hold the true strength, and how many there are."""
    inside = [
        entry.lower <= strengths[entry.model] <= entry.upper
        for board in boards
        for strengths in [true_scores(board, truth)]
        for entry in board.entries
    ]
    return sum(inside), len(inside)


def expected_coverage(intervals: int) -> tuple[int, int]:
    """Return how many 95 % intervals hold the truth on average, and two standard deviations.

    The demo's boards share votes, but the number varies from arena to arena as if they did not.
    """
    share = 0.95
    return round(share * intervals), math.ceil(2 * math.sqrt(share * (1 - share) * intervals))
