"""Subnets and public addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotTask
from bixarena_constructs.cdk.task.network import TaskNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = f"ghcr.io/arena/worker@sha256:{'0' * 64}"
ZONES = ["us-east-1a", "us-east-1b"]


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


def put_on_schedule(stack: Stack, task: SnapshotTask) -> None:
    scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
        target=task.schedule_target(),
    )


def networks_of(stack: Stack) -> Iterator[dict[str, Any]]:  # CloudFormation is untyped
    """Yield the network of each rule and schedule."""
    template = Template.from_stack(stack)
    for rule in template.find_resources("AWS::Events::Rule").values():
        parameters = rule["Properties"]["Targets"][0]["EcsParameters"]
        yield parameters["NetworkConfiguration"]["AwsVpcConfiguration"]
    for schedule in template.find_resources("AWS::Scheduler::Schedule").values():
        parameters = schedule["Properties"]["Target"]["EcsParameters"]
        yield parameters["NetworkConfiguration"]["AwsvpcConfiguration"]


def test_takes_as_many_subnets_as_ecs_does(stack: Stack, cluster: ecs.ICluster) -> None:
    subnets = [ec2.Subnet.from_subnet_id(stack, f"S{n}", f"subnet-a{n}") for n in range(17)]
    network(stack, cluster.vpc, selection=ec2.SubnetSelection(subnets=subnets[:16]))
    with pytest.raises(ValueError, match=r"subnet_selection selects 17 subnets; .* up to 16"):
        network(stack, cluster.vpc, selection=ec2.SubnetSelection(subnets=subnets))


def test_takes_as_many_security_groups_as_ecs_does(stack: Stack, cluster: ecs.ICluster) -> None:
    groups = [
        ec2.SecurityGroup.from_security_group_id(stack, f"G{n}", f"sg-{n}") for n in range(6)
    ]
    SnapshotTask(stack, "Five", cluster=cluster, security_groups=groups[:5])
    with pytest.raises(ValueError, match="security_groups has 6 elements; it must have up to 5"):
        SnapshotTask(stack, "Six", cluster=cluster, security_groups=groups)


@pytest.mark.parametrize("name", ["Two", "Three"])
def test_refuses_a_security_group_that_is_given_twice(
    stack: Stack, cluster: ecs.ICluster, name: str
) -> None:
    ids = {"One": "sg-1", "Two": "sg-1", "Three": Fn.import_value("Group")}
    groups = [
        ec2.SecurityGroup.from_security_group_id(stack, each, ids[each]) for each in ("One", name)
    ]
    SnapshotTask(stack, "Once", cluster=cluster, security_groups=groups[1:])
    if name == "Two":
        with pytest.raises(ValueError, match=r"security_groups has the same .* \(Stack/One, Stac"):
            SnapshotTask(stack, "Twice", cluster=cluster, security_groups=groups)
    else:
        SnapshotTask(stack, "Both", cluster=cluster, security_groups=groups)


def warnings_of(stack: Stack) -> list[str]:
    """Return the ids of this library's warnings on any construct."""
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    texts = (str(warning.entry.data) for warning in found)
    return [text.rpartition(":")[2].rstrip("]") for text in texts if "bixarena-constructs" in text]


def vpc_with(stack: Stack, **subnet_ids: Any) -> ec2.IVpc:  # whichever kinds
    return ec2.Vpc.from_vpc_attributes(
        stack, "Other", vpc_id="vpc-2", availability_zones=ZONES, **subnet_ids
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


def test_refuses_listed_public_subnets_without_an_address(stack: Stack, vpc: ec2.IVpc) -> None:
    selection = ec2.SubnetSelection(subnets=vpc.public_subnets)
    with pytest.raises(ValueError, match=r"PublicSubnet1, .*set assign_public_ip=True, or False"):
        network(stack, vpc, selection=selection)


def test_knows_public_subnets_by_their_ids(stack: Stack, vpc: ec2.IVpc) -> None:
    subnet = ec2.Subnet.from_subnet_id(stack, "Subnet", "subnet-public-1")
    with pytest.raises(ValueError, match=r"PublicSubnet1\)"):
        network(stack, vpc, selection=ec2.SubnetSelection(subnets=[subnet]))


@pytest.mark.parametrize("by_type", [True, False])
def test_warns_of_public_subnets_whose_address_was_declined(
    stack: Stack, cluster: ecs.ICluster, *, by_type: bool
) -> None:
    task = ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image=IMAGE,
        subnet_selection=ec2.SubnetSelection(
            subnet_type=ec2.SubnetType.PUBLIC if by_type else None,
            subnets=None if by_type else cluster.vpc.public_subnets,
        ),
        assign_public_ip=False,
    )
    put_on_schedule(stack, task)
    for addresses in networks_of(stack):
        assert addresses["AssignPublicIp"] == "DISABLED"
        assert addresses["Subnets"] == ["subnet-public-1", "subnet-public-2"]
    assert warnings_of(stack) == ["noWayToTheInternet"]


@pytest.mark.parametrize(
    "selection",
    [
        ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
        ec2.SubnetSelection(subnet_group_name="Isolated"),
    ],
)
def test_warns_of_isolated_subnets(
    stack: Stack, cluster: ecs.ICluster, selection: ec2.SubnetSelection
) -> None:
    task = SnapshotTask(
        stack, "Snapshot", cluster=cluster, image=IMAGE, subnet_selection=selection
    )
    put_on_schedule(stack, task)
    (addresses,) = networks_of(stack)
    assert addresses["Subnets"] == ["subnet-isolated-1", "subnet-isolated-2"]
    Annotations.from_stack(stack).has_warning(
        "/Stack/Snapshot",
        Match.string_like_regexp(r"IsolatedSubnet1.*ghcr\.io has no VPC endpoint"),
    )


def test_refuses_an_address_in_isolated_subnets(stack: Stack, vpc: ec2.IVpc) -> None:
    selection = ec2.SubnetSelection(subnets=vpc.isolated_subnets)
    with pytest.raises(ValueError, match=r"assign_public_ip is True but .*IsolatedSubnet1"):
        network(stack, vpc, selection=selection, assign_public_ip=True)


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


def test_takes_subnets_whose_zone_is_not_known(stack: Stack, cluster: ecs.ICluster) -> None:
    subnet = ec2.Subnet.from_subnet_id(stack, "Subnet", "subnet-9")
    ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image=IMAGE,
        subnet_selection=ec2.SubnetSelection(subnets=[subnet]),
    )
    (addresses,) = networks_of(stack)
    assert addresses["Subnets"] == ["subnet-9"]
    assert warnings_of(stack) == ["singleAvailabilityZone"]


@pytest.mark.parametrize("kind", ["public", "isolated"])
def test_asks_for_subnets_where_the_vpc_has_no_private_ones(stack: Stack, kind: str) -> None:
    vpc = vpc_with(stack, **{f"{kind}_subnet_ids": ["subnet-1", "subnet-2"]})
    with pytest.raises(ValueError, match=f"^subnet_selection is missing: .*, but {kind} ones"):
        network(stack, vpc)


@pytest.mark.parametrize("is_imported", [True, False])
@pytest.mark.parametrize("prop", ["security_groups", "subnet_selection"])
def test_refuses_what_is_of_another_vpc(stack: Stack, prop: str, *, is_imported: bool) -> None:
    def vpc(name: str) -> ec2.IVpc:
        if not is_imported:
            return ec2.Vpc(stack, name)
        subnets = [f"subnet-{name}1", f"subnet-{name}2"]
        return ec2.Vpc.from_vpc_attributes(
            stack, name, vpc_id=name, availability_zones=ZONES, private_subnet_ids=subnets
        )

    def value(of: ec2.IVpc, name: str) -> Any:  # of either prop
        if prop == "security_groups":
            return [ec2.SecurityGroup(stack, name, vpc=of)]
        subnet = ec2.Subnet(
            stack, name, vpc_id=of.vpc_id, cidr_block="10.0.9.0/24", availability_zone="us-east-1a"
        )
        return ec2.SubnetSelection(subnets=[subnet])

    own, other = vpc("own"), vpc("other")
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=own)
    SnapshotTask(stack, "Task", cluster=cluster, **{prop: value(own, "Near")})
    with pytest.raises(ValueError, match=f"{prop} has Stack/Far, which is of another VPC than"):
        SnapshotTask(stack, "Other", cluster=cluster, **{prop: value(other, "Far")})


def test_takes_a_security_group_of_a_vpc_that_is_known_at_deployment(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    imported = ec2.Vpc.from_vpc_attributes(
        stack, "Imported", vpc_id=Fn.import_value("Vpc"), availability_zones=ZONES
    )
    group = ec2.SecurityGroup(stack, "Group", vpc=imported)
    SnapshotTask(stack, "Task", cluster=cluster, security_groups=[group])


@pytest.mark.parametrize(("zones", "is_warned"), [(1, True), (2, False)])
def test_warns_of_one_subnet_whose_zone_is_chosen_at_deployment(
    stack: Stack, zones: int, *, is_warned: bool
) -> None:
    network(stack, ec2.Vpc(stack, "One", max_azs=zones))
    found = Annotations.from_stack(stack).find_warning(
        "/Stack", Match.string_like_regexp("All subnets lie in one zone")
    )
    assert bool(found) is is_warned


def test_asks_for_subnets_where_a_vpc_of_the_app_has_no_nat(stack: Stack) -> None:
    with pytest.raises(ValueError, match="but public and isolated ones; select some"):
        network(stack, ec2.Vpc(stack, "Own", nat_gateways=0))


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        (ec2.SubnetSelection(subnet_group_name="App"), "does not fit .*'App'.*Private"),
        (
            ec2.SubnetSelection(subnet_group_name="Private", subnet_type=ec2.SubnetType.PUBLIC),
            "does not fit .*Only one of",
        ),
        (
            ec2.SubnetSelection(subnet_filters=[ec2.SubnetFilter.by_cidr_mask(24)]),
            "does not fit .*IPv4 CIDR",
        ),
        (
            ec2.SubnetSelection(subnet_filters=[ec2.SubnetFilter.by_ids(["subnet-9"])]),
            "selects no subnet",
        ),
        (ec2.SubnetSelection(availability_zones=["eu-west-1a"]), "selects no subnet"),
        (ec2.SubnetSelection(subnets=[]), "selects no subnet"),
    ],
)
def test_refuses_in_a_sentence_what_the_vpc_does_not_have(
    stack: Stack, vpc: ec2.IVpc, selection: ec2.SubnetSelection, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^subnet_selection {reason}[^\n]*$"):
        network(stack, vpc, selection=selection)


@pytest.mark.parametrize(
    ("selection", "subnet_ids"),
    [
        (
            ec2.SubnetSelection(subnet_filters=[ec2.SubnetFilter.by_ids(["subnet-private-2"])]),
            ["subnet-private-2"],
        ),
        (ec2.SubnetSelection(availability_zones=ZONES[:1]), ["subnet-private-1"]),
        (ec2.SubnetSelection(one_per_az=True), ["subnet-private-1", "subnet-private-2"]),
        (ec2.SubnetSelection(), ["subnet-private-1", "subnet-private-2"]),
    ],
)
def test_selects_by_every_criterion_of_the_cdk(
    stack: Stack, vpc: ec2.IVpc, selection: ec2.SubnetSelection, subnet_ids: list[str]
) -> None:
    assert network(stack, vpc, selection=selection).subnet_ids == subnet_ids


def test_takes_a_list_of_subnets_that_is_a_token(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Other",
        vpc_id="vpc-2",
        availability_zones=Fn.get_azs(),
        private_subnet_ids=Fn.split(",", Fn.import_value("subnets")),
    )
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Its", cluster_name="arena", vpc=vpc)
    ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image=IMAGE)
    (addresses,) = networks_of(stack)
    assert addresses["Subnets"] == {"Fn::Split": [",", {"Fn::ImportValue": "subnets"}]}


@pytest.mark.parametrize(
    "selection",
    [
        None,
        ec2.SubnetSelection(subnet_group_name="App"),
        ec2.SubnetSelection(availability_zones=["us-east-1f"]),
        ec2.SubnetSelection(subnet_filters=[ec2.SubnetFilter.by_ids(["subnet-9"])]),
        ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    ],
)
def test_waits_for_a_vpc_that_is_looked_up(selection: ec2.SubnetSelection | None) -> None:
    # The CDK throws the first synthesis away, and looks up only what an app asked for that ended.
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    vpc = ec2.Vpc.from_lookup(stack, "Vpc", vpc_id="vpc-1")
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)
    ScheduledSnapshotTask(
        stack, "Snapshot", cluster=cluster, image=IMAGE, subnet_selection=selection
    )
    assert warnings_of(stack) == []


def test_refuses_a_cluster_without_its_vpc(stack: Stack) -> None:
    arn = "arn:aws:ecs:us-east-1:111122223333:cluster/arena"
    cluster = ecs.Cluster.from_cluster_arn(stack, "Cluster", arn)
    with pytest.raises(ValueError, match=r"^cluster was imported without its VPC; import it with"):
        SnapshotTask(stack, "Snapshot", cluster=cluster, image=IMAGE)
