"""Subnets and public addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Annotations, Match

from bixarena_constructs.cdk.task.network import TaskNetwork

if TYPE_CHECKING:
    from aws_cdk import Stack


def network(
    stack: Stack,
    vpc: ec2.IVpc,
    *,
    selection: ec2.SubnetSelection | None = None,
    assign_public_ip: bool | None = None,
) -> TaskNetwork:
    return TaskNetwork.of(
        stack, vpc, subnet_selection=selection, assign_public_ip=assign_public_ip
    )


def test_chooses_private_subnets_with_egress_by_default(stack: Stack, vpc: ec2.IVpc) -> None:
    chosen = network(stack, vpc)
    assert chosen.subnet_ids == ["subnet-private-1", "subnet-private-2"]
    assert chosen.assign_public_ip is False


def test_gives_an_address_in_subnets_selected_by_the_type_public(
    stack: Stack, vpc: ec2.IVpc
) -> None:
    selection = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    chosen = network(stack, vpc, selection=selection)
    assert chosen.subnet_ids == ["subnet-public-1", "subnet-public-2"]
    assert chosen.assign_public_ip is True


def test_gives_an_address_in_listed_public_subnets_when_asked(stack: Stack, vpc: ec2.IVpc) -> None:
    selection = ec2.SubnetSelection(subnets=vpc.public_subnets)
    assert network(stack, vpc, selection=selection, assign_public_ip=True).assign_public_ip


@pytest.mark.parametrize("assign_public_ip", [None, False])
def test_refuses_listed_public_subnets_without_an_address(
    stack: Stack, vpc: ec2.IVpc, *, assign_public_ip: bool | None
) -> None:
    selection = ec2.SubnetSelection(subnets=vpc.public_subnets)
    with pytest.raises(ValueError, match=r"PublicSubnet1, .*set assign_public_ip=True"):
        network(stack, vpc, selection=selection, assign_public_ip=assign_public_ip)


def test_refuses_public_subnets_whose_address_was_declined(stack: Stack, vpc: ec2.IVpc) -> None:
    selection = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    with pytest.raises(ValueError, match="set assign_public_ip=True"):
        network(stack, vpc, selection=selection, assign_public_ip=False)


def test_refuses_isolated_subnets(stack: Stack, vpc: ec2.IVpc) -> None:
    selection = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    with pytest.raises(ValueError, match=r"isolated subnets .*IsolatedSubnet1.* ghcr\.io"):
        network(stack, vpc, selection=selection)


def test_refuses_an_address_in_private_subnets(stack: Stack, vpc: ec2.IVpc) -> None:
    with pytest.raises(ValueError, match=r"assign_public_ip is True but .*PrivateSubnet1"):
        network(stack, vpc, assign_public_ip=True)


def test_warns_of_a_single_availability_zone(stack: Stack, vpc: ec2.IVpc) -> None:
    network(stack, vpc, selection=ec2.SubnetSelection(subnets=vpc.private_subnets[:1]))
    Annotations.from_stack(stack).has_warning(
        "/Stack",
        Match.string_like_regexp("us-east-1a.*bixarena-constructs:singleAvailabilityZone"),
    )


def test_does_not_warn_of_two_availability_zones(stack: Stack, vpc: ec2.IVpc) -> None:
    network(stack, vpc)
    assert not Annotations.from_stack(stack).find_warning("/Stack", Match.any_value())
