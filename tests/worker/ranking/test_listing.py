from __future__ import annotations

import numpy as np

from bixarena_constructs.worker.ranking import RankedModel, RankingOptions
from bixarena_constructs.worker.ranking.intervals import Evidence
from bixarena_constructs.worker.ranking.listing import list_models


def listed(evidence: Evidence, *, significant: bool = False) -> tuple[RankedModel, ...]:
    models = "abcdef"[: len(evidence.scores)]
    votes = np.arange(len(models)) + 10
    options = RankingOptions(significant=significant)
    return list_models(models, votes, evidence, options=options)[0]


def test_scores_that_are_stored_alike_share_a_rank() -> None:
    entries = listed(Evidence(scores=np.array([1000.0000001, 1000.0000004, 1000.0000006])))
    assert [(entry.model, entry.rank) for entry in entries] == [("c", 1), ("a", 2), ("b", 2)]
    # What is reported stays exact.
    assert entries[0].score == 1000.0000006


def test_models_of_a_significant_rank_stand_by_score() -> None:
    scores = np.array([990.0, 1010, 1000, 700])
    entries = listed(
        Evidence(scores=scores, lower=scores - 50, upper=scores + 50), significant=True
    )
    assert [(entry.model, entry.rank) for entry in entries] == [
        ("b", 1),
        ("c", 1),
        ("a", 1),
        ("d", 4),
    ]


def test_a_bound_that_touches_another_is_not_wholly_above() -> None:
    bounds = (np.array([100.0, 90]), np.array([110.0, 100]))
    evidence = Evidence(scores=np.array([105.0, 95]), lower=bounds[0], upper=bounds[1])
    assert [entry.rank for entry in listed(evidence, significant=True)] == [1, 1]


def test_votes_and_probabilities_stay_with_their_model() -> None:
    evidence = Evidence(
        scores=np.array([1.0, 2, 0]),
        probability_best=np.array([0.2, 0.7, 0.1]),
        rank_lower=np.array([2, 1, 3]),
        rank_upper=np.array([3, 1, 3]),
        above=np.array([[0.5, 0.2, 0.6], [0.8, 0.5, 0.9], [0.4, 0.1, 0.5]]),
    )
    entries, above = list_models("abc", np.array([10, 20, 30]), evidence, options=RankingOptions())
    assert [(entry.model, entry.votes) for entry in entries] == [("b", 20), ("a", 10), ("c", 30)]
    assert [entry.probability_best for entry in entries] == [0.7, 0.2, 0.1]
    assert [(entry.rank_lower, entry.rank_upper) for entry in entries] == [(1, 1), (2, 3), (3, 3)]
    assert above is not None
    assert above.tolist() == [[0.5, 0.8, 0.9], [0.2, 0.5, 0.6], [0.1, 0.4, 0.5]]
