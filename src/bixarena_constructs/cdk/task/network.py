"""The subnets of the task, and whether the registry can be reached from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Annotations, Token
from aws_cdk import aws_ec2 as ec2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from constructs import Construct

__all__ = ["TaskNetwork"]


@dataclass(frozen=True, slots=True)
class TaskNetwork:
    """The subnets of a task, and whether it gets a public address there.

    Attributes:
        selection: What was asked of the VPC.
        subnet_ids: What the VPC answered.
        assign_public_ip: Whether the network interface gets a public address.
    """

    selection: ec2.SubnetSelection
    subnet_ids: Sequence[str]
    assign_public_ip: bool

    @classmethod
    def of(
        cls,
        scope: Construct,
        vpc: ec2.IVpc,
        *,
        subnet_selection: ec2.SubnetSelection | None,
        assign_public_ip: bool | None,
    ) -> TaskNetwork:
        """Choose the subnets and check that a task in them can pull its image.

        Args:
            scope: The construct that warnings are attached to.
            vpc: VPC of the cluster.
            subnet_selection: Subnets that the user asked for.
                Default: - private subnets with egress.
            assign_public_ip: Whether the user asked for a public address.
                Default: - only if the selection is by the type PUBLIC.

        Raises:
            ValueError: A task in these subnets could not reach the registry.
        """
        selection = subnet_selection or ec2.SubnetSelection(
            subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS
        )
        selected = vpc.select_subnets(
            availability_zones=selection.availability_zones,
            one_per_az=selection.one_per_az,
            subnet_filters=selection.subnet_filters,
            subnet_group_name=selection.subnet_group_name,
            subnets=selection.subnets,
            subnet_type=selection.subnet_type,
        )
        public_by_type = selection.subnet_type is ec2.SubnetType.PUBLIC
        has_address = public_by_type if assign_public_ip is None else assign_public_ip
        if has_address or selection.subnet_type is not ec2.SubnetType.PRIVATE_WITH_EGRESS:
            _require_a_way_out(vpc, selected.subnets, has_address=has_address)
        _warn_of_a_single_zone(scope, selected.availability_zones)
        return cls(selection, selected.subnet_ids, has_address)


def _require_a_way_out(
    vpc: ec2.IVpc, subnets: Iterable[ec2.ISubnet], *, has_address: bool
) -> None:
    paths = {subnet.node.path for subnet in subnets}
    isolated = _paths_among(vpc.isolated_subnets, paths)
    if isolated:
        raise ValueError(
            f"subnet_selection has isolated subnets ({', '.join(isolated)}), from which ghcr.io "
            "cannot be reached: it has no VPC endpoint; select private subnets with egress, or "
            "public ones with assign_public_ip=True"
        )
    public = _paths_among(vpc.public_subnets, paths)
    if public and not has_address:
        raise ValueError(
            f"subnet_selection has public subnets ({', '.join(public)}), from which nothing can "
            "be reached without a public address; set assign_public_ip=True, or select private "
            "subnets with egress"
        )
    private = _paths_among(vpc.private_subnets, paths)
    if private and has_address:
        raise ValueError(
            f"assign_public_ip is True but subnet_selection has private subnets "
            f"({', '.join(private)}), where a public address is of no use; leave it out, or "
            "select public subnets"
        )


def _paths_among(subnets: Iterable[ec2.ISubnet], paths: set[str]) -> list[str]:
    return sorted(subnet.node.path for subnet in subnets if subnet.node.path in paths)


def _warn_of_a_single_zone(scope: Construct, availability_zones: Iterable[str]) -> None:
    zones = set(availability_zones)
    if len(zones) == 1 and not Token.is_unresolved(next(iter(zones))):
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:singleAvailabilityZone",
            f"All subnets lie in {next(iter(zones))}: the task cannot start while that zone is "
            "out; select subnets of two zones or more",
        )
