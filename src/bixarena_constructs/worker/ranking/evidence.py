"""How sure the scores are: intervals, and replicates of the scores."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from bixarena_constructs.worker.ranking.replicates import replicate_abilities
from bixarena_constructs.worker.ranking.resampling import resampler_of
from bixarena_constructs.worker.ranking.sandwich import covariance, normal_draws
from bixarena_constructs.worker.ranking.scale import ELO_PER_NATURAL_UNIT, centred_scores
from bixarena_constructs.worker.ranking.summary import percentile_bounds

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.options import RankingOptions
    from bixarena_constructs.worker.ranking.replicates import Progress
    from bixarena_constructs.worker.ranking.votes import IntArray, VoteCounts

__all__ = ["Evidence", "bootstrap_evidence", "evidence_of", "normal_evidence"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evidence:
    """Scores of the listed models and how far they can be trusted.

    Attributes:
        scores: Elo; shape ``(listed,)``.
        lower: Lower bounds; shape ``(listed,)``. None without intervals.
        upper: Upper bounds, likewise.
        replicates: Scores of every replicate; shape ``(listed, rounds)``. None without rounds.
    """

    scores: FloatArray
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    replicates: FloatArray | None = None

    @property
    def rounds_without_estimate(self) -> int:
        """Replicates in which some listed model has no finite score."""
        if self.replicates is None:
            return 0
        return int((~np.isfinite(self.replicates)).any(axis=0).sum())


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
        options: Rounds, method, seed and confidence.
        progress: Told after each block of rounds.

    Raises:
        VotersMissingError: When voters are to be resampled but were not counted.
    """
    if options.interval_method == "sandwich":
        return normal_evidence(board, votes, listed=listed, options=options)
    if options.num_bootstrap == 0:
        return Evidence(scores=centred_scores(board.theta[listed])[:, 0])
    return bootstrap_evidence(board, votes, listed=listed, options=options, progress=progress)


def bootstrap_evidence(
    board: Board,
    votes: VoteCounts,
    *,
    listed: IntArray,
    options: RankingOptions,
    progress: Progress | None,
) -> Evidence:
    """Resample votes or voters and take percentiles."""
    resampler = resampler_of(votes, options.interval_method)
    abilities = replicate_abilities(board, resampler, options=options, progress=progress)
    replicates = centred_scores(abilities[listed])
    lower, upper = percentile_bounds(replicates, options.confidence)
    scores = centred_scores(board.theta[listed])[:, 0]
    return Evidence(scores=scores, lower=lower, upper=upper, replicates=replicates)


def normal_evidence(
    board: Board, votes: VoteCounts, *, listed: IntArray, options: RankingOptions
) -> Evidence:
    """Take the sandwich variance and the normal distribution around the scores."""
    scores = centred_scores(board.theta[listed])[:, 0]
    variance = covariance(board, votes)[listed[:, np.newaxis], listed]
    # Scores are relative to the mean of the listed models, on both sides of the covariance.
    variance = variance - variance.mean(axis=0)
    variance = variance - variance.mean(axis=1, keepdims=True)
    variance *= ELO_PER_NATURAL_UNIT**2
    half = NormalDist().inv_cdf((1 + options.confidence) / 2) * np.sqrt(np.diag(variance))
    rounds = options.num_bootstrap
    draws = normal_draws(scores, variance, rounds=rounds, seed=options.seed) if rounds else None
    return Evidence(scores=scores, lower=scores - half, upper=scores + half, replicates=draws)
