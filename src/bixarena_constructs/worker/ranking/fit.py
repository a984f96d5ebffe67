"""Maximise the likelihood: one estimate exactly, and many replicates near it quickly."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.ranking.errors import NotConvergedError, RankingError
from bixarena_constructs.worker.ranking.truncated_newton import truncated_newton

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.worker.ranking.likelihood import FloatArray, Likelihood

__all__ = ["estimate", "fit_near", "newton", "regular_curvature"]

# In natural-log units; 1e-8 is 1.7e-6 Elo. What remains after a last step of this size is smaller
# by the rate of the chord steps, a tenth or less as a rule, and by much more after Newton's.
_STEP_TOLERANCE: Final = 1e-8
_GRADIENT_TOLERANCE: Final = 1e-8
# Damped steps move an ability by about one at a time; no finite prior needs more than forty.
_NEWTON_STEPS: Final = 100
_CHORD_STEPS: Final = 12
# A chord step that shrinks less than this is slower than Newton's, or leads astray.
_CHORD_RATE: Final = 0.3
_FIRST_CHORD_STEP: Final = 2.0
# With this many, factorising a matrix costs more than an estimate without it.
_MANY_MODELS: Final = 100
# Matrix entries of the replicates solved at once: 16 MB.
_NEWTON_ENTRIES: Final = 2**21


def estimate(likelihood: Likelihood) -> FloatArray:
    """Find the maximum for the votes themselves, a single replicate.

    Returns:
        Natural-log abilities; shape ``(models, 1)``.

    Raises:
        NotConvergedError: When a gradient is left.
    """
    start = np.zeros_like(likelihood.points)
    if likelihood.pairs.models >= _MANY_MODELS:
        start = truncated_newton(likelihood, start)
    theta = newton(likelihood, start)
    _prove(likelihood, theta)
    return theta


@contextmanager
def regular_curvature() -> Iterator[None]:
    """Say why a curvature cannot be inverted.

    Raises:
        RankingError: It is singular.
    """
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise RankingError(
            "the prior is too weak to count next to so many votes; set prior_battles to 0 or to a "
            "larger number"
        ) from error


def newton(likelihood: Likelihood, theta: FloatArray) -> FloatArray:
    """Maximise from any start.

    The likelihood of a logistic model is generalised self-concordant: with the step ``s`` and the
    largest change ``d`` it makes to a difference of abilities, the damping ``log(1 + d) / d``
    makes Newton's method converge from every start, and quadratically at the end, without trying
    step lengths: Sun & Tran-Dinh (2019), doi:10.1007/s10107-018-1282-4.

    Args:
        likelihood: Of any number of replicates.
        theta: Start; shape ``(models, replicates)``.

    Returns:
        Natural-log abilities; shape ``(models, replicates)``. Of a replicate that needs more than
        a hundred steps they are not the maximum: the caller checks.

    Raises:
        RankingError: When the prior is too weak to count next to the votes.
    """
    for _ in range(_NEWTON_STEPS):
        gradient = likelihood.gradient(theta).T[..., np.newaxis]
        with regular_curvature():
            step = np.linalg.solve(likelihood.curvature(theta), gradient)[..., 0].T
        # The prior's opponent stays at 0.
        reach = np.maximum(step.max(axis=0), 0) - np.minimum(step.min(axis=0), 0)
        theta = theta + step * (np.log1p(reach) / np.maximum(reach, np.finfo(np.float64).tiny))
        if reach.max() <= _STEP_TOLERANCE:
            break
    return theta


def fit_near(likelihood: Likelihood, start: FloatArray, inverse: FloatArray) -> FloatArray:
    """Maximise for replicates that lie near an estimate.

    Chord steps (Newton's with the curvature of the estimate throughout) cost one gradient and a
    matrix product shared by all replicates; where they converge too slowly truncated Newton takes
    over.

    Args:
        likelihood: Of the replicates.
        start: The estimate; shape ``(models, 1)``.
        inverse: Inverse of the curvature at the estimate; shape ``(models, models)``.

    Returns:
        Natural-log abilities; shape ``(models, replicates)``.

    Raises:
        NotConvergedError: When a replicate has a finite maximum that was not reached.
    """
    theta = np.repeat(start, likelihood.points.shape[1], axis=1)
    size = np.full(theta.shape[1], _FIRST_CHORD_STEP / _CHORD_RATE)
    # Of billions of votes the gradient's rounding alone makes steps.
    tolerance = _STEP_TOLERANCE + _rounding(likelihood) * np.diag(inverse).max()
    for _ in range(_CHORD_STEPS):
        step = inverse @ likelihood.gradient(theta)
        before, size = size, np.abs(step).max(axis=0)
        shrinking = size <= np.maximum(_CHORD_RATE * before, tolerance)
        theta += np.where(shrinking, step, 0)
        if size.max() <= tolerance:
            return theta
        if not shrinking.all():
            break
    slow = np.flatnonzero(~(size <= tolerance))
    some = likelihood.take(slow)
    # Where a weak prior lets abilities run far apart, single precision can be too little.
    with np.errstate(over="ignore", invalid="ignore"):
        near = truncated_newton(some, theta[:, slow])
        left = np.flatnonzero(~(np.abs(some.gradient(near)).max(axis=0) <= _allowed(some)))
    near[:, left] = np.where(np.isfinite(near[:, left]).all(axis=0), near[:, left], start)
    batch = max(1, _NEWTON_ENTRIES // len(start) ** 2)
    for begin in range(0, len(left), batch):
        part = left[begin : begin + batch]
        near[:, part] = newton(some.take(part), near[:, part])
    _prove(some, near)
    theta[:, slow] = near
    return theta


def _prove(likelihood: Likelihood, theta: FloatArray) -> None:
    """Prove that no gradient is left.

    Raises:
        NotConvergedError: When one is.
    """
    gradient = np.abs(likelihood.gradient(theta)).max(axis=1)
    allowed = _allowed(likelihood)
    # Asked this way round, a gradient that is not a number is left as well.
    left = np.flatnonzero(~(gradient <= allowed))
    if len(left):
        worst = left[np.argsort(-gradient[left])]
        raise NotConvergedError(
            [likelihood.pairs.names[position] for position in worst],
            gradient=float(gradient[worst[0]]),
            allowed=allowed,
        )


def _allowed(likelihood: Likelihood) -> float:
    """Compute the gradient that rounding may leave in sums of n terms, n * epsilon."""
    return _GRADIENT_TOLERANCE + 64 * _rounding(likelihood)


def _rounding(likelihood: Likelihood) -> float:
    return float(np.finfo(np.float64).eps * likelihood.battles.sum(axis=0).max())
