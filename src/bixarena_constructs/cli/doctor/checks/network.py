"""Checks that each subnet of the task has a route to the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_ec2.type_defs import RouteTableTypeDef, RouteTypeDef

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_routes"]

_CHECK: Final = "routes"
_ANYWHERE: Final = "0.0.0.0/0"


def check_routes(subject: Subject) -> Iterator[Finding]:
    """Check that each subnet reaches the registry, for which there is no VPC endpoint."""
    if not subject.subnet_ids:
        yield problem(_CHECK, "the task is started in no subnets", fix="deploy the stack again")
        return
    ec2 = subject.session.client("ec2")
    subnets = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": subject.subnet_ids}])[
        "Subnets"
    ]
    for gone in sorted(set(subject.subnet_ids) - {each["SubnetId"] for each in subnets}):
        yield problem(
            _CHECK,
            f"the subnet {gone} does not exist",
            fix="choose subnets that exist in the VPC, and deploy the stack again",
        )
    for vpc_id in sorted({each["VpcId"] for each in subnets}):
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
        for subnet in subnets:
            if subnet["VpcId"] == vpc_id:
                yield _route_out(subject, subnet["SubnetId"], tables["RouteTables"])


def _route_out(subject: Subject, subnet_id: str, tables: Sequence[RouteTableTypeDef]) -> Finding:
    table = _table_of(subnet_id, tables)
    if table is None:
        return not_checked(_CHECK, f"no route table of {subnet_id} was found")
    default = next(
        (each for each in table["Routes"] if each.get("DestinationCidrBlock") == _ANYWHERE), None
    )
    if default is None:
        return problem(
            _CHECK,
            f"{subnet_id} has no route to {_ANYWHERE}, so the task cannot reach the registry",
            fix=f"route {_ANYWHERE} to a NAT gateway, or choose other subnets",
        )
    if default.get("State") == "blackhole":
        return problem(
            _CHECK,
            f"{subnet_id} routes {_ANYWHERE} to {_gateway(default)}, which does not exist",
            fix=f"route {_ANYWHERE} to a NAT gateway that exists",
        )
    if default.get("GatewayId", "").startswith("igw-") and not subject.has_public_address:
        return problem(
            _CHECK,
            f"{subnet_id} is a public subnet, and the task gets no public address in it",
            fix="set assign_public_ip=True, or choose private subnets with a NAT gateway",
        )
    return fine(_CHECK, f"{subnet_id} routes {_ANYWHERE} to {_gateway(default)}")


def _table_of(subnet_id: str, tables: Sequence[RouteTableTypeDef]) -> RouteTableTypeDef | None:
    # A subnet without a table of its own uses the VPC's main table.
    main = None
    for table in tables:
        for association in table["Associations"]:
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main"):
                main = table
    return main


def _gateway(route: RouteTypeDef) -> str:
    gateways = (
        route.get("NatGatewayId"),
        route.get("GatewayId"),
        route.get("TransitGatewayId"),
        route.get("NetworkInterfaceId"),
        route.get("VpcPeeringConnectionId"),
    )
    return next(filter(None, gateways), "another gateway")
