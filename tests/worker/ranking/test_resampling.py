"""Replicates are exactly multinomial: seeded samples against exact moments and probabilities."""

from __future__ import annotations

from math import comb, exp, factorial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bixarena_constructs.worker.ranking.poisson import PoissonSampler
from bixarena_constructs.worker.ranking.resampling import Resampler, VoteResampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Seeded, so a test passes always or never. Of a few dozen standard normal numbers, 4.5 standard
# errors are exceeded once in thousands of seeds, and an error worth finding is far beyond.
STANDARD_ERRORS = 4.5


def sample(resampler: Resampler, rounds: int, seed: int = 5) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    blocks = [resampler.draw(rng, 500) for _ in range(rounds // 500)]
    return np.concatenate(blocks, axis=1).astype(np.float64)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param([1], id="one vote"),
        pytest.param([2, 1, 0], id="three votes"),
        pytest.param([40, 3, 0, 3, 127], id="one digit"),
        pytest.param([5_000, 128, 300, 1, 12_000], id="two digits"),
        pytest.param([20_000, 16_384, 70_001, 9], id="beyond two digits"),
        pytest.param([10**12, 10**12 - 5, 0, 10**9], id="billions"),
    ],
)
def test_replicates_have_the_moments_of_a_multinomial(counts: list[int]) -> None:
    rounds = 30_000
    drawn = sample(VoteResampler(np.array(counts)), rounds)
    total = sum(counts)
    share = np.array(counts) / total
    assert (drawn.sum(axis=0) == total).all()
    assert drawn.min() >= 0
    covariance = total * (np.diag(share) - np.outer(share, share))
    variance = np.diag(covariance)
    deviation = drawn - (total * share)[:, np.newaxis]
    assert (np.abs(deviation.mean(axis=1)) <= STANDARD_ERRORS * np.sqrt(variance / rounds)).all()
    # The standard error of a mean of products, from the products themselves.
    for i in range(len(counts)):
        products = deviation[i] * deviation
        error = products.std(axis=1) / np.sqrt(rounds)
        found = products.mean(axis=1)
        assert (np.abs(found - covariance[i]) <= STANDARD_ERRORS * error + 1e-9).all()


def test_a_cell_of_a_replicate_is_binomial() -> None:
    rounds, total, votes = 100_000, 30, 4
    drawn = sample(VoteResampler(np.array([votes, 20, 6])), rounds)[0]
    share = votes / total
    for number in range(13):
        probability = comb(total, number) * share**number * (1 - share) ** (total - number)
        error = np.sqrt(probability * (1 - probability) / rounds)
        assert abs((drawn == number).mean() - probability) <= STANDARD_ERRORS * error + 1e-9


def test_two_cells_of_a_replicate_are_jointly_multinomial() -> None:
    rounds = 100_000
    drawn = sample(VoteResampler(np.array([3, 2, 1])), rounds)
    for a in range(7):
        for b in range(7 - a):
            ways = factorial(6) / (factorial(a) * factorial(b) * factorial(6 - a - b))
            probability = ways * (1 / 2) ** a * (1 / 3) ** b * (1 / 6) ** (6 - a - b)
            found = ((drawn[0] == a) & (drawn[1] == b)).mean()
            error = np.sqrt(probability * (1 - probability) / rounds)
            assert abs(found - probability) <= STANDARD_ERRORS * error


def test_tables_keep_probabilities_that_are_no_multiple_of_their_resolution() -> None:
    rounds, mean = 4_000_000, 3.0
    sampler = PoissonSampler(np.array([3]), scale=1.0)
    drawn = sampler.draw(np.random.default_rng(11), rounds)[0]
    numbers = np.bincount(drawn, minlength=16) / rounds
    # From 12 on a number is rarer than one table slot and comes from the leftovers alone.
    assert exp(-mean) * mean**12 / factorial(12) < 2**-14
    for number in range(15):
        probability = exp(-mean) * mean**number / factorial(number)
        error = np.sqrt(probability * (1 - probability) / rounds)
        assert abs(numbers[number] - probability) <= STANDARD_ERRORS * error


def test_cells_without_votes_stay_without_votes() -> None:
    drawn = VoteResampler(np.array([0, 50, 0, 50])).draw(np.random.default_rng(1), 1000)
    assert not drawn[[0, 2]].any()


def test_the_same_stream_gives_the_same_replicates() -> None:
    counts = np.array([10, 200, 30_000])
    first, second = (VoteResampler(counts).draw(np.random.default_rng(3), 100) for _ in range(2))
    assert (first == second).all()
