"""Rows of a snapshot: what the leaderboard's columns can hold."""

from __future__ import annotations

import math
from datetime import datetime

import pytest

from bixarena_constructs.worker.errors import NotStorableError
from bixarena_constructs.worker.ranking import RankedModel, RankingOptions, VoteCounts, rank
from bixarena_constructs.worker.records import Votes, check_storable

CIRCLE = VoteCounts.from_cells(
    [("a", "b", "model_a", 1), ("b", "c", "model_a", 1), ("c", "a", "model_a", 1)]
)


def test_refuses_to_store_what_the_columns_cannot_hold() -> None:
    entry = RankedModel(
        model="m",
        score=9999.9999994,
        lower=-math.inf,
        upper=9999.9999996,
        rank=1,
        votes=1,
        rank_lower=None,
        rank_upper=None,
        tier=None,
        probability_best=None,
    )
    with pytest.raises(NotStorableError, match=r"-9999\.999999") as caught:
        check_storable([entry])
    # The first rounds to 9999.999999, which fits; the last to 10000.000000, which does not.
    assert caught.value.faults == (("m", "lower", -math.inf), ("m", "upper", 9999.9999996))


def test_names_models_by_slug_in_a_message_and_touches_nothing_else_of_it() -> None:
    votes = Votes(slug_by_model={"1": "alpha", "a": "1", "12": "beta"}, by_leaderboard={})
    said = "10 or more votes are needed (at least 1), got '1': 12, 'a': 3; (id)=(12) is gone"
    assert votes.in_slugs(said) == (
        "10 or more votes are needed (at least 1), got 'alpha': 12, '1': 3; (id)=(beta) is gone"
    )


def test_refuses_a_time_of_the_newest_vote_without_an_offset() -> None:
    newest = datetime(2026, 3, 6, 10)  # noqa: DTZ001 - as a database without time zones has it
    with pytest.raises(ValueError, match="it must have an offset"):
        Votes.from_cells((), slug_by_model={}, leaderboards=(), newest=newest)


def test_lets_scores_without_bounds_be_stored() -> None:
    check_storable(rank(CIRCLE, RankingOptions(num_bootstrap=0, min_evals=0)).entries)
