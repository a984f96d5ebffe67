"""Whether the task's security groups let it reach the registry and the database."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from bixarena_constructs.cli.doctor.checks.secret_references import references_of
from bixarena_constructs.cli.doctor.checks.secret_values import fields_of_secret
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, SecurityGroupTypeDef

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_security_groups"]

_CHECK: Final = "security groups"
_HTTPS: Final = 443
_ANYWHERE: Final = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class _Database:
    """Where the task looks for the database.

    Attributes:
        host: As the task is told it; never shown where it comes from a secret.
        port: Its TCP port.
    """

    host: str | None
    port: int


def check_security_groups(subject: Subject) -> Iterator[Finding]:
    """Do the groups let the task out, and the database's let it in?"""
    ec2 = subject.session.client("ec2")
    # By a filter, since asking for one that is gone by its id is an error.
    found = ec2.describe_security_groups(
        Filters=[{"Name": "group-id", "Values": subject.security_group_ids}]
    )["SecurityGroups"]
    ours = [each for each in found if each["GroupId"] in subject.security_group_ids]
    gone = sorted(set(subject.security_group_ids) - {each["GroupId"] for each in ours})
    for group_id in gone:
        yield problem(_CHECK, f"{group_id} is gone", fix="deploy the stack again")
    database = _database(subject)
    yield _egress(ours, _HTTPS, "the registry and AWS", to=_ANYWHERE)
    theirs = _database_groups(subject, database)
    yield _egress(ours, database.port, "the database", to=None)
    if theirs:
        yield _ingress(subject, theirs, database.port)
    else:
        yield not_checked(
            _CHECK,
            "whether the database lets the task in: its network interface is not to be found from "
            "here; name its group with --database-security-group",
        )


def _egress(
    groups: Sequence[SecurityGroupTypeDef], port: int, whom: str, *, to: str | None
) -> Finding:
    for group in groups:
        for rule in group["IpPermissionsEgress"]:
            ranges = [each.get("CidrIp") for each in rule.get("IpRanges", ())]
            if _covers(rule, port) and (to is None or to in ranges):
                return fine(_CHECK, f"port {port} is open to {whom}")
    return problem(
        _CHECK,
        f"no group of the task lets it reach {whom}: port {port} is closed",
        fix=f"allow egress to port {port} in {', '.join(each['GroupId'] for each in groups)}",
    )


def _ingress(subject: Subject, theirs: Sequence[SecurityGroupTypeDef], port: int) -> Finding:
    ours = set(subject.security_group_ids)
    subnets = subject.session.client("ec2").describe_subnets(
        Filters=[{"Name": "subnet-id", "Values": subject.subnet_ids}]
    )["Subnets"]
    blocks = [ipaddress.ip_network(each["CidrBlock"]) for each in subnets]
    names = ", ".join(each["GroupId"] for each in theirs)
    for rule in (rule for group in theirs for rule in group["IpPermissions"]):
        if not _covers(rule, port):
            continue
        groups = {pair.get("GroupId") for pair in rule.get("UserIdGroupPairs", ())}
        ranges = [
            ipaddress.ip_network(each.get("CidrIp", "")) for each in rule.get("IpRanges", ())
        ]
        inside = all(any(_within(block, each) for each in ranges) for block in blocks)
        if groups & ours or (blocks and inside):
            return fine(_CHECK, f"the database's group {names} lets the task in")
    return problem(
        _CHECK,
        f"the database's group {names} does not let the task in at port {port}",
        fix="database.connections.allow_from(task, ec2.Port.POSTGRES), or a rule for "
        f"{', '.join(sorted(ours))}",
    )


def _covers(rule: IpPermissionOutputTypeDef, port: int) -> bool:
    if rule.get("IpProtocol") == "-1":
        return True
    return rule.get("IpProtocol") == "tcp" and (
        rule.get("FromPort", 0) <= port <= rule.get("ToPort", -1)
    )


def _within(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network,
    other: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    return (
        isinstance(block, ipaddress.IPv4Network)
        and isinstance(other, ipaddress.IPv4Network)
        and block.subnet_of(other)
    )


def _database(subject: Subject) -> _Database:
    told = {
        each.get("name", ""): each.get("value", "")
        for each in subject.container.get("environment", ())
    }
    for reference in references_of(subject):
        if (
            reference.purpose in (Variable.POSTGRES_HOST, Variable.POSTGRES_PORT)
            and reference.field
        ):
            try:
                fields = fields_of_secret(subject.session, reference.arn)
            except ClientError:
                continue  # `secrets` tells of it
            told[reference.purpose] = fields.get(reference.field, "")
    port = told.get(Variable.POSTGRES_PORT, "")
    return _Database(
        told.get(Variable.POSTGRES_HOST) or None, int(port) if port.isdigit() else 5432
    )


def _database_groups(subject: Subject, database: _Database) -> list[SecurityGroupTypeDef]:
    ec2 = subject.session.client("ec2")
    group_ids = [subject.database_security_group] if subject.database_security_group else []
    if not group_ids and database.host is not None:
        try:
            addresses = sorted(
                {str(each[4][0]) for each in socket.getaddrinfo(database.host, None)}
            )
        except OSError:
            return []
        interfaces = ec2.describe_network_interfaces(
            Filters=[{"Name": "addresses.private-ip-address", "Values": addresses}]
        )["NetworkInterfaces"]
        group_ids = [group["GroupId"] for each in interfaces for group in each["Groups"]]
    if not group_ids:
        return []
    return ec2.describe_security_groups(GroupIds=group_ids)["SecurityGroups"]
