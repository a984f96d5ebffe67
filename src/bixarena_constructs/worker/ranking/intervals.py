"""How sure the scores are: intervals of scores and of places, and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bixarena_constructs.worker.ranking.covariance import (
    model_covariance,
    normal_draws,
    normal_probabilities,
    sandwich_covariance,
)
from bixarena_constructs.worker.ranking.jackknife import (
    FEWEST_VOTERS,
    student_quantile,
    voter_variance,
)
from bixarena_constructs.worker.ranking.replicate_summary import (
    ELO_PER_NATURAL_UNIT,
    centred_scores,
    percentile_bounds,
    probability_above,
    probability_best,
    rank_bounds,
    ranks_of,
)
from bixarena_constructs.worker.ranking.replicates import replicate_abilities
from bixarena_constructs.worker.ranking.resampling import VoteResampler

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.folding import IntArray, VoterCounts
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.options import RankingOptions
    from bixarena_constructs.worker.ranking.replicates import Progress
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = ["Evidence", "bootstrap_evidence", "evidence_of", "normal_evidence", "of_scores"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evidence:
    """Scores of the listed models and how far they can be trusted.

    Attributes:
        scores: Elo; shape ``(listed,)``.
        lower: Lower bounds; shape ``(listed,)``. None without intervals.
        upper: Upper bounds, likewise.
        rank_lower: Best places, 1 being the best; shape ``(listed,)``. None without intervals.
        rank_upper: Worst places, likewise.
        probability_best: Shape ``(listed,)``. None without rounds.
        above: Probability that the row's model is above the column's; shape ``(listed, listed)``.
            None without intervals.
        rounds_without_estimate: Replicates in which some listed model has no finite score.
    """

    scores: FloatArray
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    rank_lower: IntArray | None = None
    rank_upper: IntArray | None = None
    probability_best: FloatArray | None = None
    above: FloatArray | None = None
    rounds_without_estimate: int = 0


def evidence_of(
    board: Board,
    votes: VoteCounts,
    *,
    listed: IntArray,
    options: RankingOptions,
    progress: Progress | None,
) -> Evidence:
    """Gather what the options ask for.

    Args:
        board: The fit.
        votes: What it was fitted to.
        listed: Positions of the listed models.
        options: Rounds, method (not ``auto``), seed and confidence.
        progress: Called after each block of rounds.
    """
    scores = centred_scores(board.theta[listed])[:, 0]
    if options.interval_method == "percentile":
        if options.num_bootstrap == 0:
            return Evidence(scores=scores)
        abilities = replicate_abilities(
            board, VoteResampler.of(votes), options=options, progress=progress
        )
        return bootstrap_evidence(scores, centred_scores(abilities[listed]), options.confidence)
    is_sandwich = options.interval_method == "sandwich"
    covariance = sandwich_covariance if is_sandwich else model_covariance
    variance = of_scores(covariance(board, votes, listed))
    if options.interval_method == "voter" and votes.voters is not None:
        variance = _widened(variance, board, votes.voters, listed=listed, options=options)
    return normal_evidence(scores, variance, options=options)


def bootstrap_evidence(scores: FloatArray, replicates: FloatArray, confidence: float) -> Evidence:
    """Take percentiles.

    Args:
        scores: Shape ``(listed,)``.
        replicates: Shape ``(listed, rounds)``.
        confidence: Share of the rounds within an interval.
    """
    lower, upper = percentile_bounds(replicates, confidence)
    rank_lower, rank_upper = rank_bounds(replicates, confidence)
    rank = ranks_of(scores)
    return Evidence(
        scores=scores,
        # A few rounds can all lie on one side of the score, and of its place.
        lower=np.minimum(lower, scores),
        upper=np.maximum(upper, scores),
        rank_lower=np.minimum(rank_lower, rank),
        rank_upper=np.maximum(rank_upper, rank),
        probability_best=probability_best(replicates),
        above=probability_above(replicates),
        rounds_without_estimate=int((~np.isfinite(replicates)).any(axis=0).sum()),
    )


def normal_evidence(
    scores: FloatArray, variance: FloatArray, *, options: RankingOptions
) -> Evidence:
    """Take Wald's intervals: the scores as normal around the truth.

    A model's best place is 1 + the number of models that are above it with the confidence, its
    worst place likewise: confidence sets for ranks from pairwise tests (Mogstad, Romano, Shaikh &
    Wilhelm 2024, doi:10.1093/restud/rdad006), but one test at a time. With all tests at once, as
    theirs, the sets hold every place and are much wider than the interval of a single place.

    Args:
        scores: Elo; shape ``(listed,)``.
        variance: Covariance of the scores; shape ``(listed, listed)``.
        options: Confidence, rounds and seed.
    """
    own = np.diag(variance)
    half = NormalDist().inv_cdf((1 + options.confidence) / 2) * np.sqrt(own)
    gap = scores[:, np.newaxis] - scores
    error = np.sqrt(np.maximum(own[:, np.newaxis] + own - 2 * variance, 0))
    separated = gap > NormalDist().inv_cdf(options.confidence) * error
    rounds = options.num_bootstrap
    draws = normal_draws(scores, variance, rounds=rounds, seed=options.seed) if rounds else None
    return Evidence(
        scores=scores,
        lower=scores - half,
        upper=scores + half,
        rank_lower=1 + separated.sum(axis=0),
        rank_upper=len(scores) - separated.sum(axis=1),
        probability_best=None if draws is None else probability_best(draws),
        above=normal_probabilities(gap, error),
    )


def _widened(
    variance: FloatArray,
    board: Board,
    voters: VoterCounts,
    *,
    listed: IntArray,
    options: RankingOptions,
) -> FloatArray:
    """Widen the covariance of each score to what voters vary by, where that is more.

    The variance between voters is estimated from as many as voted on a model, so Student's
    quantile takes the place of the normal one. Without the only voter on a model, a step can go
    anywhere; no interval is widened beyond that of a model without a vote, whose curvature is the
    prior's, a quarter of its battles.
    """
    between, effective = voter_variance(board, voters, listed)
    share = (1 + options.confidence) / 2
    student = student_quantile(share, np.maximum(effective, FEWEST_VOTERS) - 1)
    wide = between * (student / NormalDist().inv_cdf(share)) ** 2
    if options.prior_battles:
        wide = np.minimum(wide, 4 / options.prior_battles)
    factor = np.sqrt(np.maximum(wide * ELO_PER_NATURAL_UNIT**2 / np.diag(variance), 1))
    return variance * factor * factor[:, np.newaxis]


def of_scores(covariance: FloatArray) -> FloatArray:
    """Turn a covariance of abilities into that of the listed models' scores, in squared Elo.

    Scores are relative to the mean of the listed models, on both sides of the covariance.
    """
    covariance = covariance - covariance.mean(axis=0)
    covariance = covariance - covariance.mean(axis=1, keepdims=True)
    # Without residuals, only rounding is left on a sandwich's diagonal.
    own = np.arange(len(covariance))
    covariance[own, own] = np.maximum(covariance[own, own], 0)
    return covariance * ELO_PER_NATURAL_UNIT**2
