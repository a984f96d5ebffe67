"""Maximise many likelihoods at once without a matrix.

Truncated Newton's method: each step is solved by conjugate gradients, which need only the matrix's
product with a vector, a sum over the pairs that met, and only as exactly as the step deserves
(Dembo, Eisenstat & Steihaug 1982, doi:10.1137/0719025). The diagonal is the preconditioner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking.likelihood import FloatArray, Likelihood, Pairs

__all__ = ["truncated_newton"]

# Rows of this length are efficient in numpy, and the numbers of a product stay in the cache.
_BATCH: Final = 125
_STEPS: Final = 100
_INNER_STEPS: Final = 500
_LOOSEST: Final = 0.1
# Single precision reaches no further.
_TIGHTEST: Final = 1e-4
_STEP_TOLERANCE: Final = 1e-8

_Real = TypeVar("_Real", np.float32, np.float64)


def truncated_newton(likelihood: Likelihood, theta: FloatArray) -> FloatArray:
    """Maximise from any start, as `newton` does, with the same damping.

    Args:
        likelihood: Of any number of replicates.
        theta: Start; shape ``(models, replicates)``.

    Returns:
        Natural-log abilities; shape ``(models, replicates)``. Of a replicate that needs more than
        a hundred steps they are not the maximum: the caller checks.
    """
    ends = _Ends(likelihood.pairs)
    found = theta.copy()
    for start in range(0, theta.shape[1], _BATCH):
        part = np.arange(start, min(start + _BATCH, theta.shape[1]))
        found[:, part] = _maximise(likelihood.take(part), found[:, part], ends)
    return found


class _Ends:
    """Both ends of each pair, arranged for sums over the opponents of each model.

    Models are in descending order of how many models they met; place k holds the k-th opponent of
    each model that has at least k. So a sum is an addition of neighbouring rows for each place
    (Saad 1989, doi:10.1137/0910073: jagged diagonals).

    Attributes:
        order: Position of each model in `Pairs`; shape ``(models,)``.
        pair: The pair of each end; shape ``(ends,)``.
        near: Whose opponent an end is, in this order; shape ``(ends,)``.
        other: The opponent, likewise.
        places: Beginning and length of each place.
    """

    def __init__(self, pairs: Pairs) -> None:
        near = np.concatenate([pairs.first, pairs.second])
        other = np.concatenate([pairs.second, pairs.first])
        met = np.bincount(near, minlength=pairs.models)
        self.order = np.argsort(-met, kind="stable")
        rank_of = np.empty_like(self.order)
        rank_of[self.order] = np.arange(pairs.models)
        by_model = np.argsort(rank_of[near], kind="stable")
        place = np.arange(len(near)) - np.repeat(
            np.cumsum(met[self.order]) - met[self.order], met[self.order]
        )
        by_place = by_model[np.argsort(place, kind="stable")]
        self.pair = by_place % len(pairs.first)
        self.near, self.other = rank_of[near[by_place]], rank_of[other[by_place]]
        lengths = np.bincount(place)
        starts = np.cumsum(lengths) - lengths
        self.places = list(zip(starts.tolist(), lengths.tolist(), strict=True))

    def add(self, values: NDArray[_Real]) -> NDArray[_Real]:
        """Add up by model; from shape ``(ends, replicates)`` to ``(models, replicates)``."""
        total = values[: self.places[0][1]].copy()
        for start, length in self.places[1:]:
            total[:length] += values[start : start + length]
        return total


def _maximise(likelihood: Likelihood, theta: FloatArray, ends: _Ends) -> FloatArray:
    """Maximise for a batch; models are in the order of the ends inside."""
    found = theta[ends.order]
    battles, points, prior = (
        likelihood.battles[ends.pair],
        likelihood.points[ends.order],
        np.broadcast_to(likelihood.prior, theta.shape)[ends.order],
    )
    active = np.arange(theta.shape[1])
    reach = np.full(theta.shape[1], np.inf)
    for _ in range(_STEPS):
        strength = np.exp(found[:, active])
        own, other = strength[ends.near], strength[ends.other]
        own += other
        other /= own
        weight = battles * other
        # Points expected of an end are its battles times 1 - `other`.
        pull = prior * (0.5 - strength / (1 + strength))
        gradient = points - ends.add(battles - weight) + pull
        weight *= 1 - other
        diagonal = ends.add(weight) + prior * strength / (1 + strength) ** 2
        step = _solve(
            weight.astype(np.float32),
            diagonal.astype(np.float32),
            gradient,
            ends=ends,
            precision=np.clip(_LOOSEST * reach, _TIGHTEST, _LOOSEST),
        )
        # The prior's opponent stays at 0.
        reach = np.maximum(step.max(axis=0), 0) - np.minimum(step.min(axis=0), 0)
        step *= np.log1p(reach) / np.maximum(reach, np.finfo(np.float64).tiny)
        found[:, active] += step
        going = reach > _STEP_TOLERANCE
        if not going.any():
            break
        if 2 * going.sum() <= len(going):
            active, reach = active[going], reach[going]
            battles, points, prior = battles[:, going], points[:, going], prior[:, going]
    result = np.empty_like(found)
    result[ends.order] = found
    return result


def _solve(
    weight: NDArray[np.float32],
    diagonal: NDArray[np.float32],
    gradient: FloatArray,
    *,
    ends: _Ends,
    precision: FloatArray,
) -> FloatArray:
    """Solve for a step by conjugate gradients, each replicate as exactly as asked for.

    Single precision suffices: what a step lacks, the next one's exact gradient shows.

    Args:
        weight: What couples both ends of a pair; shape ``(ends, replicates)``.
        diagonal: Of the curvature; shape ``(models, replicates)``.
        gradient: Shape ``(models, replicates)``.
        ends: Both ends of the pairs that met.
        precision: Norm that the residual may keep, as a part of the gradient's; shape
            ``(replicates,)``.
    """
    # Scaled to 1, so that no square underflows.
    size = np.maximum(np.abs(gradient).max(axis=0), np.finfo(np.float64).tiny)
    residual = (gradient / size).astype(np.float32)
    step = np.zeros_like(residual)
    direction = residual / diagonal
    product = np.einsum("mr,mr->r", residual, direction)
    enough = (precision**2 * product).astype(np.float32)
    coupled = np.empty_like(weight)
    for _ in range(_INNER_STEPS):
        if (product <= enough).all():
            break
        np.take(direction, ends.other, axis=0, out=coupled, mode="clip")
        coupled *= weight
        image = diagonal * direction
        image -= ends.add(coupled)
        curvature = np.einsum("mr,mr->r", direction, image)
        length = np.divide(product, curvature, out=np.zeros_like(product), where=curvature > 0)
        step += length * direction
        image *= length
        residual -= image
        scaled = residual / diagonal
        before, product = product, np.einsum("mr,mr->r", residual, scaled)
        direction *= np.divide(product, before, out=np.zeros_like(product), where=before > 0)
        direction += scaled
    solved: FloatArray = step * size
    return solved
