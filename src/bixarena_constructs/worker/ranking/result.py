"""The result of a ranking."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.options import IntervalMethod, RankingOptions

__all__ = ["RankedModel", "Ranking", "UnlistedModel"]

SCORE_DECIMALS: Final = 6
"""Scores that agree in these decimals are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedModel:
    """One line of a leaderboard.

    Attributes:
        model: Its key.
        score: Elo scale (400 points are odds of 10 to 1); listed models have mean 1000.
        lower: Lower bound of the score's interval. None without intervals; minus infinity where
            too many rounds, without a prior, have no finite estimate.
        upper: Upper bound, likewise.
        rank: Its place, 1 being the best; equal scores share one.
        votes: Votes it took part in; the sum of weights is rounded.
        rank_lower: Best place within the interval of places; None without intervals.
        rank_upper: Worst place within it.
        tier: 1 for the best. A tier begins with a model that is below the first of the tier
            before, with the confidence of the places; the others of a tier cannot be
            distinguished from its first. None without intervals.
        probability_best: Probability that it is first, from the rounds; None without.
    """

    model: str
    score: float
    lower: float | None
    upper: float | None
    rank: int
    votes: int
    rank_lower: int | None
    rank_upper: int | None
    tier: int | None
    probability_best: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlistedModel:
    """A model that was fitted but has too few votes to be listed.

    Attributes:
        model: Its key.
        votes: Votes it took part in, fewer than ``min_evals``.
    """

    model: str
    votes: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ranking:
    """A leaderboard and what is needed to read it.

    Attributes:
        entries: Listed models in rank order.
        above: Probability that the row's entry is above the column's, in the order of
            ``entries``; shape ``(entries, entries)``. None without intervals.
        unlisted: Fitted models with fewer than ``min_evals`` votes, by key.
        groups: Models in groups between which no vote was cast; one group is the normal case.
            With several, only the prior places them relative to each other.
        total_votes: Votes between different models.
        self_battles: Votes in which a model met itself; not counted anywhere else.
        rounds_without_estimate: Replicates that, without a prior, lack a finite estimate for
            some listed model.
        interval_method: Where the intervals come from, never ``auto``.
        effective_voters: How many voters the votes come from, counted by how evenly they share
            them (Kish 1965). None where votes are not counted by voter.
        options: How the ranking was made, its seed among it.
    """

    entries: tuple[RankedModel, ...]
    above: FloatArray | None
    unlisted: tuple[UnlistedModel, ...]
    groups: tuple[tuple[str, ...], ...]
    total_votes: int
    self_battles: int
    rounds_without_estimate: int
    interval_method: IntervalMethod
    effective_voters: float | None
    options: RankingOptions

    def to_dict(self) -> dict[str, object]:
        """Return everything in types that JSON has; an infinite bound becomes None."""
        return {
            "entries": [_entry_to_dict(entry) for entry in self.entries],
            "above": None if self.above is None else self.above.round(SCORE_DECIMALS).tolist(),
            "unlisted": [{"model": each.model, "votes": each.votes} for each in self.unlisted],
            "groups": [list(group) for group in self.groups],
            "total_votes": self.total_votes,
            "self_battles": self.self_battles,
            "rounds_without_estimate": self.rounds_without_estimate,
            "interval_method": self.interval_method,
            "effective_voters": self.effective_voters,
            "options": {
                "prior_battles": self.options.prior_battles,
                "num_bootstrap": self.options.num_bootstrap,
                "min_evals": self.options.min_evals,
                "significant": self.options.significant,
                "seed": self.options.seed,
                "confidence": self.options.confidence,
                "interval_method": self.options.interval_method,
            },
        }


def _entry_to_dict(entry: RankedModel) -> dict[str, object]:
    return {
        "model": entry.model,
        "score": entry.score,
        "lower": _finite(entry.lower),
        "upper": _finite(entry.upper),
        "rank": entry.rank,
        "votes": entry.votes,
        "rank_lower": entry.rank_lower,
        "rank_upper": entry.rank_upper,
        "tier": entry.tier,
        "probability_best": entry.probability_best,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
