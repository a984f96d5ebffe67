"""Checks that the security groups let the task reach the registry and the database."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.doctor.checks.secret_references import references_of
from bixarena_constructs.cli.doctor.checks.secret_values import fields_of_secret
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import AWS_ERRORS, explained
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, SecurityGroupTypeDef

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_security_groups"]

_CHECK: Final = "security groups"
_HTTPS: Final = 443
_POSTGRES: Final = 5432
_ANYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """The database as the VPC sees it.

    Attributes:
        port: Its TCP port.
        addresses: Private addresses of its network interfaces, if any was found.
        group_ids: Its security groups, if any is known.
    """

    port: int
    addresses: tuple[IPv4Address, ...] = ()
    group_ids: tuple[str, ...] = ()


def check_security_groups(subject: Subject) -> Iterator[Finding]:
    """Check that the task's groups let it out, and that the database's groups let it in."""
    if not subject.security_group_ids:
        yield not_checked(
            _CHECK, "the rule's target names no group, so the VPC's default group applies"
        )
        return
    ours = _groups(subject, subject.security_group_ids)
    known = [each["GroupId"] for each in ours]
    for group_id in subject.security_group_ids:
        if group_id not in known:
            yield problem(_CHECK, f"{group_id} does not exist", fix="deploy the stack again")
    if not ours:
        return
    yield _egress(ours, _HTTPS, "the registry and AWS", to=None)
    port, host = _endpoint(subject)
    try:
        database = _find_database(subject, host, port, vpc_id=ours[0].get("VpcId", ""))
    except AWS_ERRORS as error:
        yield not_checked(_CHECK, f"whether the task reaches the database: {explained(error)}")
        return
    yield _egress(ours, port, "the database", to=database)
    yield _database_ingress(subject, database)


def _groups(subject: Subject, group_ids: Sequence[str]) -> list[SecurityGroupTypeDef]:
    # By a filter: a group that does not exist is an error if its ID is a parameter of its own.
    found = subject.session.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-id", "Values": list(group_ids)}]
    )["SecurityGroups"]
    # An AWS on loopback does not know the filter.
    return [each for each in found if each["GroupId"] in group_ids]


def _egress(
    groups: Sequence[SecurityGroupTypeDef], port: int, target: str, *, to: _Database | None
) -> Finding:
    rules = [
        rule for group in groups for rule in group["IpPermissionsEgress"] if _covers(rule, port)
    ]
    names = ", ".join(each["GroupId"] for each in groups)
    if not rules:
        return problem(
            _CHECK,
            f"no security group of the task lets it reach {target}: port {port} is closed",
            fix=f"allow egress to port {port} in {names}",
        )
    if any(_leads_to(rule, to) for rule in rules):
        return fine(_CHECK, f"port {port} is open to {target}")
    peers = ", ".join(peer for rule in rules for peer in _peers(rule))
    listed = any(rule.get("PrefixListIds") for rule in rules)
    if to is None or listed or not (to.addresses and to.group_ids):
        return not_checked(
            _CHECK,
            f"whether {target} is among {peers}, all that port {port} of the task is open to",
        )
    return problem(
        _CHECK,
        f"no security group of the task lets it reach {target}: port {port} is open to {peers} "
        "only",
        fix=f"allow egress to the database's group {', '.join(to.group_ids)} in {names}",
    )


def _database_ingress(subject: Subject, database: _Database) -> Finding:
    if not database.group_ids:
        return not_checked(
            _CHECK,
            "whether the database lets the task in: no network interface with the database's "
            "address was found in the task's VPC; name its group with --database-security-group",
        )
    theirs = _groups(subject, database.group_ids)
    names = ", ".join(database.group_ids)
    if not theirs:
        return problem(
            _CHECK,
            f"the database's group {names} does not exist",
            fix="check --database-security-group, and its region",
        )
    rules = [
        rule for group in theirs for rule in group["IpPermissions"] if _covers(rule, database.port)
    ]
    ours = set(subject.security_group_ids)
    if any(ours & _peer_groups(rule) for rule in rules) or _admits_subnets(subject, rules):
        return fine(_CHECK, f"the database's group {names} lets the task in")
    if any(rule.get("PrefixListIds") for rule in rules):
        return not_checked(_CHECK, f"whether a prefix list of {names} has the task's subnets")
    return problem(
        _CHECK,
        f"the database's group {names} does not let the task in at port {database.port}",
        fix="database.connections.allow_from(task, ec2.Port.POSTGRES), or a rule for "
        f"{', '.join(sorted(ours))}",
    )


def _admits_subnets(subject: Subject, rules: Sequence[IpPermissionOutputTypeDef]) -> bool:
    """Whether the rules admit every address that the task may get."""
    ranges = [each for rule in rules for each in _ranges(rule)]
    if not ranges:
        return False
    subnets = subject.session.client("ec2").describe_subnets(
        Filters=[{"Name": "subnet-id", "Values": subject.subnet_ids}]
    )["Subnets"]
    blocks = [IPv4Network(each["CidrBlock"]) for each in subnets]
    return bool(blocks) and all(any(block.subnet_of(each) for each in ranges) for block in blocks)


def _covers(rule: IpPermissionOutputTypeDef, port: int) -> bool:
    if rule.get("IpProtocol") == "-1":
        return True
    return rule.get("IpProtocol") == "tcp" and (
        rule.get("FromPort", 0) <= port <= rule.get("ToPort", -1)
    )


def _leads_to(rule: IpPermissionOutputTypeDef, database: _Database | None) -> bool:
    ranges = _ranges(rule)
    if _ANYWHERE in ranges or database is None:
        return _ANYWHERE in ranges
    by_address = bool(database.addresses) and all(
        any(address in each for each in ranges) for address in database.addresses
    )
    return by_address or bool(_peer_groups(rule) & set(database.group_ids))


def _ranges(rule: IpPermissionOutputTypeDef) -> list[IPv4Network]:
    return [IPv4Network(each["CidrIp"]) for each in rule.get("IpRanges", ())]


def _peer_groups(rule: IpPermissionOutputTypeDef) -> set[str]:
    return {pair["GroupId"] for pair in rule.get("UserIdGroupPairs", ())}


def _peers(rule: IpPermissionOutputTypeDef) -> Iterator[str]:
    yield from map(str, _ranges(rule))
    yield from (each["CidrIpv6"] for each in rule.get("Ipv6Ranges", ()))
    yield from sorted(_peer_groups(rule))
    yield from (each["PrefixListId"] for each in rule.get("PrefixListIds", ()))


def _endpoint(subject: Subject) -> tuple[int, str | None]:
    """Return the database's port and host; a host that a secret holds must not be shown."""
    values = {
        each.get("name", ""): each.get("value", "")
        for each in subject.container.get("environment", ())
    }
    sought = (Variable.POSTGRES_HOST, Variable.POSTGRES_PORT)
    for reference in references_of(subject):
        if reference.purpose in sought and reference.field:
            try:
                fields = fields_of_secret(subject.session, reference.arn)
            except AWS_ERRORS:
                continue  # a finding of the check of secrets
            values[reference.purpose] = fields.get(reference.field, "")
    host, port = values.get(Variable.POSTGRES_HOST), values.get(Variable.POSTGRES_PORT, "")
    return int(port) if port.isdecimal() else _POSTGRES, host or None


def _find_database(subject: Subject, host: str | None, port: int, *, vpc_id: str) -> _Database:
    addresses = _resolve(host) if host else []
    interfaces = (
        subject.session.client("ec2").describe_network_interfaces(
            # Another VPC may have the same private addresses.
            Filters=[
                {"Name": "addresses.private-ip-address", "Values": addresses},
                {"Name": "vpc-id", "Values": [vpc_id]},
            ]
        )["NetworkInterfaces"]
        if addresses
        else []
    )
    named = subject.database_security_group
    found = {group["GroupId"] for each in interfaces for group in each["Groups"]}
    return _Database(
        port=port,
        addresses=tuple(IPv4Address(each) for each in addresses) if interfaces else (),
        group_ids=(named,) if named else tuple(sorted(found)),
    )


def _resolve(host: str) -> list[str]:
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except (OSError, ValueError):  # ValueError: a label that is empty or too long
        return []
    return sorted(each for each in found if isinstance(ip_address(each), IPv4Address))
