"""The capacity providers of a task on Fargate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Annotations
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.cdk.tokens import is_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

__all__ = ["CapacityCheck", "CapacityShare", "capacity_shares"]

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


class CapacityCheck:
    """Warns if a cluster of the app lacks a capacity provider of its task."""

    def __init__(
        self, scope: Construct, cluster: ecs.ICluster, shares: Sequence[CapacityShare]
    ) -> None:
        """Take what is compared at synthesis; until then providers may be added.

        Args:
            scope: The construct that the warning is attached to.
            cluster: The cluster; of an imported one it is not known what it has.
            shares: The strategy of the task.
        """
        self._scope = scope
        self._cluster = cluster
        self._names = [str(share["capacityProvider"]) for share in shares]

    def validate(self) -> list[str]:
        """Warn, and return no fault: a provider may be added to the cluster elsewhere."""
        if not self._names or not isinstance(self._cluster, ecs.Cluster):
            return []
        known = self._cluster.capacity_provider_names
        missing = [name for name in self._names if name not in known and not is_token(name)]
        if missing:
            Annotations.of(self._scope).add_warning_v2(
                "bixarena-constructs:missingCapacityProvider",
                f"capacity_provider_strategies has {', '.join(missing)}, which the cluster lacks, "
                "so ECS would refuse every run; set enable_fargate_capacity_providers=True on the "
                "cluster",
            )
        return []


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
