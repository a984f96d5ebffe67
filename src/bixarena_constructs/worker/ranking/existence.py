"""Which abilities a replicate without a prior has, and towards which infinity the others go.

A resampled board can lack a finite estimate although the board has one: a model wins or loses
everything, or meets no other. A majority, more than half of the models, that all beat each
other directly or by a chain still has a finite estimate of its own. Of the rest, a model above
the majority (a chain of wins leads from it to the majority and none back) counts as plus infinity,
a model below as minus infinity, and a model that is neither as unknown. Without a
majority every model is unknown. Unknown counts at both ends of an interval: it can only become
wider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bixarena_constructs.worker.ranking.graph import reachable, reaches_all

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.graph import BoolArray
    from bixarena_constructs.worker.ranking.likelihood import FloatArray, Pairs

__all__ = ["limits"]

# Entries of the tables of points held at a time, nine bytes each.
_TABLE_ENTRIES: Final = 2**21


def limits(pairs: Pairs, by_first: FloatArray, by_second: FloatArray) -> FloatArray:
    """Find where the abilities of some replicates go when the prior goes to 0.

    Args:
        pairs: Which models met.
        by_first: Points of each pair's first model; shape ``(pairs, replicates)``.
        by_second: Points of its second model; same shape.

    Returns:
        0 where an ability is finite, plus or minus infinity, or NaN where it is unknown; shape
        ``(models, replicates)``.
    """
    result = np.zeros((pairs.models, by_first.shape[1]))
    batch = max(1, _TABLE_ENTRIES // pairs.models**2)
    for start in range(0, by_first.shape[1], batch):
        part = slice(start, start + batch)
        table = _points_tables(pairs, by_first[:, part], by_second[:, part])
        whole = reaches_all(table) & reaches_all(table.swapaxes(1, 2))
        for replicate in np.flatnonzero(~whole):
            result[:, start + replicate] = _limit(reachable(table[replicate]))
    return result


def _points_tables(pairs: Pairs, by_first: FloatArray, by_second: FloatArray) -> BoolArray:
    """Mark which model took a point from which; shape ``(replicates, models, models)``."""
    table = np.zeros((by_first.shape[1], pairs.models, pairs.models), dtype=np.bool_)
    table[:, pairs.first, pairs.second] = (by_first > 0).T
    table[:, pairs.second, pairs.first] = (by_second > 0).T
    return table


def _limit(closure: BoolArray) -> FloatArray:
    models = len(closure)
    mutual = closure & closure.T
    core = int(mutual.sum(axis=1).argmax())
    if 2 * mutual[core].sum() <= models:
        return np.full(models, np.nan)
    above, below = closure[:, core], closure[core]
    limit = np.full(models, np.nan)
    limit[above] = np.inf
    limit[below] = -np.inf
    limit[above & below] = 0
    return limit
