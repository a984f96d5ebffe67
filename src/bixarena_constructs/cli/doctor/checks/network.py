"""Whether the task's subnets have a way out."""

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
    """Does each subnet reach the registry? It has no VPC endpoint."""
    ec2 = subject.session.client("ec2")
    subnets = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": subject.subnet_ids}])[
        "Subnets"
    ]
    for gone in sorted(set(subject.subnet_ids) - {each["SubnetId"] for each in subnets}):
        yield problem(_CHECK, f"the subnet {gone} is gone", fix="name the VPC's subnets as it is")
    for vpc_id in sorted({each["VpcId"] for each in subnets}):
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
        for subnet in subnets:
            if subnet["VpcId"] == vpc_id:
                yield _way_out(subject, subnet["SubnetId"], tables["RouteTables"])


def _way_out(subject: Subject, subnet_id: str, tables: Sequence[RouteTableTypeDef]) -> Finding:
    table = _table_of(subnet_id, tables)
    if table is None:
        return not_checked(_CHECK, f"{subnet_id} has no route table that can be seen")
    default = next(
        (each for each in table["Routes"] if each.get("DestinationCidrBlock") == _ANYWHERE), None
    )
    if default is None:
        return problem(
            _CHECK,
            f"{subnet_id} has no route out, so neither registry nor Secrets Manager is in reach",
            fix="route 0.0.0.0/0 to a NAT gateway, or choose other subnets",
        )
    if default.get("State") == "blackhole":
        return problem(
            _CHECK,
            f"{subnet_id}: the route out leads to {_gateway(default)}, which is gone",
            fix="route 0.0.0.0/0 to a NAT gateway that is there",
        )
    if default.get("GatewayId", "").startswith("igw-") and not subject.has_public_address:
        return problem(
            _CHECK,
            f"{subnet_id} is public, and the task gets no public address there",
            fix="set assign_public_ip=True, or choose private subnets with a NAT gateway",
        )
    return fine(_CHECK, f"{subnet_id} leads out by {_gateway(default)}")


def _table_of(subnet_id: str, tables: Sequence[RouteTableTypeDef]) -> RouteTableTypeDef | None:
    # A subnet that no table names follows the VPC's main table.
    main = None
    for table in tables:
        for association in table["Associations"]:
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main"):
                main = table
    return main


def _gateway(route: RouteTypeDef) -> str:
    ways = (
        route.get("NatGatewayId"),
        route.get("GatewayId"),
        route.get("TransitGatewayId"),
        route.get("NetworkInterfaceId"),
        route.get("VpcPeeringConnectionId"),
    )
    return next(filter(None, ways), "something")
