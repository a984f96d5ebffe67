"""The capacity providers of a task on Fargate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk.tokens import is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_ecs as ecs

__all__ = ["CapacityShare", "capacity_shares"]

CapacityShare = dict[str, str | int]
"""One item of a strategy, with the keys of RunTask: capacityProvider, base and weight."""

# A task definition for Fargate runs on no other.
_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")
# Limits of CapacityProviderStrategyItem, Amazon ECS API Reference.
_LIMITS: Final = {"base": 100_000, "weight": 1000}


def capacity_shares(strategies: Sequence[ecs.CapacityProviderStrategy]) -> list[CapacityShare]:
    """Return a strategy as RunTask takes it.

    Args:
        strategies: The user's prop.

    Raises:
        ValueError: ECS would refuse every run.
    """
    names = [each.capacity_provider for each in strategies]
    for name in names:
        if name not in _PROVIDERS and not is_token(name):
            raise ValueError(
                f"capacity_provider_strategies has {name!r}; a Fargate task runs on "
                f"{' or '.join(_PROVIDERS)} only"
            )
    if len(set(names)) < len(names):
        raise ValueError("capacity_provider_strategies has a provider twice; name each once")
    shares = [_share(each) for each in strategies]
    if sum(bool(share.get("base")) for share in shares) > 1:
        raise ValueError("capacity_provider_strategies has two bases; only one may have a base")
    if len(shares) > 1 and not any(share.get("weight") for share in shares):
        raise ValueError(
            "capacity_provider_strategies has no weight; one of several must have a weight of 1 "
            "or more"
        )
    return shares


def _share(strategy: ecs.CapacityProviderStrategy) -> CapacityShare:
    share: CapacityShare = {"capacityProvider": strategy.capacity_provider}
    for name, number in (("base", strategy.base), ("weight", strategy.weight)):
        if number is None:
            continue
        if not is_token(number) and number not in range(_LIMITS[name] + 1):
            raise ValueError(
                f"capacity_provider_strategies has the {name} {number}; it must be a whole number "
                f"from 0 to {_LIMITS[name]}"
            )
        share[name] = number  # type: ignore[assignment] # whole, or a token
    return share
