"""Votes of one voter are alike: intervals allow for it where voters are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks.voters import VoterCell

from bixarena_constructs.worker.ranking import (
    RankingOptions,
    VoteCounts,
    VotersMissingError,
    rank,
)
from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.jackknife import (
    effective_number,
    student_quantile,
    voter_variance,
)

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking import IntervalMethod

Cells = list[tuple[str | None, str, str, str, int]]


def random_cells(*, voters: int, models: int, votes: int, seed: int) -> Cells:
    rng = np.random.default_rng(seed)
    cells: Cells = []
    for _ in range(votes):
        a, b = rng.choice(models, size=2, replace=False)
        outcome = str(rng.choice(["model_a", "model_b", "tie"], p=[0.5, 0.35, 0.15]))
        cells.append((f"v{rng.integers(voters)}", f"m{a:02}", f"m{b:02}", outcome, 1))
    return cells


def widths(votes: VoteCounts, method: IntervalMethod, prior: float = 0.5) -> np.ndarray:
    options = RankingOptions(interval_method=method, min_evals=0, prior_battles=prior)
    entries = sorted(rank(votes, options).entries, key=lambda entry: entry.model)
    return np.array([(entry.upper or math.nan) - (entry.lower or math.nan) for entry in entries])


@pytest.mark.parametrize(
    ("voters", "models", "votes"),
    [
        pytest.param(12, 8, 60, id="voters who saw fewer pairs than there are models"),
        pytest.param(5, 4, 400, id="voters who saw more"),
        pytest.param(30, 5, 200, id="both"),
    ],
)
def test_leaves_out_each_voter_with_one_newton_step(voters: int, models: int, votes: int) -> None:
    cells = random_cells(voters=voters, models=models, votes=votes, seed=voters)
    counts = VoteCounts.from_voter_cells(cells)
    board = fit_board(counts, 0.5)
    theta, hessian = board.theta[:, 0], np.linalg.inv(board.inverse)
    index = {model: position for position, model in enumerate(counts.models)}
    listed = np.array([0, 1, 3])
    moved = []
    for name in sorted({str(cell[0]) for cell in cells}):
        gradient, curvature = np.zeros(models), np.zeros((models, models))
        for voter, a, b, outcome, _ in cells:
            if voter == name:
                contrast = np.zeros(models)
                contrast[index[a]], contrast[index[b]] = 1, -1
                win = 1 / (1 + math.exp(-contrast @ theta))
                points = {"model_a": 1.0, "tie": 0.5, "model_b": 0.0}[outcome]
                gradient += (points - win) * contrast
                curvature += win * (1 - win) * np.outer(contrast, contrast)
        step = np.linalg.solve(hessian - curvature, gradient)[listed]
        moved.append(step - step.mean())
    assert counts.voters is not None
    variance, effective = voter_variance(board, counts.voters, listed)
    spread = np.array(moved) - np.mean(moved, axis=0)
    expected = (len(moved) - 1) / len(moved) * (spread**2).sum(axis=0)
    # A leverage of .9 is taken for one smaller by a millionth.
    assert variance == pytest.approx(expected, rel=1e-4)
    cast = np.array(
        [
            [
                sum(cell[0] == name and f"m{model:02}" in cell[1:3] for cell in cells)
                for model in listed
            ]
            for name in sorted({str(cell[0]) for cell in cells})
        ]
    )
    assert effective == pytest.approx([effective_number(column) for column in cast.T])


def test_voters_are_counted_by_how_evenly_they_share_the_votes() -> None:
    assert effective_number(np.array([5, 5, 5, 5])) == pytest.approx(4)
    assert effective_number(np.array([8, 1, 1])) == pytest.approx(100 / 66)
    assert effective_number(np.array([3])) == 1


@pytest.mark.parametrize(
    # From a table of Student's distribution.
    ("degrees", "quantile"),
    [(2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)],
)
def test_quantiles_are_students(degrees: float, quantile: float) -> None:
    found = student_quantile(0.975, np.array([degrees]))[0]
    assert quantile - 0.001 <= found <= 1.01 * quantile


def test_voters_who_repeat_themselves_count_once() -> None:
    rng = np.random.default_rng(9)
    once: Cells = [
        (f"voter-{voter}", "a", "b", "model_a" if rng.random() < 0.6 else "model_b", 1)
        for voter in range(400)
    ]
    nine = VoteCounts.from_voter_cells([(*cell[:4], 9) for cell in once])
    # Nine equal votes each: three times the standard error of independent votes.
    ratio = widths(nine, "auto") / widths(nine, "wald")
    assert ratio == pytest.approx(3, rel=0.02)
    assert rank(nine).interval_method == "voter"
    assert rank(nine).effective_voters == pytest.approx(400)


def test_few_voters_take_students_quantile() -> None:
    # Five who agree with themselves: far wider than independent votes.
    cells: Cells = [
        (f"v{voter}", "a", "b", "model_a" if voter < 3 else "model_b", 40) for voter in range(5)
    ]
    votes = VoteCounts.from_voter_cells(cells)
    assert votes.voters is not None
    variance, effective = voter_variance(fit_board(votes, 0.5), votes.voters, np.array([0, 1]))
    assert effective == pytest.approx(5)
    # Student's quantile for four degrees of freedom is 2.776.
    expected = 2 * 2.776 * np.sqrt(variance) * 400 / math.log(10)
    assert widths(votes, "auto") == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("seed", range(8))
def test_intervals_by_voter_are_nowhere_narrower_than_those_by_votes(seed: int) -> None:
    cells = random_cells(voters=25, models=6, votes=150, seed=seed)
    # Everybody agrees on two models: voters do not vary there at all.
    cells += [(f"v{voter}", "top", "low", "model_a", 1) for voter in range(25)]
    votes = VoteCounts.from_voter_cells(cells)
    assert rank(votes).interval_method == "voter"
    by_voter, by_votes = widths(votes, "auto"), widths(votes, "wald")
    assert (by_voter >= by_votes).all()
    assert (by_voter > 1.01 * by_votes).any()


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([("one", "a", "b", "model_a", 12)], id="one voter, one side"),
        pytest.param([("one", "a", "b", "tie", 12), ("two", "a", "b", "tie", 9)], id="two voters"),
        pytest.param(
            [("one", "a", "b", "model_a", 90)]
            + [(f"v{number}", "a", "b", "model_b", 1) for number in range(9)],
            id="one of ten has nine votes of ten",
        ),
        pytest.param(
            [(f"v{number}", "a", "b", "model_a", 40 - 20 * (number > 0)) for number in range(3)],
            id="three, of whom one has half of the votes",
        ),
    ],
)
@pytest.mark.parametrize("method", ["auto", "voter"])
def test_with_too_few_voters_votes_count_one_by_one(cells: Cells, method: IntervalMethod) -> None:
    votes = VoteCounts.from_voter_cells(cells)
    ranking = rank(votes, RankingOptions(interval_method=method))
    assert ranking.interval_method == "wald"
    assert ranking.effective_voters is not None
    assert ranking.effective_voters < 3
    assert widths(votes, method).tolist() == widths(votes, "wald").tolist()
    assert widths(votes, method).min() > 20


def test_three_voters_with_equal_shares_are_enough() -> None:
    votes = VoteCounts.from_voter_cells(
        [(f"v{number}", "a", "b", "tie", 7) for number in range(3)]
    )
    assert rank(votes).interval_method == "voter"


def test_a_side_that_all_voters_agree_on_leaves_doubt() -> None:
    votes = VoteCounts.from_voter_cells(
        [(f"v{voter}", "a", "b", "model_a", 2) for voter in range(10)]
    )
    ranking = rank(votes)
    assert ranking.interval_method == "voter"
    assert widths(votes, "auto").min() > 100
    assert ranking.entries[0].probability_best is not None
    assert ranking.entries[0].probability_best < 1


def test_votes_of_unknown_voters_are_those_of_as_many_voters() -> None:
    known = random_cells(voters=9, models=5, votes=200, seed=4)
    others = random_cells(voters=1, models=5, votes=60, seed=5)
    unknown: Cells = [(None, *cell[1:]) for cell in others]
    named: Cells = [(f"own-{number:02}", *cell[1:]) for number, cell in enumerate(others)]
    of_unknown, of_named = (VoteCounts.from_voter_cells(known + each) for each in (unknown, named))
    found, expected = of_unknown.voters, of_named.voters
    assert found is not None
    assert expected is not None
    assert found.num_voters == expected.num_voters == 69
    assert len(found.alike) < len(expected.alike)
    listed = np.arange(5)
    for one, other in zip(
        voter_variance(fit_board(of_unknown, 0.5), found, listed),
        voter_variance(fit_board(of_named, 0.5), expected, listed),
        strict=True,
    ):
        assert one == pytest.approx(other)
    effective = rank(of_named).effective_voters
    assert rank(of_unknown).effective_voters == pytest.approx(effective)


def test_votes_beyond_four_bytes_are_counted_by_voter_too() -> None:
    many = 2**33
    cells: Cells = [(None, "a", "b", "model_a", 3 * many), (None, "b", "a", "model_a", many)]
    cells += [(f"v{number}", "a", "b", "model_a", many) for number in range(9)]
    votes = VoteCounts.from_voter_cells(cells)
    assert votes.voters is not None
    assert (votes.voters.votes > 0).all()
    assert votes.voters.votes @ votes.voters.alike[votes.voters.voter] == votes.total == 13 * many
    assert votes.voters.half_points.max() == 2 * many
    assert votes.voters.num_voters == 4 * many + 9


@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_a_voter_without_whom_a_model_is_unknown_makes_no_number_infinite(prior: float) -> None:
    cells = random_cells(voters=10, models=4, votes=120, seed=2)
    cells += [("v0", "new", "m00", "model_a", 6), ("v0", "new", "m00", "model_b", 5)]
    ranking = rank(VoteCounts.from_voter_cells(cells), RankingOptions(prior_battles=prior))
    assert ranking.interval_method == "voter"
    for entry in ranking.entries:
        assert entry.lower is not None
        assert entry.upper is not None
        assert math.isfinite(entry.lower)
        assert math.isfinite(entry.upper)


@pytest.mark.parametrize(("prior", "widest"), [(0.5, 1926), (8.0, 482)])
def test_nobody_is_less_known_than_a_model_without_a_vote(prior: float, widest: float) -> None:
    # Without the cap, the only voters on 521 models with a vote or two leave widths of 10,000.
    cells = random_cells(voters=50, models=521, votes=1500, seed=4)
    votes = VoteCounts.from_voter_cells(cells)
    by_voter, by_votes = widths(votes, "auto", prior), widths(votes, "wald", prior)
    assert (by_voter >= by_votes * (1 - 1e-12)).all()
    # The curvature of the prior is a quarter of its battles: 2 * 1.96 * 173.7 * (4 / prior) ** .5.
    assert (by_voter <= np.maximum(widest, by_votes) + 1).all()
    assert by_voter.max() == pytest.approx(widest, abs=1)


def test_refuses_intervals_by_voter_where_voters_were_not_counted() -> None:
    votes = VoteCounts.from_cells([("a", "b", "tie", 20)])
    with pytest.raises(VotersMissingError, match="from_voter_cells"):
        rank(votes, RankingOptions(interval_method="voter"))


@pytest.mark.slow
def test_holds_the_truth_when_a_few_people_cast_most_votes() -> None:
    # Tastes with a standard deviation of 100 Elo; the first of 200 voters has 17 % of the votes.
    # Seeded; 100 boards have a standard error of .007.
    cell = VoterCell(models=10, votes=5000, voters=200, popularity=1.0, taste=100.0)
    by_voter, by_votes = cell.measure(["voter", "wald"], 100)
    assert np.mean(by_voter.covered) > 0.935
    assert np.mean(by_voter.placed) > 0.94
    assert np.mean(by_votes.covered) < 0.75
