"""Scores against numbers printed elsewhere: facts, retyped with their sources."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from bixarena_constructs.worker.ranking import RankingOptions, VoteCounts, rank

if TYPE_CHECKING:
    from collections.abc import Mapping

# Games of the American League East, 1987; row beat column. Agresti, Categorical Data Analysis,
# 2nd ed. (2002), table 10.10.
BASEBALL = {
    "Baltimore": [0, 1, 7, 4, 2, 3, 1],
    "Boston": [12, 0, 7, 2, 6, 7, 6],
    "Cleveland": [6, 6, 0, 4, 4, 6, 5],
    "Detroit": [9, 11, 9, 0, 6, 5, 7],
    "Milwaukee": [11, 7, 9, 7, 0, 7, 9],
    "New York": [10, 6, 7, 8, 6, 0, 6],
    "Toronto": [12, 7, 8, 6, 4, 7, 0],
}
# Log-abilities with Baltimore at 0: Turner & Firth, Bradley-Terry Models in R, JSS 48(9) (2012),
# doi:10.18637/jss.v048.i09.
BASEBALL_ABILITIES = {
    "Baltimore": 0.0,
    "Boston": 1.1077,
    "Cleveland": 0.6839,
    "Detroit": 1.4364,
    "Milwaukee": 1.5814,
    "New York": 1.2476,
    "Toronto": 1.2945,
}
# Their standard errors with inverse-Fisher variance, as differences from Baltimore.
BASEBALL_ERRORS = {
    "Boston": 0.3339,
    "Cleveland": 0.3319,
    "Detroit": 0.3396,
    "Milwaukee": 0.3433,
    "New York": 0.3359,
    "Toronto": 0.3367,
}

# Citations between journals of statistics, 1987 to 1989; row was cited by column: Stigler (1994),
# doi:10.1214/ss/1177010655. Abilities with Biometrika at 0: Turner & Firth (2012).
CITATIONS = {
    "Biometrika": [0, 730, 498, 221],
    "Comm Statist": [33, 0, 68, 17],
    "JASA": [320, 813, 0, 142],
    "JRSS-B": [284, 276, 325, 0],
}
CITATIONS_ABILITIES = {
    "Biometrika": 0.0,
    "Comm Statist": -2.9491,
    "JASA": -0.4796,
    "JRSS-B": 0.2690,
}

# Wikipedia, "Bradley-Terry model", worked example: row beat column; strengths with geometric
# mean 1.
WIKIPEDIA = {
    "A": [0, 2, 0, 1],
    "B": [3, 0, 5, 0],
    "C": [0, 3, 0, 1],
    "D": [4, 0, 3, 0],
}
WIKIPEDIA_STRENGTHS = {"A": 0.640, "B": 1.043, "C": 0.660, "D": 2.270}

POINTS_ONLY = RankingOptions(prior_battles=0, num_bootstrap=0, min_evals=0)


def votes_of(wins: Mapping[str, list[int]]) -> VoteCounts:
    return VoteCounts.from_cells(
        (winner, loser, "model_a", count)
        for winner, row in wins.items()
        for loser, count in zip(wins, row, strict=True)
    )


def abilities_of(wins: Mapping[str, list[int]], reference: str) -> dict[str, float]:
    scores = {entry.model: entry.score for entry in rank(votes_of(wins), POINTS_ONLY).entries}
    return {
        model: (score - scores[reference]) * math.log(10) / 400 for model, score in scores.items()
    }


# The sources print four decimals.
PRINTED = 0.5001e-4


@pytest.mark.parametrize(
    ("wins", "reference", "published"),
    [
        pytest.param(BASEBALL, "Baltimore", BASEBALL_ABILITIES, id="baseball 1987"),
        pytest.param(CITATIONS, "Biometrika", CITATIONS_ABILITIES, id="citations"),
    ],
)
def test_reproduces_published_abilities_to_their_last_printed_digit(
    wins: dict[str, list[int]], reference: str, published: dict[str, float]
) -> None:
    assert abilities_of(wins, reference) == pytest.approx(published, rel=0, abs=PRINTED)


def test_reproduces_wikipedias_strengths_to_their_last_printed_digit() -> None:
    entries = rank(votes_of(WIKIPEDIA), POINTS_ONLY).entries
    # A mean of 1000 is a geometric mean of 1; Wikipedia prints three decimals.
    strengths = {entry.model: 10 ** ((entry.score - 1000) / 400) for entry in entries}
    assert strengths == pytest.approx(WIKIPEDIA_STRENGTHS, rel=0, abs=0.501e-3)


def test_ranks_the_teams_of_1987_as_published() -> None:
    entries = rank(votes_of(BASEBALL), POINTS_ONLY).entries
    assert [entry.model for entry in entries] == sorted(
        BASEBALL_ABILITIES, key=lambda team: -BASEBALL_ABILITIES[team]
    )
    assert [entry.rank for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert {entry.votes for entry in entries} == {78}
