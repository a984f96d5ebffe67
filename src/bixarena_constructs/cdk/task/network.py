"""The subnets of the task, and what can be reached from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import Annotations, Reference, Tokenization
from aws_cdk import aws_ec2 as ec2

from bixarena_constructs.cdk.tokens import is_token, read, resource_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_cdk import aws_ecs as ecs
    from constructs import Construct

__all__ = [
    "TaskNetwork",
    "define_security_group",
    "require_each_once",
    "require_vpc",
    "vpc_of",
]

# What the CDK's newer releases put before a message, as in "ThereSubnetGroups: There are no ...".
_CODE: Final = re.compile(r"^\w+: ")
# What ECS takes.
_MOST_SUBNETS: Final = 16
# What EC2 takes in the description of a security group, which is its path by default.
_NOT_IN_DESCRIPTIONS: Final = re.compile(r"[^a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]")
_LONGEST_DESCRIPTION: Final = 255


@dataclass(frozen=True, slots=True)
class TaskNetwork:
    """The subnets of a task, and whether it gets a public address there.

    Attributes:
        selection: The subnets as the CDK's rule target takes them, which gives a public address
            wherever they are selected by the type PUBLIC.
        subnet_ids: Their ids; none while a VPC is still to be looked up.
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
        """Choose the subnets and check what a task in them can reach.

        Args:
            scope: The construct that warnings are attached to.
            vpc: VPC of the cluster.
            subnet_selection: Subnets that the user asked for.
                Default: - private subnets with egress.
            assign_public_ip: Whether the user asked for a public address.
                Default: - only if the selection is by the type PUBLIC.

        Raises:
            ValueError: The VPC has no such subnets, or a public address is missing or of no use.
        """
        selection = subnet_selection or ec2.SubnetSelection(
            subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS
        )
        require_vpc(vpc, "subnet_selection", selection.subnets or ())
        chosen = _Chosen.of(vpc, selection, is_default=subnet_selection is None)
        public_by_type = selection.subnet_type is ec2.SubnetType.PUBLIC
        has_address = public_by_type if assign_public_ip is None else assign_public_ip
        if len(chosen.subnet_ids) > _MOST_SUBNETS:
            raise ValueError(
                f"subnet_selection selects {len(chosen.subnet_ids)} subnets; it must be up to "
                f"{_MOST_SUBNETS}, best one of each zone"
            )
        if not chosen.is_pending:
            require_each_once("subnet_selection", chosen.subnets, chosen.subnet_ids)
            if has_address or selection.subnet_type is not ec2.SubnetType.PRIVATE_WITH_EGRESS:
                _check_ways_out(
                    scope,
                    vpc,
                    chosen,
                    has_address=has_address,
                    is_declined=assign_public_ip is False,
                )
            _warn_of_a_single_zone(scope, chosen)
        if public_by_type and not has_address:
            selection = ec2.SubnetSelection(subnets=list(chosen.subnets))
        return cls(selection, chosen.subnet_ids, has_address)


def define_security_group(scope: Construct, vpc: ec2.IVpc) -> ec2.SecurityGroup:
    """Define the security group of a task under the id that the CDK's rule target looks for.

    Args:
        scope: Its task definition.
        vpc: VPC of the cluster.
    """
    path = f"{read(read(scope, 'node'), 'path')}/SecurityGroup"
    taken = _NOT_IN_DESCRIPTIONS.sub("_", path)[:_LONGEST_DESCRIPTION]
    return ec2.SecurityGroup(
        scope, "SecurityGroup", vpc=vpc, description=None if taken == path else taken
    )


def vpc_of(cluster: ecs.ICluster) -> ec2.IVpc:
    """Return the VPC of a cluster.

    Raises:
        ValueError: The cluster was imported without it.
    """
    try:
        vpc: ec2.IVpc = read(cluster, "vpc")
    except RuntimeError as error:  # of jsii, whatever the CDK raises
        raise ValueError(
            "cluster was imported without its VPC; import it with Cluster.from_cluster_attributes"
            "(..., cluster_name=..., vpc=...)"
        ) from error
    return vpc


def require_vpc(
    vpc: ec2.IVpc, prop: str, parts: Iterable[ec2.ISecurityGroup | ec2.ISubnet]
) -> None:
    """Check that security groups or subnets of the app are of the cluster's VPC.

    Args:
        vpc: VPC of the cluster.
        prop: The prop that they were given to.
        parts: The security groups or subnets; of imported ones the VPC is not known.

    Raises:
        ValueError: One is of another VPC.
    """
    for part in parts:
        resource = resource_of(part)
        if not isinstance(resource, ec2.CfnSecurityGroup | ec2.CfnSubnet):
            continue
        here, there = _identity(read(vpc, "vpc_id")), _identity(resource.vpc_id)
        # An id that is written out may be that of a VPC of the app.
        if here and there and here[0] == there[0] and here != there:
            raise ValueError(
                f"{prop} has {part.node.path}, which is of another VPC than that of cluster; ECS "
                "starts no task with it: pass those of the cluster's VPC"
            )


def require_each_once(
    prop: str, parts: Sequence[ec2.ISecurityGroup | ec2.ISubnet], ids: Sequence[str]
) -> None:
    """Check that no security group or subnet is given twice.

    Args:
        prop: The prop that they were given to.
        parts: The security groups or subnets.
        ids: Their ids.

    Raises:
        ValueError: One is.
    """
    if len(set(ids)) == len(ids):
        return
    paths = [part.node.path for part, each in zip(parts, ids, strict=True) if ids.count(each) > 1]
    raise ValueError(
        f"{prop} has the same one more than once ({', '.join(paths)}); ECS starts no task "
        "with it: pass each once"
    )


def _identity(vpc_id: str | None) -> tuple[str, str] | None:
    """Return the id of a VPC, or the path of one that the app defines, with which it is."""
    if vpc_id is None:
        return None
    if not is_token(vpc_id):
        return "id", vpc_id
    for token in Tokenization.reverse_string(vpc_id).tokens:
        if isinstance(token, Reference) and isinstance(token.target, ec2.CfnVPC):
            return "path", read(read(token.target, "node"), "path")
    return None


@dataclass(frozen=True, slots=True)
class _Chosen:
    subnets: Sequence[ec2.ISubnet]
    subnet_ids: Sequence[str]
    # None where it is not known.
    availability_zones: Sequence[str | None]
    # A VPC that the CDK looks up after this synthesis, which is thrown away.
    is_pending: bool = False

    @classmethod
    def listed(cls, subnets: Sequence[ec2.ISubnet]) -> _Chosen:
        ids = [read(each, "subnet_id") for each in subnets]
        return cls(subnets, ids, [_zone(each) for each in subnets])

    @classmethod
    def of(cls, vpc: ec2.IVpc, selection: ec2.SubnetSelection, *, is_default: bool) -> _Chosen:
        if selection.subnets and not (
            selection.availability_zones or selection.one_per_az or selection.subnet_filters
        ):
            return cls.listed(selection.subnets)
        if is_default and (private := read(vpc, "private_subnets")):
            # The same as select_subnets, which takes a round trip for each part of its answer.
            return cls.listed(private)
        try:
            found = vpc.select_subnets(
                availability_zones=selection.availability_zones,
                one_per_az=selection.one_per_az,
                subnet_filters=selection.subnet_filters,
                subnet_group_name=selection.subnet_group_name,
                subnets=selection.subnets,
                subnet_type=selection.subnet_type,
            )
        except RuntimeError as error:  # of jsii, whatever the CDK raises
            if is_default:
                raise ValueError(_no_private_subnets(vpc)) from error
            reason = _CODE.sub("", str(error).splitlines()[0])
            raise ValueError(
                f"subnet_selection does not fit the VPC of cluster: {reason}"
            ) from error
        is_pending = bool(found.is_pending_lookup)
        if not found.subnet_ids and not is_pending:
            raise ValueError(
                "subnet_selection selects no subnet of the VPC of cluster; select at least one"
            )
        return cls(found.subnets, found.subnet_ids, found.availability_zones, is_pending)


def _zone(subnet: ec2.ISubnet) -> str | None:
    try:
        zone: str = read(subnet, "availability_zone")
    except RuntimeError:  # imported without it
        return None
    return zone


def _no_private_subnets(vpc: ec2.IVpc) -> str:
    others = (("public", vpc.public_subnets), ("isolated", vpc.isolated_subnets))
    kinds = " and ".join(kind for kind, subnets in others if subnets)
    return (
        "subnet_selection is missing: the VPC of cluster has no private subnets with egress, "
        f"where the task runs by default, but {kinds or 'no known'} ones; select some by "
        "ec2.SubnetSelection(...); public ones by the type PUBLIC give the task a public address"
    )


def _check_ways_out(
    scope: Construct, vpc: ec2.IVpc, chosen: _Chosen, *, has_address: bool, is_declined: bool
) -> None:
    isolated = _among(vpc.isolated_subnets, chosen)
    private = _among(vpc.private_subnets, chosen)
    public = _among(vpc.public_subnets, chosen)
    if has_address and (private or isolated):
        raise ValueError(
            "assign_public_ip is True but subnet_selection has subnets that are not public "
            f"({private or isolated}), where a public address is of no use; leave it out, or "
            "select public subnets"
        )
    if public and not has_address and not is_declined:
        raise ValueError(
            f"subnet_selection has public subnets ({public}), from which the internet cannot be "
            "reached without a public address; set assign_public_ip=True, or False if VPC "
            "endpoints are enough, or select private subnets with egress"
        )
    closed = isolated or (public if not has_address else "")
    if closed:
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:noWayToTheInternet",
            f"subnet_selection has subnets without a way to the internet of their own ({closed}): "
            "the image's registry, the secrets and the log must be reached by VPC endpoints, or a "
            "transit gateway; ghcr.io has no VPC endpoint",
        )


def _among(subnets: Iterable[ec2.ISubnet], chosen: _Chosen) -> str:
    ids = set(chosen.subnet_ids)
    return ", ".join(sorted(each.node.path for each in subnets if each.subnet_id in ids))


def _warn_of_a_single_zone(scope: Construct, chosen: _Chosen) -> None:
    zones = set(chosen.availability_zones)
    zone = zones.pop() if len(zones) == 1 else None
    is_known = zone is not None and not is_token(zone)
    # An element of a list's token stands for any number of subnets.
    is_one = len(chosen.subnet_ids) == 1 and not chosen.subnet_ids[0].startswith("#{")
    if is_known or is_one:
        Annotations.of(scope).add_warning_v2(
            "bixarena-constructs:singleAvailabilityZone",
            f"All subnets lie in {zone if is_known else 'one zone'}: the task cannot start while "
            "that zone is out; select subnets of two zones or more",
        )
