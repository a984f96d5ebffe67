"""The fitted board: abilities of all models, and how sharply the votes determine them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bixarena_constructs.worker.ranking.errors import NoFiniteEstimateError
from bixarena_constructs.worker.ranking.fit import estimate, regular_curvature
from bixarena_constructs.worker.ranking.graph import mutual_groups, points_table, reachable
from bixarena_constructs.worker.ranking.likelihood import Likelihood, Pairs

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.likelihood import FloatArray
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = ["Board", "fit_board"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Board:
    """A fitted board, which replicates start from.

    Attributes:
        pairs: Which models met.
        prior: As in `Likelihood`; shape ``(models, 1)``.
        theta: The estimate in natural-log units; shape ``(models, 1)``.
        inverse: Inverse of the curvature there; shape ``(models, models)``.
    """

    pairs: Pairs
    prior: FloatArray
    theta: FloatArray
    inverse: FloatArray


def fit_board(votes: VoteCounts, prior_battles: float) -> Board:
    """Fit all models.

    Args:
        votes: At least one vote.
        prior_battles: See `RankingOptions`.

    Raises:
        NoFiniteEstimateError: Without a prior, when the votes determine no finite estimate.
        NotConvergedError: When the fit is not at its maximum.
        RankingError: When the prior is too weak to count next to the votes.
    """
    pairs = Pairs.of(votes)
    if prior_battles:
        prior = np.full((pairs.models, 1), prior_battles)
    else:
        _check_finite(votes)
        prior = _anchor(votes)
    half_ties = 0.5 * votes.ties[:, np.newaxis]
    by_first, by_second = (
        wins[:, np.newaxis] + half_ties for wins in (votes.wins_first, votes.wins_second)
    )
    likelihood = Likelihood(
        pairs=pairs,
        battles=by_first + by_second,
        points=pairs.collect(by_first, by_second),
        prior=prior,
    )
    theta = estimate(likelihood)
    with regular_curvature():
        inverse = np.linalg.inv(likelihood.curvature(theta)[0])
    return Board(pairs=pairs, prior=prior, theta=theta, inverse=inverse)


def _anchor(votes: VoteCounts) -> FloatArray:
    """Hold one model at 0, which votes alone leave open; differences of abilities stay the same.

    The maximum over a shift of all abilities has this model's own term at its maximum, whatever
    its weight; a weight like the others' keeps the curvature well conditioned.
    """
    prior = np.zeros((len(votes.models), 1))
    prior[0] = votes.battles.sum() / len(votes.models)
    return prior


def _check_finite(votes: VoteCounts) -> None:
    """Check Ford's condition: see `mutual_groups`."""
    table = points_table(votes)
    groups = mutual_groups(table)
    if len(groups) == 1:
        return
    closure = reachable(table)
    names = np.array(votes.models, dtype=object)
    raise NoFiniteEstimateError(
        groups=[tuple(names[group]) for group in groups],
        # Models that a chain of wins leads to from an unbeaten model are in its own group.
        unbeaten=list(names[(closure <= closure.T).all(axis=0)]),
        winless=list(names[(closure <= closure.T).all(axis=1)]),
    )
