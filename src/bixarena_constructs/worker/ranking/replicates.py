"""Resample and refit: abilities of every bootstrap replicate, in parallel and reproducibly."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from bixarena_constructs.worker.ranking.existence import limits
from bixarena_constructs.worker.ranking.fit import fit_near
from bixarena_constructs.worker.ranking.likelihood import FloatArray, Likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.graph import BoolArray
    from bixarena_constructs.worker.ranking.options import RankingOptions
    from bixarena_constructs.worker.ranking.resampling import Resampler

__all__ = ["Progress", "replicate_abilities"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the rounds done and the rounds asked for."""

# Replicates are drawn and fitted in blocks, each from a random stream of its own. The size depends
# on the votes alone, so neither threads nor memory can change a result. It keeps a block's counts
# at about eight megabytes, and its rows long enough to be efficient in numpy.
_BLOCK_NUMBERS: Final = 2**20
_SMALLEST_BLOCK: Final = 50
_LARGEST_BLOCK: Final = 250


def block_size(pairs: int) -> int:
    """Choose how many replicates are drawn and fitted together."""
    return max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, _BLOCK_NUMBERS // pairs))


def replicate_abilities(
    board: Board,
    resampler: Resampler,
    *,
    options: RankingOptions,
    progress: Progress | None = None,
) -> FloatArray:
    """Fit every bootstrap replicate.

    Args:
        board: The fitted board.
        resampler: Where replicates come from.
        options: Rounds, seed, threads and whether there is a prior.
        progress: Called after each block; what it raises ends the work.

    Returns:
        Natural-log abilities; shape ``(models, rounds)``. Without a prior some can be infinite or
        NaN, see `existence`.
    """
    rounds, size = options.num_bootstrap, block_size(len(board.pairs.first))
    abilities = np.empty((board.pairs.models, rounds))
    starts = range(0, rounds, size)
    seeds = np.random.SeedSequence(options.seed).spawn(len(starts))

    def fit_block(start: int, seed: np.random.SeedSequence) -> int:
        stop = min(start + size, rounds)
        rng = np.random.Generator(np.random.SFC64(seed))
        # Always a whole block, so that the first rounds of many are the rounds of few.
        counts = resampler.draw(rng, size)[:, : stop - start]
        abilities[:, start:stop] = _fit(board, counts, has_prior=options.prior_battles > 0)
        return stop - start

    pool = ThreadPoolExecutor(options.thread_count)
    try:
        done = 0
        for finished in pool.map(fit_block, starts, seeds):
            done += finished
            if progress:
                progress(done, rounds)
    finally:
        # An interrupt, or an error from `progress`, waits only for the blocks under way.
        pool.shutdown(cancel_futures=True)
    return abilities


def _fit(board: Board, counts: NDArray[np.integer], *, has_prior: bool) -> FloatArray:
    """Fit replicates given as counts of shape ``(outcomes * pairs, replicates)``."""
    wins_first, wins_second, ties = counts.reshape(3, len(board.pairs.first), -1)
    by_second = np.multiply(ties, 0.5, dtype=np.float64)
    by_first = wins_first + by_second
    by_second += wins_second
    if has_prior:
        return _maximise(board, by_first, by_second, prior=board.prior)
    limit = limits(board.pairs, by_first, by_second)
    inside = limit == 0
    kept = inside[board.pairs.first] & inside[board.pairs.second]
    by_first *= kept
    by_second *= kept
    theta = _maximise(board, by_first, by_second, prior=_anchors(board, inside))
    return np.where(inside, theta, limit)


def _anchors(board: Board, inside: BoolArray) -> FloatArray:
    """Hold what the likelihood leaves open: one model of those fitted, and all others."""
    prior = np.where(inside, 0.0, 1.0)
    prior[inside.argmax(axis=0), np.arange(inside.shape[1])] = board.prior.max()
    return prior


def _maximise(
    board: Board, by_first: FloatArray, by_second: FloatArray, *, prior: FloatArray
) -> FloatArray:
    """Fit replicates given as points; overwrites ``by_first`` to save memory."""
    points = board.pairs.collect(by_first, by_second)
    by_first += by_second
    likelihood = Likelihood(pairs=board.pairs, battles=by_first, points=points, prior=prior)
    return fit_near(likelihood, board.theta, board.inverse)
