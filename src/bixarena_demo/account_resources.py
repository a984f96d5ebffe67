"""What ``examples/minimal`` finds in an account: network, cluster and a database's credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    from bixarena_demo.postgres import ConnectionInfo
    from local_aws import LocalAws

__all__ = ["define_neighbours"]

_CLUSTER = "bixarena"
_SECRET = "bixarena/worker"  # noqa: S105 - its name


def define_neighbours(aws: LocalAws, database: ConnectionInfo) -> dict[str, str]:
    """Define them, and return the context values that name them to the app.

    Args:
        aws: Where.
        database: Connection that the secret holds, in the form that RDS generates.
    """
    ec2 = aws.session.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [f"{aws.region}a", f"{aws.region}b"]
    subnet_ids = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)[
            "Subnet"
        ]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    _route_out(ec2, vpc_id, subnet_ids[0])
    group = ec2.create_security_group(
        VpcId=vpc_id, GroupName="snapshot", Description="what the database lets in"
    )
    aws.session.client("ecs").create_cluster(clusterName=_CLUSTER)
    return {
        "vpc_id": vpc_id,
        "availability_zones": ",".join(zones),
        "private_subnet_ids": ",".join(subnet_ids),
        "cluster_name": _CLUSTER,
        "security_group_id": group["GroupId"],
        "database_secret_arn": _define_secret(aws, database),
    }


def _route_out(ec2: EC2Client, vpc_id: str, subnet_id: str) -> None:
    """Give the subnets, which follow the VPC's main table, a way to the registry."""
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet_id, AllocationId=address)["NatGateway"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
    ec2.create_route(
        RouteTableId=tables["RouteTables"][0]["RouteTableId"],
        DestinationCidrBlock="0.0.0.0/0",
        NatGatewayId=nat["NatGatewayId"],
    )


def _define_secret(aws: LocalAws, database: ConnectionInfo) -> str:
    fields = {
        "host": database.host,
        "port": database.port,
        "dbname": database.dbname,
        "username": database.user,
        "password": database.password,
    }
    client = aws.session.client("secretsmanager")
    return client.create_secret(Name=_SECRET, SecretString=json.dumps(fields))["ARN"]
