"""Votes, counted: what a ranking is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import numpy as np

from bixarena_constructs.worker.ranking.errors import BadCellsError
from bixarena_constructs.worker.ranking.folding import (
    OUTCOMES,
    CountArray,
    IntArray,
    VoterCounts,
    fold,
    fold_voters,
    pair_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Cell", "VoteCounts", "VoterCell"]

Cell: TypeAlias = tuple[str, str, str, int]
"""``(model_a, model_b, outcome, votes)``."""
VoterCell: TypeAlias = tuple[str | None, str, str, str, int]
"""``(voter, model_a, model_b, outcome, votes)``; None for an unknown voter."""

# By whether the pair is reversed, and the outcome.
_HALF_POINTS: Final = np.array([[2, 0, 1], [0, 2, 1]], dtype=np.int32)
_FAULTS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VoteCounts:
    """Votes counted by unordered pair of models, in canonical order.

    The order of the votes and the side a model was shown on leave no trace here, so they cannot
    influence a ranking. Make one with `from_cells`, `from_arrays` or `from_voter_cells`.

    Attributes:
        models: Models that met another one, ascending.
        first: Position in ``models`` of a pair's first model; shape ``(pairs,)``, ascending.
        second: Position of its second model, larger than ``first``; shape ``(pairs,)``, ascending
            within equal ``first``.
        wins_first: Votes for the first model; shape ``(pairs,)``.
        wins_second: Votes for the second model; shape ``(pairs,)``.
        ties: Ties; shape ``(pairs,)``.
        self_battles: Votes in which a model met itself. They say nothing about strength and are
            counted nowhere else.
        voters: The same votes by voter, if they are known.
    """

    models: tuple[str, ...]
    first: IntArray
    second: IntArray
    wins_first: CountArray
    wins_second: CountArray
    ties: CountArray
    self_battles: int = 0
    voters: VoterCounts | None = None

    @property
    def battles(self) -> CountArray:
        """Votes of each pair; shape ``(pairs,)``."""
        total = self.wins_first + self.wins_second + self.ties
        return total.astype(self.ties.dtype, copy=False)

    @property
    def total(self) -> int:
        """All votes between different models; the sum of weights is rounded."""
        return round(float(self.battles.sum()))

    @property
    def cast(self) -> int:
        """All votes, including those of a model against itself."""
        return self.total + self.self_battles

    @property
    def votes_by_model(self) -> CountArray:
        """Votes each model took part in; shape ``(models,)``."""
        battles = self.battles
        votes: CountArray = np.zeros(len(self.models), dtype=battles.dtype)
        np.add.at(votes, self.first, battles)
        np.add.at(votes, self.second, battles)
        return votes

    def num_listed(self, min_evals: int) -> int:
        """Count the models with enough votes to be listed.

        Args:
            min_evals: See `RankingOptions`.
        """
        return int((self.votes_by_model >= min_evals).sum())

    @classmethod
    def from_cells(cls, cells: Iterable[Cell]) -> Self:
        """Count votes that come with how often each was cast.

        Args:
            cells: ``(model_a, model_b, outcome, votes)``, in any order and with repetitions;
                an outcome is ``model_a``, ``model_b`` or ``tie``.

        Raises:
            BadCellsError: When a model is not named, an outcome is unknown or a number of votes
                is negative; it lists the first ten, numbered from 1.
        """
        counted = list(cells)
        _check(counted)
        models = sorted({model for cell in counted for model in cell[:2]})
        index = {model: position for position, model in enumerate(models)}
        return cls.from_arrays(
            models,
            model_a=_integers(index[cell[0]] for cell in counted),
            model_b=_integers(index[cell[1]] for cell in counted),
            outcome=_integers(OUTCOMES.index(cell[2]) for cell in counted),
            votes=_integers(cell[3] for cell in counted),
        )

    @classmethod
    def from_arrays(
        cls,
        models: Sequence[str],
        *,
        model_a: NDArray[np.integer],
        model_b: NDArray[np.integer],
        outcome: NDArray[np.integer],
        votes: NDArray[np.number] | None = None,
        voter: NDArray[np.integer] | None = None,
    ) -> Self:
        """Count votes given as arrays of equal length, a vote or a cell at each position.

        Args:
            models: Distinct names.
            model_a: Position in ``models``; shape ``(n,)``.
            model_b: Position in ``models``; shape ``(n,)``.
            outcome: Position in `OUTCOMES`; shape ``(n,)``.
            votes: How often each was cast, or how much it weighs, which can be a fraction; shape
                ``(n,)``. Default: - once.
            voter: Any number of who cast it, 0 or more; below 0 for an unknown voter, each of
                whose votes is that of a voter of its own; shape ``(n,)``. Default: - voters are
                not counted.

        Raises:
            ValueError: When a position lies outside its table, lengths differ, votes are
                negative, those of unknown voters are fractions, or a model is named twice.
        """
        columns = {"model_a": model_a, "model_b": model_b, "outcome": outcome}
        _check_arrays(models, columns, votes=votes, voter=voter)
        order = sorted(range(len(models)), key=models.__getitem__)
        place = np.empty(len(models), dtype=np.int64)
        place[order] = np.arange(len(models))
        table = fold(place, model_a=model_a, model_b=model_b, outcome=outcome, votes=votes)
        counts = cls._from_table([models[position] for position in order], table)
        if voter is None:
            return counts
        pair_of = pair_table(
            np.sort(np.array(models, dtype=object)),
            met=counts.models,
            first=counts.first,
            second=counts.second,
        )
        here, there = place[model_a], place[model_b]
        by_voter = fold_voters(
            pair_of[np.minimum(here, there), np.maximum(here, there)],
            half_points=_HALF_POINTS[(here > there).astype(np.int64), outcome],
            votes=np.ones(len(voter), np.int64) if votes is None else votes,
            voter=voter,
        )
        return replace(counts, voters=by_voter)

    @classmethod
    def from_voter_cells(cls, cells: Iterable[VoterCell]) -> Self:
        """Count votes by voter as well: votes of one voter are alike.

        Args:
            cells: ``(voter, model_a, model_b, outcome, votes)``, as in `from_cells`. A vote of an
                unknown voter, None, counts as that of a voter of its own.

        Raises:
            BadCellsError: As `from_cells` does.
        """
        counted = list(cells)
        _check(cell[1:] for cell in counted)
        models = sorted({model for cell in counted for model in cell[1:3]})
        index = {model: position for position, model in enumerate(models)}
        # In the order of their names, so that no other order leaves a trace.
        names = sorted({cell[0] for cell in counted if cell[0] is not None})
        voters: dict[str | None, int] = {name: number for number, name in enumerate(names)}
        return cls.from_arrays(
            models,
            model_a=_integers(index[cell[1]] for cell in counted),
            model_b=_integers(index[cell[2]] for cell in counted),
            outcome=_integers(OUTCOMES.index(cell[3]) for cell in counted),
            votes=_integers(cell[4] for cell in counted),
            voter=_integers(voters.get(cell[0], -1) for cell in counted),
        )

    @classmethod
    def _from_table(cls, models: Sequence[str], table: CountArray) -> Self:
        """Take the pairs that met from a table of shape ``(outcomes, models, models)``."""
        own = np.arange(len(models))
        self_battles = round(float(table[:, own, own].sum()))
        table[:, own, own] = 0
        battles = table.sum(axis=0)
        met = np.flatnonzero(battles.any(axis=0) | battles.any(axis=1))
        table = table[:, met[:, np.newaxis], met]
        first, second = np.nonzero(table.any(axis=0))
        wins_first, wins_second, ties = table[:, first, second]
        return cls(
            models=tuple(models[position] for position in met.tolist()),
            first=first,
            second=second,
            wins_first=wins_first,
            wins_second=wins_second,
            ties=ties,
            self_battles=self_battles,
        )


def _integers(values: Iterable[int]) -> IntArray:
    return np.fromiter(values, dtype=np.int64)


def _faults(cells: Iterable[Cell]) -> Iterator[str]:
    for number, (model_a, model_b, outcome, votes) in enumerate(cells, start=1):
        if not model_a or not model_b:
            side = "model_b" if model_a else "model_a"
            yield f"count {number}: {side} is {(model_b if model_a else model_a)!r}, not a name"
        if outcome not in OUTCOMES:
            yield f"count {number}: outcome {outcome!r} is not one of {', '.join(OUTCOMES)}"
        if votes < 0:
            yield f"count {number}: votes is {votes}, not 0 or more"


def _check(cells: Iterable[Cell]) -> None:
    faults = list(_faults(cells))
    if faults:
        raise BadCellsError(faults[:_FAULTS_SHOWN], len(faults))


def _check_arrays(
    models: Sequence[str],
    columns: Mapping[str, NDArray[np.integer]],
    *,
    votes: NDArray[np.number] | None,
    voter: NDArray[np.integer] | None,
) -> None:
    if len(set(models)) < len(models):
        raise ValueError("models must be distinct, got a name twice")
    lengths = {len(column) for column in columns.values()}
    if votes is not None:
        lengths.add(len(votes))
        if not (np.isfinite(votes) & (votes >= 0)).all():
            raise ValueError(f"votes must be 0 or more, got {votes.min()}")
    if voter is not None:
        lengths.add(len(voter))
    if len(lengths) > 1:
        raise ValueError(f"arrays must be equally long, got lengths {sorted(lengths)}")
    if votes is not None and voter is not None and (votes[voter < 0] % 1).any():
        raise ValueError("votes of unknown voters must be whole; number the voters to weigh them")
    for name, column in columns.items():
        limit = len(OUTCOMES) if name == "outcome" else len(models)
        if column.size and not 0 <= column.min() <= column.max() < limit:
            raise ValueError(
                f"{name} must lie from 0 to {limit - 1}, got {column.min()} to {column.max()}"
            )
