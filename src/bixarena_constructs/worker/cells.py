"""Counted cells, folded leaderboard by leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from bixarena_constructs.worker.errors import VotesError
from bixarena_constructs.worker.ranking import OUTCOMES, VoteCounts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["CountedCell", "counted"]

_OUTCOME: Final = {name: number for number, name in enumerate(OUTCOMES)}
# Beyond it a float does not hold every whole number.
_MOST_VOTES: Final = 2**53
_FAULTS_SHOWN: Final = 5
_ROWS_AT_A_TIME: Final = 2**16


class CountedCell(NamedTuple):
    """How many votes of a leaderboard had one outcome between two models.

    Cells of the same key add up, in any order, and a pair may come in both directions.

    Attributes:
        leaderboard: Slug of the leaderboard.
        model_a: Key of a model.
        model_b: Key of another model, or of the same: a self battle.
        outcome: ``model_a``, ``model_b`` or ``tie``.
        votes: 1 or more.
        voter: A key of the voter that does not identify the person; None if unknown.
    """

    leaderboard: str
    model_a: str
    model_b: str
    outcome: str
    votes: int
    voter: str | int | None = None


class _BoardCells:
    """The cells of one leaderboard, packed as numbers."""

    def __init__(self, models: Mapping[str, int]) -> None:
        self._models = models
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._parts: list[NDArray[np.int64]] = []
        self._voters: dict[object, int] = {}
        self._faults: list[str] = []
        self._num_faults = 0

    def add(self, cell: CountedCell) -> None:
        try:
            model_a, model_b = self._models[cell.model_a], self._models[cell.model_b]
            outcome, votes = _OUTCOME[cell.outcome], int(cell.votes)
        except (KeyError, TypeError, ValueError, OverflowError):
            self._reject(cell)
            return
        if not 1 <= votes == cell.votes <= _MOST_VOTES:
            self._reject(cell)
            return
        voter = -1
        if cell.voter is not None:
            voter = self._voters.setdefault(cell.voter, len(self._voters))
        self._rows.append((model_a, model_b, outcome, votes, voter))
        if len(self._rows) >= _ROWS_AT_A_TIME:
            self._pack()

    def _pack(self) -> None:
        self._parts.append(np.array(self._rows, dtype=np.int64).reshape(-1, 5))
        self._rows = []

    def _reject(self, cell: CountedCell) -> None:
        self._num_faults += 1
        if len(self._faults) < _FAULTS_SHOWN:
            self._faults.append(_fault(cell, self._models))

    def counts(self) -> VoteCounts | VotesError:
        """Fold them, or return why they cannot be counted."""
        if self._faults:
            more = self._num_faults - len(self._faults)
            listed = "; ".join(self._faults) + (f"; and {more} more" if more else "")
            return VotesError(listed)
        self._pack()
        table = np.concatenate(self._parts)
        model_a, model_b, outcome, votes, voter = table.T
        return VoteCounts.from_arrays(
            list(self._models),
            model_a=model_a,
            model_b=model_b,
            outcome=outcome,
            votes=votes,
            voter=self._in_order(voter) if self._voters else None,
        )

    def _in_order(self, voter: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number voters by their keys, so that the order of the rows does not matter."""
        place = np.full(len(self._voters) + 1, -1)
        ordered = sorted(self._voters, key=str)
        place[[self._voters[key] for key in ordered]] = np.arange(len(ordered))
        return place[voter]


def counted(
    cells: Iterable[CountedCell], *, models: Collection[str], leaderboards: Collection[str]
) -> tuple[dict[str, VoteCounts | VotesError], dict[str, VotesError]]:
    """Fold cells by leaderboard.

    Args:
        cells: In any order.
        models: Keys of all models that exist.
        leaderboards: Slugs of all leaderboards that exist.

    Returns:
        Leaderboard to its votes, or to why they cannot be counted; and the same of leaderboards
        that do not exist.
    """
    positions = {model: position for position, model in enumerate(models)}
    boards: dict[str, _BoardCells] = {}
    unknown: dict[str, VotesError] = {}
    for cell in cells:
        slug = cell.leaderboard
        board = boards.get(slug)
        if board is None:
            if slug not in leaderboards:
                unknown[str(slug)] = VotesError(
                    f"there are votes for leaderboard {slug!r}, which does not exist; create it,"
                    " or leave its rows out"
                )
                continue
            board = boards[slug] = _BoardCells(positions)
        board.add(cell)
    return {slug: board.counts() for slug, board in boards.items()}, unknown


def _fault(cell: CountedCell, models: Mapping[str, int]) -> str:
    """Describe what is wrong with a cell, which is named by its key."""
    row = f"model_a {cell.model_a!r}, model_b {cell.model_b!r}, outcome {cell.outcome!r}"
    for side in ("model_a", "model_b"):
        key = getattr(cell, side)
        if key not in models:
            return f"{side} is {key!r} in the row of {row}; no model has this id"
    if cell.outcome not in _OUTCOME:
        allowed = ", ".join(OUTCOMES)
        return f"outcome is {cell.outcome!r} in the row of {row}; it must be one of {allowed}"
    given = None if cell.votes is None else str(cell.votes)
    return (
        f"votes is {given} in the row of {row}; it must be a whole number from 1 to {_MOST_VOTES}"
    )
