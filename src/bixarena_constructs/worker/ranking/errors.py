"""Why votes cannot be ranked: a class for each cause, with the facts as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BadCellsError",
    "NoFiniteEstimateError",
    "NotConvergedError",
    "RankingError",
    "TooFewModelsError",
    "VotersMissingError",
]

_NAMES_SHOWN = 10


def _listing(names: Sequence[str]) -> str:
    """Join up to ten names, and say how many more there are."""
    shown = ", ".join(repr(name) for name in names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


class RankingError(Exception):
    """The votes cannot be ranked as they are."""


class BadCellsError(RankingError):
    """Counted votes name no model, an unknown outcome or an impossible number.

    Attributes:
        faults: A sentence for each of the first ten bad cells.
        count: How many cells are bad.
    """

    def __init__(self, faults: Sequence[str], count: int) -> None:
        self.faults = tuple(faults)
        self.count = count
        more = f"; and {count - len(faults)} more" if count > len(faults) else ""
        super().__init__(f"{count} bad vote counts: {'; '.join(faults)}{more}")


class TooFewModelsError(RankingError):
    """Fewer than two models can be ranked.

    Attributes:
        models: The models that can be.
        min_evals: The votes a model needs to be listed.
    """

    def __init__(self, models: Sequence[str], *, min_evals: int) -> None:
        self.models = tuple(models)
        self.min_evals = min_evals
        found = f"only {self.models[0]!r} has" if models else "no model has"
        super().__init__(
            f"two models with {max(1, min_evals)} or more votes against another model "
            f"are needed, {found}; collect more votes or lower min_evals"
        )


class NoFiniteEstimateError(RankingError):
    """Without a prior the votes have no maximum-likelihood estimate (Ford 1957).

    Attributes:
        groups: Groups of models that all beat each other, directly or by a chain of wins. No
            finite number says how far apart two groups are.
        unbeaten: Models of the groups that lost no point to another group.
        winless: Models of the groups that took no point from another group. A group that met no
            other group is in both.
    """

    def __init__(
        self,
        *,
        groups: Sequence[tuple[str, ...]],
        unbeaten: Sequence[str],
        winless: Sequence[str],
    ) -> None:
        self.groups = tuple(groups)
        self.unbeaten = tuple(unbeaten)
        self.winless = tuple(winless)
        super().__init__(
            f"the votes have no finite estimate: models fall into {len(groups)} groups that no "
            "circle of wins joins; "
            f"no point was lost to another group by {_listing(unbeaten)}; "
            f"none was taken from another group by {_listing(winless)}; "
            "set prior_battles above 0 (the default is 0.5) or leave these models out"
        )


class NotConvergedError(RankingError):
    """The fit did not reach the maximum of its likelihood; its numbers are not shown.

    Attributes:
        models: The models with the largest remaining gradient, worst first.
        gradient: The largest remaining gradient, in battles.
        allowed: What was allowed.
    """

    def __init__(self, models: Sequence[str], *, gradient: float, allowed: float) -> None:
        self.models = tuple(models)
        self.gradient = gradient
        self.allowed = allowed
        super().__init__(
            f"the fit stopped at a gradient of {gradient:.3g} battles, at most {allowed:.3g} is "
            f"allowed; the largest are of {_listing(models)}"
        )


class VotersMissingError(RankingError):
    """Intervals by voter were asked for, but the votes were not counted by voter."""

    def __init__(self) -> None:
        super().__init__(
            "interval method 'voter' needs votes counted by voter, got votes counted by pair "
            "only; build them with VoteCounts.from_voter_cells, or choose 'auto'"
        )
