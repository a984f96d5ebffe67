"""The Bradley-Terry likelihood, its gradient and curvature, for many vote counts at once.

With abilities theta in natural-log units and sigma(x) = 1 / (1 + exp(-x)), model i takes a point
from model j with probability sigma(theta_i - theta_j): Bradley & Terry (1952),
doi:10.2307/2334029. A tie is half a point for each. The prior adds
(b / 2) (log sigma(theta_i) + log sigma(-theta_i)) for each model i: b battles against an opponent
of ability 0, half of them won.

Everything here has replicates as its last axis: rows of a hundred or so neighbours keep numpy's
loops long and its temporaries in cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = ["FloatArray", "Likelihood", "Pairs", "laplacian"]

FloatArray: TypeAlias = NDArray[np.float64]
_Rows: TypeAlias = slice | NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Which models met, arranged for sums over the opponents of one model.

    Attributes:
        names: The models' keys; shape ``(models,)``.
        first: First model of each pair, ascending; shape ``(pairs,)``.
        second: Second model of each pair; shape ``(pairs,)``.
        opponents: For each model, the slice of the pairs in which it is the first, and the rows
            of their second models: a slice where these are neighbours, else positions.
    """

    names: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    opponents: tuple[tuple[int, slice, _Rows], ...]

    @property
    def models(self) -> int:
        """How many models there are."""
        return len(self.names)

    @classmethod
    def of(cls, votes: VoteCounts) -> Pairs:
        """Arrange the pairs of some votes."""
        starts = np.searchsorted(votes.first, np.arange(len(votes.models) + 1))
        opponents = []
        for model, (start, stop) in enumerate(pairwise(starts)):
            if stop > start:
                rows = votes.second[start:stop]
                gapless = rows[-1] - rows[0] == len(rows) - 1
                span = slice(int(rows[0]), int(rows[-1]) + 1) if gapless else rows
                opponents.append((model, slice(int(start), int(stop)), span))
        return cls(
            names=votes.models,
            first=votes.first,
            second=votes.second,
            opponents=tuple(opponents),
        )

    def collect(self, by_first: FloatArray, by_second: FloatArray) -> FloatArray:
        """Add up, for each model, what the pairs it belongs to hold for it.

        Args:
            by_first: What a pair holds for its first model; shape ``(pairs, replicates)``.
            by_second: What it holds for its second model; same shape.

        Returns:
            Shape ``(models, replicates)``.
        """
        total = np.zeros((self.models, by_first.shape[1]))
        for model, pairs, rows in self.opponents:
            total[model] += by_first[pairs].sum(axis=0)
            total[rows] += by_second[pairs]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """The penalised log-likelihood of some replicates of the votes.

    Attributes:
        pairs: Which models met.
        battles: Battles of each pair; shape ``(pairs, replicates)``.
        points: Points each model took, half of one for a tie; shape ``(models, replicates)``.
        prior: Virtual battles of each model against an average opponent; broadcasts to shape
            ``(models, replicates)``.
    """

    pairs: Pairs
    battles: FloatArray
    points: FloatArray
    prior: FloatArray

    def gradient(self, theta: FloatArray) -> FloatArray:
        """Differentiate by the abilities.

        Args:
            theta: Natural-log abilities; shape ``(models, replicates)``.

        Returns:
            Points won minus points expected, in battles; shape ``(models, replicates)``.
        """
        # One exponential per model instead of one per pair: sigma(a - b) = e^a / (e^a + e^b). And
        # one division per pair: both sides expect their strength times this share.
        strength = np.exp(theta)
        shares = np.zeros_like(theta)
        for model, pairs, rows in self.pairs.opponents:
            share = strength[model] + strength[rows]
            np.divide(self.battles[pairs], share, out=share)
            shares[model] += share.sum(axis=0)
            shares[rows] += share
        drawn: FloatArray = self.prior * (0.5 - strength / (1 + strength))
        return self.points - strength * shares + drawn

    def curvature(self, theta: FloatArray) -> FloatArray:
        """Compute minus the second derivative: Fisher's information and the prior's.

        Args:
            theta: Natural-log abilities; shape ``(models, replicates)``.

        Returns:
            In battles; shape ``(replicates, models, models)``.
        """
        strength = np.exp(theta)
        first, second = strength[self.pairs.first], strength[self.pairs.second]
        weight = self.battles * first * second / (first + second) ** 2
        return laplacian(self.pairs, weight, self.prior * strength / (1 + strength) ** 2)

    def take(self, replicates: NDArray[np.intp]) -> Likelihood:
        """Keep some of the replicates."""
        prior = np.broadcast_to(self.prior, self.points.shape)
        return replace(
            self,
            battles=self.battles[:, replicates],
            points=self.points[:, replicates],
            prior=prior[:, replicates],
        )


def laplacian(pairs: Pairs, weight: FloatArray, diagonal: FloatArray) -> FloatArray:
    """Spread the weights of pairs over matrices whose rows add up to ``diagonal``.

    Args:
        pairs: Which models met.
        weight: Shape ``(pairs, replicates)``.
        diagonal: Shape ``(models, replicates)``.

    Returns:
        Shape ``(replicates, models, models)``.
    """
    replicates, models = weight.shape[1], pairs.models
    matrix = np.zeros((replicates, models, models))
    matrix[:, pairs.first, pairs.second] = -weight.T
    matrix[:, pairs.second, pairs.first] = -weight.T
    own = np.arange(models)
    matrix[:, own, own] = diagonal.T - matrix.sum(axis=2)
    return matrix
