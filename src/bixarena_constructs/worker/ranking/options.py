"""How votes are ranked: one frozen object, validated when it is made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["DEFAULT_OPTIONS", "IntervalMethod", "RankingOptions", "counts_by_voter"]

IntervalMethod = Literal["auto", "voter", "wald", "percentile", "sandwich"]
"""Where intervals come from.

``auto``: ``voter`` where votes are counted by voter, else ``wald``. ``voter``: a normal interval
from what leaving out each voter does to the scores, and nowhere narrower than ``wald``, which it
is with too few voters. ``wald``: a normal interval from the variance that the fit expects of
independent votes. ``percentile``: percentiles of a bootstrap that resamples votes. ``sandwich``: a
normal interval from the squared residuals of the votes.
"""

# Below a millionth of a battle the prior only makes scores of undefeated models astronomically
# large; above a thousand battles it would outweigh the votes of any listed model.
_SMALLEST_PRIOR = 1e-6
_LARGEST_PRIOR = 1e3


def counts_by_voter(method: IntervalMethod) -> bool:
    """Return whether a method needs the votes by voter, or uses them where voters are known."""
    return method in ("auto", "voter")


def usable_cpus() -> int:
    """Count the processors this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux knows
        return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingOptions:
    """What a ranking can be asked for.

    Attributes:
        prior_battles: Virtual battles of each model against an average opponent, half of them
            won; 0 for the maximum-likelihood estimate. Default: 0.5.
        num_bootstrap: Rounds: bootstrap replicates behind ``percentile``, which has no intervals
            without, and draws behind the probability of being best after the others.
            Default: 1000.
        min_evals: Votes a model needs to be listed. Every model is fitted. Default: 10.
        significant: Whether a rank is 1 + the number of listed models whose interval lies wholly
            above, instead of the place by score. Default: False.
        seed: Seed of the rounds. Default: 0.
        confidence: Nominal coverage of the intervals. Default: 0.95.
        interval_method: Where the intervals come from. Default: ``auto``.
        threads: Threads to resample and fit with; the result does not depend on it.
            Default: - as many as this process may use processors.

    Raises:
        ValueError: When a value is out of its range.
    """

    prior_battles: float = 0.5
    num_bootstrap: int = 1000
    min_evals: int = 10
    significant: bool = False
    seed: int = 0
    confidence: float = 0.95
    interval_method: IntervalMethod = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        self._check_prior()
        for name, least in (("num_bootstrap", 0), ("min_evals", 0), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name} must be {least} or more, got {value}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be 1 or more, got {self.threads}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0 and 1, got {self.confidence}")
        methods = get_args(IntervalMethod)
        if self.interval_method not in methods:
            raise ValueError(
                f"interval_method must be one of {', '.join(methods)}, "
                f"got {self.interval_method!r}"
            )
        if self.significant and not self.has_intervals:
            raise ValueError(
                "significant ranks need intervals: num_bootstrap must be 1 or more with "
                f"{self.interval_method}"
            )

    def _check_prior(self) -> None:
        prior = self.prior_battles
        if prior != 0 and not _SMALLEST_PRIOR <= prior <= _LARGEST_PRIOR:
            raise ValueError(
                f"prior_battles must be 0 or from {_SMALLEST_PRIOR:g} to {_LARGEST_PRIOR:g}, "
                f"got {prior}"
            )

    @property
    def has_intervals(self) -> bool:
        """Whether a ranking with these options has intervals."""
        return self.num_bootstrap > 0 or self.interval_method != "percentile"

    @property
    def thread_count(self) -> int:
        """Threads to use on this machine."""
        return usable_cpus() if self.threads is None else self.threads


DEFAULT_OPTIONS = RankingOptions()
