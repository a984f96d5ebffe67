"""Ways to make an interval: those that are offered, and those that were tried."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import numpy as np

from bixarena_constructs.worker.ranking import RankingOptions
from bixarena_constructs.worker.ranking.covariance import expected_points
from bixarena_constructs.worker.ranking.fit import fit_near
from bixarena_constructs.worker.ranking.intervals import (
    Evidence,
    bootstrap_evidence,
    evidence_of,
    normal_evidence,
    of_scores,
)
from bixarena_constructs.worker.ranking.likelihood import FloatArray, Likelihood, laplacian
from bixarena_constructs.worker.ranking.replicate_summary import (
    ELO_PER_NATURAL_UNIT,
    centred_scores,
)
from bixarena_constructs.worker.ranking.replicates import replicate_abilities
from bixarena_constructs.worker.ranking.resampling import VoteResampler

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking import VoteCounts
    from bixarena_constructs.worker.ranking.board import Board
    from bixarena_constructs.worker.ranking.folding import IntArray
    from bixarena_constructs.worker.ranking.options import IntervalMethod

__all__ = ["METHODS", "OFFERED", "known"]

_Known = TypeVar("_Known")

Method: TypeAlias = Callable[["Board", "VoteCounts"], Callable[["IntArray"], Evidence]]
"""Does what does not depend on which models are listed, then the rest."""

_ROUNDS: Final = 1000
# No interval here needs draws: places come from the covariance.
_NO_DRAWS: Final = RankingOptions(num_bootstrap=0)
_CHI_SQUARED: Final = 3.841458820694124


def known(values: _Known | None) -> _Known:
    """Take a bound that a method always has."""
    if values is None:
        raise TypeError("a method without intervals cannot be measured")
    return values


def _offered(method: IntervalMethod, board: Board, votes: VoteCounts) -> Callable[..., Evidence]:
    options = RankingOptions(num_bootstrap=0, interval_method=method)
    return lambda listed: evidence_of(board, votes, listed=listed, options=options, progress=None)


def _normal(board: Board, covariance: FloatArray, listed: IntArray) -> Evidence:
    scores = centred_scores(board.theta[listed])[:, 0]
    return normal_evidence(
        scores, of_scores(covariance[np.ix_(listed, listed)]), options=_NO_DRAWS
    )


def _percentile(board: Board, votes: VoteCounts) -> Callable[[IntArray], Evidence]:
    return partial(_bootstrap, board, _replicates(board, votes))


@lru_cache(maxsize=1)
def _replicates(board: Board, votes: VoteCounts) -> FloatArray:
    """Resample the votes; two methods take the same replicates."""
    options = RankingOptions(num_bootstrap=_ROUNDS, interval_method="percentile", threads=1)
    return replicate_abilities(board, VoteResampler.of(votes), options=options)


def _bootstrap(board: Board, abilities: FloatArray, listed: IntArray) -> Evidence:
    scores = centred_scores(board.theta[listed])[:, 0]
    return bootstrap_evidence(scores, centred_scores(abilities[listed]), 0.95)


def _squared_residuals(board: Board, votes: VoteCounts) -> FloatArray:
    """Sum the squared residuals of each pair's votes; shape ``(pairs,)``."""
    win = expected_points(board)
    total: FloatArray = (
        votes.wins_first * (1 - win) ** 2
        + votes.wins_second * win**2
        + votes.ties * (0.5 - win) ** 2
    )
    return total


def _leverage(board: Board) -> tuple[FloatArray, FloatArray]:
    """Give a vote's weight p (1 - p) and its leverage, by pair; shape ``(pairs,)`` each."""
    win, inverse, pairs = expected_points(board), board.inverse, board.pairs
    weight = win * (1 - win)
    own = np.diag(inverse)
    leverage: FloatArray = weight * (
        own[pairs.first] + own[pairs.second] - 2 * inverse[pairs.first, pairs.second]
    )
    return weight, leverage


def _dispersion(board: Board, votes: VoteCounts) -> float:
    """Divide the squared residuals by what they should be, with degrees of freedom."""
    weight, leverage = _leverage(board)
    degrees = votes.total - (votes.battles * leverage).sum()
    share = _squared_residuals(board, votes).sum() / (votes.battles * weight).sum()
    return float(share * votes.total / degrees)


def _curvature(board: Board, votes: VoteCounts) -> Callable[[IntArray], Evidence]:
    """Invert the curvature, prior included, times one dispersion factor."""
    return partial(_normal, board, _dispersion(board, votes) * board.inverse)


def _hc3(board: Board, votes: VoteCounts) -> FloatArray:
    """Inflate residuals by leverage: MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7."""
    _, leverage = _leverage(board)
    inflated = (_squared_residuals(board, votes) / (1 - leverage) ** 2)[:, np.newaxis]
    meat = laplacian(board.pairs, inflated, np.zeros_like(board.theta))[0]
    covariance: FloatArray = board.inverse @ meat @ board.inverse
    return covariance


def _larger(board: Board, votes: VoteCounts) -> Callable[[IntArray], Evidence]:
    """Take the larger variance of curvature times dispersion and HC3."""
    curvature, robust = _dispersion(board, votes) * board.inverse, _hc3(board, votes)

    def evidence(listed: IntArray) -> Evidence:
        scores = centred_scores(board.theta[listed])[:, 0]
        variance = of_scores(curvature[np.ix_(listed, listed)])
        share = np.diag(of_scores(robust[np.ix_(listed, listed)])) / np.diag(variance)
        wider = np.sqrt(np.maximum(share, 1))
        return normal_evidence(scores, variance * wider * wider[:, np.newaxis], options=_NO_DRAWS)

    return evidence


def _union(board: Board, votes: VoteCounts) -> Callable[[IntArray], Evidence]:
    """Take whichever of the percentile and the curvature's interval reaches further."""
    both = _percentile(board, votes), _curvature(board, votes)

    def evidence(listed: IntArray) -> Evidence:
        one, other = (each(listed) for each in both)
        return Evidence(
            scores=one.scores,
            lower=np.minimum(known(one.lower), known(other.lower)),
            upper=np.maximum(known(one.upper), known(other.upper)),
            rank_lower=np.minimum(known(one.rank_lower), known(other.rank_lower)),
            rank_upper=np.maximum(known(one.rank_upper), known(other.rank_upper)),
        )

    return evidence


def _parametric(board: Board, votes: VoteCounts) -> Callable[[IntArray], Evidence]:
    """Draw votes from the penalised fit, and reflect the quantiles of their fits."""
    rng = np.random.default_rng(0)
    weight, _ = _leverage(board)
    tie = 4 * weight * min(1.0, votes.ties.sum() / (4 * votes.battles * weight).sum())
    win = np.maximum(expected_points(board) - tie / 2, 0)
    shares = np.stack([win, np.maximum(1 - win - tie, 0), tie], axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    battles = votes.battles.astype(np.int64)[:, np.newaxis]
    drawn = rng.multinomial(battles, shares[:, np.newaxis], (len(win), 1000))
    first, second, ties = np.moveaxis(drawn.astype(np.float64), 2, 0)
    likelihood = Likelihood(
        pairs=board.pairs,
        battles=np.broadcast_to(battles, first.shape),
        points=board.pairs.collect(first + ties / 2, second + ties / 2),
        prior=board.prior,
    )
    abilities = fit_near(likelihood, board.theta, board.inverse)
    return partial(_bootstrap, board, 2 * board.theta - abilities)


def _profile(board: Board, votes: VoteCounts) -> Callable[[IntArray], Evidence]:
    """Cut the profile of the penalised likelihood, over the dispersion; no places."""
    return partial(
        _profile_bounds, board, votes, np.sqrt(_CHI_SQUARED * _dispersion(board, votes))
    )


def _profile_bounds(board: Board, votes: VoteCounts, target: float, listed: IntArray) -> Evidence:
    """Find the contrasts at which the root of the deviance is the target, by bisection."""
    contrasts = np.zeros((board.pairs.models, len(listed)))
    contrasts[listed] = np.eye(len(listed)) - 1 / len(listed)
    middle = (contrasts * board.theta).sum(axis=0)
    error = np.sqrt((contrasts * (board.inverse @ contrasts)).sum(axis=0))
    bounds = []
    for side in (-1, 1):
        theta = np.repeat(board.theta, len(listed), axis=1)
        inner, outer = middle, middle + side * 8 * target * error
        for _ in range(14):
            halfway = (inner + outer) / 2
            theta, root = _root_deviance(board, votes, contrasts, halfway, theta)
            inner, outer = (
                np.where(root < target, halfway, inner),
                np.where(root < target, outer, halfway),
            )
        bounds.append(1000 + ELO_PER_NATURAL_UNIT * (inner + outer) / 2)
    scores = centred_scores(board.theta[listed])[:, 0]
    return Evidence(scores=scores, lower=bounds[0], upper=bounds[1])


def _root_deviance(
    board: Board, votes: VoteCounts, contrasts: FloatArray, values: FloatArray, theta: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Maximise under each contrast, by damped Newton steps; the maxima and roots."""
    pairs = board.pairs
    by_first, by_second = (
        (wins + votes.ties / 2)[:, np.newaxis] for wins in (votes.wins_first, votes.wins_second)
    )
    likelihood = Likelihood(
        pairs=pairs,
        battles=np.repeat(by_first + by_second, len(values), axis=1),
        points=pairs.collect(by_first, by_second),
        prior=board.prior,
    )

    def value(theta: FloatArray) -> FloatArray:
        gap = theta[pairs.first] - theta[pairs.second]
        lost = by_first * np.logaddexp(0, -gap) + by_second * np.logaddexp(0, gap)
        prior = board.prior / 2 * (np.logaddexp(0, theta) + np.logaddexp(0, -theta))
        total: FloatArray = -lost.sum(axis=0) - prior.sum(axis=0)
        return total

    for _ in range(8):
        sides = np.stack([likelihood.gradient(theta), contrasts], axis=1).transpose(2, 0, 1)
        free, along = np.moveaxis(np.linalg.solve(likelihood.curvature(theta), sides), 2, 0)
        missing = values - (contrasts * (theta + free.T)).sum(axis=0)
        step = free.T + along.T * missing / (contrasts * along.T).sum(axis=0)
        reach = np.maximum(np.ptp(step, axis=0), 1e-300)
        theta = theta + step * np.log1p(reach) / reach
    deviance: FloatArray = 2 * (value(board.theta) - value(theta))
    return theta, np.sqrt(np.maximum(deviance, 0))


METHODS: Final[dict[str, Method]] = {
    "wald": partial(_offered, "wald"),
    "voter": partial(_offered, "voter"),
    "sandwich": partial(_offered, "sandwich"),
    "percentile": _percentile,
    "curvature x dispersion": _curvature,
    "larger of it and HC3": _larger,
    "profile likelihood": _profile,
    "parametric bootstrap": _parametric,
    "union with percentile": _union,
}
"""By name."""
OFFERED: Final = ("wald", "voter", "sandwich", "percentile")
"""Those of `bixarena rank`; `auto` is one of the first two."""
