"""Measure one peer on one file of votes; runs in the peers' environment.

``python -m benchmarks.peers PEER VOTES.npz ROUNDS FORM``; FORM is ``arrays`` or ``records``. Times
are scaled to 1000 rounds.
"""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from benchmarks.measuring import measure

if TYPE_CHECKING:
    from collections.abc import Callable

# The peers' environment is not the one that is type-checked.
Array = Any
Votes = dict[str, Any]

OUTCOMES: Final = np.array(["model_a", "model_b", "tie"])
ALL_ROUNDS: Final = 1000


def records_of(votes: Votes) -> list[dict[str, str]]:
    """Write each vote as a dictionary, as database drivers and JSON do."""
    a, b = (votes["models"][votes[side]].tolist() for side in ("model_a", "model_b"))
    winner = OUTCOMES[votes["outcome"]].tolist()
    return [
        {"model_a": left, "model_b": right, "winner": won}
        for left, right, won in zip(a, b, winner, strict=True)
    ]


def fit_once(a: Array, b: Array, won: Array, models: int, weight: Array) -> Array:
    """Fit weighted cells by SciPy's L-BFGS-B with its default tolerance."""
    from scipy.optimize import minimize  # noqa: PLC0415 - only this peer needs it

    def loss(theta: Array) -> tuple[float, Array]:
        difference = theta[a] - theta[b]
        expected = 1 / (1 + np.exp(-difference))
        value = (weight * (np.logaddexp(0, difference) - won * difference)).sum()
        surprise = weight * (expected - won)
        slope = np.bincount(a, surprise, models) - np.bincount(b, surprise, models)
        return value, slope

    fitted: Array = minimize(loss, np.zeros(models), jac=True, method="L-BFGS-B").x
    return fitted


def reference(votes: Votes, rounds: int, form: str) -> Callable[[], object]:
    """Do what BixArena's worker did: count cells, draw them, one L-BFGS-B fit for each round."""
    records = records_of(votes) if form == "records" else None

    def cells() -> tuple[Array, ...]:
        if records is None:
            columns = np.stack([votes["model_a"], votes["model_b"], votes["outcome"]])
            distinct, counts = np.unique(columns, axis=1, return_counts=True)
            return *distinct, counts
        counted = Counter(map(itemgetter("model_a", "model_b", "winner"), records))
        names = {name: number for number, name in enumerate(votes["models"].tolist())}
        points = {"model_a": 0, "model_b": 1, "tie": 2}
        rows = [(names[a], names[b], points[won], n) for (a, b, won), n in counted.items()]
        return tuple(np.array(rows).T)

    def run() -> object:
        a, b, outcome, counts = cells()
        fit = partial(fit_once, a, b, np.choose(outcome, [1.0, 0.0, 0.5]), len(votes["models"]))
        fit(counts)
        total = counts.sum()
        drawn = np.random.default_rng(0).multinomial(total, counts / total, size=rounds)
        replicates = np.array([fit(weight) for weight in drawn])
        return np.quantile(replicates, [0.025, 0.975], axis=0)

    return run


def evalica(votes: Votes, rounds: int, _form: str) -> Callable[[], object]:
    """Run evalica's bootstrap with percentiles, from lists."""
    from evalica import Winner, bootstrap, bradley_terry  # noqa: PLC0415

    xs, ys = (votes["models"][votes[side]].tolist() for side in ("model_a", "model_b"))
    kinds = [Winner.X, Winner.Y, Winner.Draw]
    winners = [kinds[number] for number in votes["outcome"].tolist()]
    return lambda: bootstrap(
        bradley_terry,
        xs,
        ys,
        winners,
        n_resamples=rounds,
        bootstrap_method="percentile",
        random_state=0,
    )


def arenakit(votes: Votes, rounds: int, _form: str) -> Callable[[], object]:
    """Run arenakit's bootstrap from its own records."""
    from arenakit.boot import bootstrap  # noqa: PLC0415
    from arenakit.schema import Arena, battles_from_records  # noqa: PLC0415

    battles = battles_from_records(records_of(votes))
    return lambda: bootstrap(Arena(battles), n_resamples=rounds).score_ci()


def arena_rank(votes: Votes, _rounds: int, _form: str) -> Callable[[], object]:
    """Run arena-rank's sandwich, which needs no rounds, from a data frame."""
    import pandas as pd  # noqa: PLC0415
    from arena_rank.models.bradley_terry import BradleyTerry  # noqa: PLC0415
    from arena_rank.utils.data_utils import PairDataset  # noqa: PLC0415

    frame = pd.DataFrame(records_of(votes))

    def run() -> object:
        dataset = PairDataset.from_pandas(frame)
        model = BradleyTerry(n_competitors=len(dataset.competitors))
        return model.compute_ratings_and_cis(dataset)

    return run


PEERS: Final = {
    "reference": reference,
    "evalica": evalica,
    "arenakit": arenakit,
    "arena-rank": arena_rank,
}


def main(peer: str, path: str, rounds: str, form: str) -> None:
    """Measure."""
    votes = dict(np.load(path))
    scale = 1.0 if peer == "arena-rank" else ALL_ROUNDS / int(rounds)
    measure(PEERS[peer](votes, int(rounds), form), scale=scale)


if __name__ == "__main__":
    main(*sys.argv[1:])
