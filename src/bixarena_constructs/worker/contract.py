"""What the worker promises to what starts and watches it; the standard library is all it needs."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Outcome"]


class Outcome(StrEnum):
    """How a run ended, in the last line of its log."""

    PUBLISHED = "published"
    """Every leaderboard with enough votes has a public snapshot of this run's time."""
    ALREADY_PUBLISHED = "already_published"
    """The same, and another run of this time had published all of them."""
    STORED_PRIVATE = "stored_private"
    """A snapshot of this run's time is not public: it is late, or somebody hid it."""
    BELOW_THRESHOLDS = "below_thresholds"
    """No leaderboard has enough votes, and none is public."""
    REGRESSED = "regressed"
    """A leaderboard that is public has too few votes now; the others were published."""
    PARTIAL = "partial"
    """``LEADERBOARD_SLUG`` was set: the run says nothing of the other leaderboards."""
    COMPUTED = "computed"
    """A dry run."""
