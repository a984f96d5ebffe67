"""Scores and intervals against other, slower ways to compute them, written here."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bixarena_constructs.worker.ranking import NotConvergedError, RankingOptions, VoteCounts, rank
from bixarena_constructs.worker.ranking.board import fit_board
from bixarena_constructs.worker.ranking.covariance import sandwich_covariance
from bixarena_constructs.worker.ranking.fit import estimate, fit_near, newton
from bixarena_constructs.worker.ranking.likelihood import Likelihood, Pairs
from bixarena_constructs.worker.ranking.resampling import VoteResampler
from bixarena_constructs.worker.ranking.truncated_newton import truncated_newton

Cell = tuple[str, str, str, int]

BOARDS = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.sampled_from("abcde"),
        st.sampled_from(["model_a", "model_b", "tie"]),
        st.integers(1, 12),
    ),
    min_size=1,
    max_size=20,
).filter(lambda cells: any(a != b for a, b, _, _ in cells))

POINTS = {"model_a": 1.0, "tie": 0.5, "model_b": 0.0}


def oracle(cells: list[Cell], prior: float) -> dict[str, float]:
    """Climb by Zermelo's iteration, one model at a time, in plain Python.

    With strengths p, the maximum satisfies p_i = points_i / sum over battles of 1 / (p_i + p_j),
    the prior being battles against a strength of 1, half of them won: Hunter (2004),
    doi:10.1214/aos/1079120141, equation 3.
    """
    battles = [cell for cell in cells if cell[0] != cell[1]]
    models = sorted({model for cell in battles for model in cell[:2]})
    strength = dict.fromkeys(models, 1.0)
    for _ in range(100_000):
        moved = 0.0
        for model in models:
            won, share = prior / 2, prior / (strength[model] + 1)
            for a, b, outcome, votes in battles:
                if model in (a, b):
                    own = POINTS[outcome] if model == a else 1 - POINTS[outcome]
                    won += votes * own
                    share += votes / (strength[a] + strength[b])
            moved = max(moved, abs(math.log(won / share / strength[model])))
            strength[model] = won / share
        if moved < 1e-13:
            break
    logs = {model: math.log(value) for model, value in strength.items()}
    mean = sum(logs.values()) / len(logs)
    return {model: 1000 + 400 / math.log(10) * (log - mean) for model, log in logs.items()}


@pytest.mark.slow
@settings(max_examples=50)
@given(BOARDS, st.sampled_from([0.5, 2.0]))
def test_scores_are_those_of_zermelos_iteration(cells: list[Cell], prior: float) -> None:
    options = RankingOptions(prior_battles=prior, num_bootstrap=0, min_evals=0)
    entries = rank(VoteCounts.from_cells(cells), options).entries
    # The oracle stops when no strength moves by 1e-13, and converges linearly: a slow board is
    # left 1e-9 or so short, of 174 Elo.
    assert {entry.model: entry.score for entry in entries} == pytest.approx(
        oracle(cells, prior), abs=1e-6
    )


def random_board(models: int, votes: int, seed: int) -> VoteCounts:
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, 0.6, models)
    a, b = rng.integers(0, models, size=(2, votes))
    outcome = np.where(rng.random(votes) < 1 / (1 + np.exp(strength[b] - strength[a])), 0, 1)
    outcome[rng.random(votes) < 0.15] = 2
    names = [f"m{number:02}" for number in range(models)]
    return VoteCounts.from_arrays(names, model_a=a, model_b=b, outcome=outcome)


def drawn_likelihood(votes: VoteCounts, replicates: int) -> tuple[Likelihood, np.ndarray]:
    counts = VoteResampler.of(votes).draw(np.random.default_rng(8), replicates)
    board = fit_board(votes, 0.5)
    first, second, ties = counts.reshape(3, len(votes.first), -1).astype(np.float64)
    by_first, by_second = first + ties / 2, second + ties / 2
    likelihood = Likelihood(
        pairs=board.pairs,
        battles=by_first + by_second,
        points=board.pairs.collect(by_first, by_second),
        prior=board.prior,
    )
    return likelihood, fit_near(likelihood, board.theta, board.inverse)


@pytest.mark.parametrize(
    ("models", "votes"),
    [
        pytest.param(8, 5_000, id="dense: chord steps converge"),
        pytest.param(12, 70, id="sparse: Newton takes over"),
    ],
)
def test_every_replicate_is_at_its_maximum(models: int, votes: int) -> None:
    likelihood, theta = drawn_likelihood(random_board(models, votes, seed=4), 100)
    gradient = np.abs(likelihood.gradient(theta))
    # A step of 1e-8 on a model with some hundreds of battles leaves less than 1e-6 battles; from
    # zero instead of the estimate Newton alone ends at the same place.
    assert gradient.max() < 1e-6
    assert theta == pytest.approx(newton(likelihood, np.zeros_like(theta)), abs=1e-8)


def test_newton_takes_over_where_chord_steps_lead_astray() -> None:
    likelihood, expected = drawn_likelihood(random_board(6, 300, seed=7), 20)
    start = np.zeros((6, 1))
    for factor in (3, 1e6):
        overshooting = factor * np.linalg.inv(likelihood.curvature(expected)[0])
        assert fit_near(likelihood, start, overshooting) == pytest.approx(expected, abs=1e-8)


class Stiff(Likelihood):
    """Takes its curvature for a thousand times what it is: steps are far too short."""

    def curvature(self, theta: np.ndarray) -> np.ndarray:
        return 1000 * super().curvature(theta)


class Overflown(Likelihood):
    """Has lost its numbers."""

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        return np.full_like(theta, np.nan)


def test_a_fit_that_is_not_at_its_maximum_is_an_error_that_names_the_models() -> None:
    one = np.ones((1, 1))
    pairs = Pairs.of(VoteCounts.from_cells([("a", "b", "model_a", 30), ("a", "b", "tie", 2)]))
    stiff = Stiff(pairs=pairs, battles=32 * one, points=np.array([[31.0], [1.0]]), prior=one)
    with pytest.raises(NotConvergedError, match="at most 1e-08 is allowed") as caught:
        estimate(stiff)
    assert set(caught.value.models) == {"a", "b"}
    assert caught.value.gradient > 1
    overflown = Overflown(pairs=pairs, battles=32 * one, points=stiff.points, prior=one)
    with pytest.raises(NotConvergedError):
        fit_near(overflown, 0 * stiff.points, 1000 * np.eye(2))


@pytest.mark.parametrize("prior", [0.5, 1e-4])
@pytest.mark.parametrize(("models", "votes"), [(3, 4), (20, 80), (60, 240)])
def test_truncated_newton_finds_what_factorised_matrices_find(
    models: int, votes: int, prior: float
) -> None:
    likelihood, theta = drawn_likelihood(random_board(models, votes, seed=models), 130)
    likelihood = replace(likelihood, prior=np.full((len(theta), 1), prior))
    found = truncated_newton(likelihood, 0 * theta)
    # 2e-8 Elo; a weak prior leaves a model's ability open by as much more.
    assert found == pytest.approx(newton(likelihood, 0 * theta), abs=1e-10 / prior)


def test_the_curvature_is_the_slope_of_the_gradient() -> None:
    likelihood, theta = drawn_likelihood(random_board(5, 200, seed=1), 2)
    step = 1e-6
    for model in range(5):
        up, down = theta.copy(), theta.copy()
        up[model] += step
        down[model] -= step
        slope = (likelihood.gradient(up) - likelihood.gradient(down)) / (2 * step)
        # Central differences: an error of step^2 times tens of battles, and rounding over step.
        assert pytest.approx(-slope, abs=1e-7) == likelihood.curvature(theta)[:, :, model].T


def test_the_sandwich_is_that_of_votes_taken_one_by_one() -> None:
    votes = random_board(6, 300, seed=3)
    board = fit_board(votes, 0.5)
    theta = board.theta[:, 0]
    scores = []
    for pair, (i, j) in enumerate(zip(votes.first, votes.second, strict=True)):
        outcomes = ((votes.wins_first, 1.0), (votes.wins_second, 0.0), (votes.ties, 0.5))
        for counts, points in outcomes:
            score = np.zeros(6)
            score[i] = points - 1 / (1 + math.exp(theta[j] - theta[i]))
            score[j] = -score[i]
            scores += [score] * int(counts[pair])
    meat = len(scores) * np.cov(np.array(scores).T, bias=True)
    expected = board.inverse @ meat @ board.inverse
    # Rounding of a few hundred terms.
    assert sandwich_covariance(board, votes) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_sandwich_intervals_are_of_scores_relative_to_the_listed_mean() -> None:
    votes = random_board(6, 300, seed=7)
    least = int(np.sort(votes.votes_by_model)[2])
    options = RankingOptions(interval_method="sandwich", num_bootstrap=0, min_evals=least)
    entries = sorted(rank(votes, options).entries, key=lambda entry: entry.model)
    assert len(entries) == 4
    position = {model: number for number, model in enumerate(votes.models)}
    contrast = np.zeros((4, 6))
    for row, entry in enumerate(entries):
        contrast[row, position[entry.model]] = 1
    contrast -= contrast.mean(axis=0)
    variance = contrast @ sandwich_covariance(fit_board(votes, 0.5), votes) @ contrast.T
    bounds = np.array([(entry.lower, entry.upper) for entry in entries])
    expected = 2 * 1.959964 * 400 / math.log(10) * np.sqrt(np.diag(variance))
    # The normal quantile is written with six decimals.
    assert bounds[:, 1] - bounds[:, 0] == pytest.approx(expected, rel=1e-6)


def test_bootstrap_and_sandwich_agree_on_a_large_board() -> None:
    votes = random_board(6, 20_000, seed=2)
    found = {}
    for method in ("percentile", "sandwich"):
        options = RankingOptions(num_bootstrap=4_000, interval_method=method)
        entries = sorted(rank(votes, options).entries, key=lambda entry: entry.model)
        found[method] = np.array([(entry.lower, entry.upper) for entry in entries])
    widths = {method: bounds[:, 1] - bounds[:, 0] for method, bounds in found.items()}
    # A width from two quantiles of 4000 rounds has a standard error of 2 %.
    assert widths["percentile"] == pytest.approx(widths["sandwich"], rel=0.08)
    middles = {method: bounds.mean(axis=1) for method, bounds in found.items()}
    assert middles["percentile"] == pytest.approx(middles["sandwich"], abs=1.0)
