from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from bixarena_constructs.worker.ranking.condensed import CondensedTables

ZEROS = np.zeros(2_000, dtype=np.int64)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint16)


def test_probabilities_that_fit_the_slots_need_no_leftovers() -> None:
    tables = CondensedTables([(numbers(4, 7), np.array([0.25, 0.75]))], bits=2)
    drawn = tables.draw(np.random.default_rng(0), ZEROS, 50)
    assert set(np.unique(drawn)) == {4, 7}
    # 100,000 draws: a standard error of 0.0014.
    assert (drawn == 4).mean() == pytest.approx(0.25, abs=0.006)


def test_each_row_is_drawn_from_its_own_table() -> None:
    tables = CondensedTables(
        [(numbers(1, 2), np.array([0.3, 0.7])), (numbers(8, 9), np.array([0.9, 0.1]))], bits=1
    )
    drawn = tables.draw(np.random.default_rng(1), np.array([1, 0] * 1000), 50)
    assert set(np.unique(drawn[::2])) == {8, 9}
    assert set(np.unique(drawn[1::2])) == {1, 2}
    assert (drawn[::2] == 9).mean() == pytest.approx(0.1, abs=0.006)
    assert (drawn[1::2] == 1).mean() == pytest.approx(0.3, abs=0.009)


def test_more_bits_than_a_short_word_serve_many_numbers() -> None:
    values = np.arange(5_000, dtype=np.uint32)
    weights = 1.0 + values % 7
    tables = CondensedTables([(values, weights / weights.sum())], bits=17)
    found = np.bincount(tables.draw(np.random.default_rng(2), ZEROS, 500).reshape(-1))
    expected = 1_000_000 * weights / weights.sum()
    # Pearson's statistic: mean 4999, standard deviation 100.
    statistic = ((found - expected) ** 2 / expected).sum()
    assert abs(statistic - 4_999) < 450


def test_the_largest_uniform_number_does_not_fall_into_the_next_table() -> None:
    thirds = np.full(3, 1 / 3)
    tables = CondensedTables(
        [(numbers(0, 1, 2) + 10 * table, thirds) for table in range(9)], bits=3
    )
    # All bits set ask for a leftover; added to 7, the number below 1 rounds to 8.
    last = SimpleNamespace(
        bit_generator=SimpleNamespace(
            random_raw=lambda size: np.full(size, 2**64 - 1, dtype=np.uint64)
        ),
        random=lambda size: np.full(size, math.nextafter(1, 0)),
    )
    assert 7 + math.nextafter(1, 0) == 8
    drawn = tables.draw(last, np.array([7]), 4)  # type: ignore[arg-type] # a stand-in
    assert drawn.tolist() == [[72] * 4]
