"""Which models met, and which took points from which, as graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = [
    "BoolArray",
    "compared_groups",
    "mutual_groups",
    "points_table",
    "reachable",
    "reaches_all",
]

BoolArray = NDArray[np.bool_]


def points_table(votes: VoteCounts) -> BoolArray:
    """Mark which model took a point from which; shape ``(models, models)``, winner first.

    A tie is half a point for each side.
    """
    table = np.zeros((len(votes.models), len(votes.models)), dtype=np.bool_)
    table[votes.first, votes.second] = votes.wins_first + votes.ties > 0
    table[votes.second, votes.first] = votes.wins_second + votes.ties > 0
    return table


def reachable(table: BoolArray) -> BoolArray:
    """Close a relation transitively and reflexively.

    Args:
        table: Shape ``(..., models, models)``.

    Returns:
        Whether a chain leads from the row's model to the column's; same shape.
    """
    models = table.shape[-1]
    # In float32 the product runs in BLAS; sums of up to 2^24 ones are exact.
    closure = (table | np.eye(models, dtype=np.bool_)).astype(np.float32)
    for _ in range(max(1, models - 1).bit_length()):
        closure = ((closure @ closure) > 0).astype(np.float32)
    return closure > 0


def _groups(together: BoolArray) -> list[list[int]]:
    """List the classes of an equivalence, each ascending, in order of their first member."""
    leaders = together.argmax(axis=1)
    return [np.flatnonzero(leaders == leader).tolist() for leader in np.unique(leaders)]


def compared_groups(table: BoolArray) -> list[list[int]]:
    """Split models into groups between which no battle was fought."""
    linked = table | table.T
    leaders = np.full(len(table), -1)
    for model in range(len(table)):
        reached = np.array([model]) if leaders[model] < 0 else np.array([], dtype=np.intp)
        while len(reached):
            leaders[reached] = model
            reached = np.flatnonzero(linked[reached].any(axis=0) & (leaders < 0))
    return [np.flatnonzero(leaders == leader).tolist() for leader in np.unique(leaders)]


def mutual_groups(table: BoolArray) -> list[list[int]]:
    """Split models into groups in which every model beats every other one, directly or by a chain.

    The maximum-likelihood estimate is finite if and only if there is one such group: Ford (1957),
    doi:10.1080/00029890.1957.11989117.
    """
    closure = reachable(table)
    return _groups(closure & closure.T)


def reaches_all(table: BoolArray) -> BoolArray:
    """Find whether chains lead from the first model to every other one.

    Args:
        table: Shape ``(replicates, models, models)``.

    Returns:
        Shape ``(replicates,)``.
    """
    links = table.astype(np.float32)
    reached = np.zeros((len(table), 1, table.shape[-1]), dtype=np.bool_)
    reached[..., 0] = True
    for _ in range(table.shape[-1]):
        further = reached | ((reached.astype(np.float32) @ links) > 0)
        if (further == reached).all():
            break
        reached = further
    every: BoolArray = np.logical_and.reduce(reached[:, 0], axis=-1)
    return every
