from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.worker.ranking import RankingOptions

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking import IntervalMethod


def test_defaults_are_the_workers() -> None:
    options = RankingOptions()
    assert options.prior_battles == 0.5
    assert options.num_bootstrap == 1000
    assert options.min_evals == 10
    assert options.significant is False
    assert options.seed == 0
    assert options.confidence == 0.95
    assert options.interval_method == "auto"
    assert options.thread_count >= 1


# Any: what a caller without a type checker might pass.
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"prior_battles": -0.5}, "prior_battles must be 0 or from 1e-06 to 1000, got -0.5"),
        ({"prior_battles": 1e-9}, "prior_battles must be 0 or from"),
        ({"prior_battles": float("nan")}, "prior_battles must be 0 or from .*, got nan"),
        ({"num_bootstrap": -1}, "num_bootstrap must be 0 or more, got -1"),
        ({"min_evals": -1}, "min_evals must be 0 or more, got -1"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"threads": 0}, "threads must be 1 or more, got 0"),
        ({"confidence": 1.0}, "confidence must lie between 0 and 1, got 1.0"),
        (
            {"interval_method": "bayes"},
            "must be one of auto, voter, wald, percentile, sandwich, got",
        ),
        (
            {"significant": True, "num_bootstrap": 0, "interval_method": "percentile"},
            "significant ranks need intervals: num_bootstrap must be 1 or more with percentile",
        ),
    ],
)
def test_refuses_values_out_of_range(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RankingOptions(**option)


@pytest.mark.parametrize("method", ["auto", "voter", "wald", "sandwich"])
def test_lets_a_closed_form_give_intervals_without_rounds(method: IntervalMethod) -> None:
    assert RankingOptions(significant=True, num_bootstrap=0, interval_method=method).has_intervals
