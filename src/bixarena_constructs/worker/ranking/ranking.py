"""Rank models by their votes: fit all, then centre, list and rank those with enough votes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.errors import TooFewModelsError, VotersMissingError
from bixarena_constructs.worker.ranking.graph import compared_groups, points_table
from bixarena_constructs.worker.ranking.intervals import evidence_of
from bixarena_constructs.worker.ranking.jackknife import FEWEST_VOTERS, effective_number
from bixarena_constructs.worker.ranking.listing import list_models
from bixarena_constructs.worker.ranking.options import DEFAULT_OPTIONS, counts_by_voter
from bixarena_constructs.worker.ranking.result import Ranking, UnlistedModel

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.folding import CountArray, IntArray
    from bixarena_constructs.worker.ranking.options import IntervalMethod, RankingOptions
    from bixarena_constructs.worker.ranking.replicates import Progress
    from bixarena_constructs.worker.ranking.votes import VoteCounts

__all__ = ["rank"]


def rank(
    votes: VoteCounts,
    options: RankingOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress | None = None,
) -> Ranking:
    """Rank models by the votes on them.

    The result depends on the votes, the options and nothing else: not on the order of the votes,
    nor on the number of threads.

    Args:
        votes: Counted votes.
        options: How to rank.
        progress: Called with the rounds done and the rounds asked for, after each block of them;
            what it raises ends the work.

    Raises:
        TooFewModelsError: When fewer than two models have enough votes to be listed.
        NoFiniteEstimateError: Without a prior, when the votes determine no finite estimate.
        NotConvergedError: When the fit is not at its maximum.
        VotersMissingError: When intervals by voter are asked for but voters were not counted.
    """
    by_model = votes.votes_by_model
    is_listed = by_model >= options.min_evals
    listed = np.flatnonzero(is_listed)
    models = [votes.models[position] for position in listed]
    if len(models) < 2:  # noqa: PLR2004 - a comparison has two sides
        raise TooFewModelsError(models, min_evals=options.min_evals)
    effective_voters = None
    if votes.voters is not None:
        cast = np.bincount(votes.voters.voter, votes.voters.votes)
        effective_voters = effective_number(cast, votes.voters.alike)
    method = _method(options.interval_method, effective_voters)
    chosen = replace(options, interval_method=method)
    board = fit_board(votes, options.prior_battles)
    evidence = evidence_of(board, votes, listed=listed, options=chosen, progress=progress)
    entries, above = list_models(models, by_model[listed], evidence, options=options)
    return Ranking(
        entries=entries,
        above=above,
        unlisted=_unlisted(votes, by_model, np.flatnonzero(~is_listed)),
        groups=_groups(votes),
        total_votes=votes.total,
        self_battles=votes.self_battles,
        rounds_without_estimate=evidence.rounds_without_estimate,
        interval_method=method,
        effective_voters=effective_voters,
        options=options,
    )


def _method(asked: IntervalMethod, effective_voters: float | None) -> IntervalMethod:
    """Choose how intervals are made, from what is asked for and how many voters there are.

    Raises:
        VotersMissingError: When intervals by voter are asked for but voters were not counted.
    """
    if asked == "voter" and effective_voters is None:
        raise VotersMissingError
    if not counts_by_voter(asked):
        return asked
    return "voter" if (effective_voters or 0) >= FEWEST_VOTERS else "wald"


def _unlisted(
    votes: VoteCounts, by_model: CountArray, positions: IntArray
) -> tuple[UnlistedModel, ...]:
    return tuple(
        UnlistedModel(model=votes.models[position], votes=round(float(by_model[position])))
        for position in positions
    )


def _groups(votes: VoteCounts) -> tuple[tuple[str, ...], ...]:
    groups = compared_groups(points_table(votes))
    return tuple(tuple(votes.models[position] for position in group) for group in groups)
