"""Turn scores and their evidence into the lines of a leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bixarena_constructs.worker.ranking.replicate_summary import ranks_of
from bixarena_constructs.worker.ranking.result import SCORE_DECIMALS, RankedModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.worker.ranking.folding import CountArray, IntArray
    from bixarena_constructs.worker.ranking.intervals import Evidence
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.options import RankingOptions

__all__ = ["list_models"]


def list_models(
    models: Sequence[str], votes: CountArray, evidence: Evidence, *, options: RankingOptions
) -> tuple[tuple[RankedModel, ...], FloatArray | None]:
    """List models in rank order.

    Args:
        models: Keys of the listed models, ascending.
        votes: Votes of each; shape ``(listed,)``.
        evidence: Their scores.
        options: How ranks are given.

    Returns:
        The lines, and the probabilities that the row's model is above the column's, in the same
        order; shape ``(listed, listed)``.
    """
    ranks = _ranks(evidence, significant=options.significant)
    # Models are in ascending order and the sort is stable: equals stay in it.
    order = np.lexsort([-evidence.scores.round(SCORE_DECIMALS), ranks])
    above = None if evidence.above is None else evidence.above[np.ix_(order, order)]
    tiers = _tiers(above, len(models), options.confidence)
    entries = tuple(
        RankedModel(
            model=models[position],
            score=float(evidence.scores[position]),
            lower=_number(evidence.lower, position),
            upper=_number(evidence.upper, position),
            rank=int(ranks[position]),
            votes=round(float(votes[position])),
            rank_lower=_place(evidence.rank_lower, position),
            rank_upper=_place(evidence.rank_upper, position),
            tier=tier,
            probability_best=_number(evidence.probability_best, position),
        )
        for position, tier in zip(order.tolist(), tiers, strict=True)
    )
    return entries, above


def _tiers(above: FloatArray | None, number: int, confidence: float) -> list[int | None]:
    """Begin a tier with each model that is below the first of the tier before.

    Args:
        above: As `list_models` returns it.
        number: How many models are listed.
        confidence: How sure it must be that one model is above another.
    """
    if above is None:
        return [None] * number
    tiers: list[int | None] = []
    tier, first = 1, 0
    for place in range(number):
        if above[first, place] > confidence:
            tier, first = tier + 1, place
        tiers.append(tier)
    return tiers


def _ranks(evidence: Evidence, *, significant: bool) -> IntArray:
    """Rank by 1 + the number of models above: by score as stored, or wholly by interval."""
    if significant and evidence.lower is not None and evidence.upper is not None:
        ranks: IntArray = 1 + (evidence.lower[:, np.newaxis] > evidence.upper).sum(axis=0)
        return ranks
    return ranks_of(evidence.scores)


def _number(values: FloatArray | None, position: int) -> float | None:
    return None if values is None else float(values[position])


def _place(values: IntArray | None, position: int) -> int | None:
    return None if values is None else int(values[position])
