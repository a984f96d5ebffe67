"""What roles are allowed, and what is told where they take no policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs.cdk.access import PassRoleCheck, warn_of_an_immutable_role

if TYPE_CHECKING:
    from aws_cdk.aws_ecs import ICluster

EXECUTION_ROLE = "arn:aws:iam::111122223333:role/execution"
WRITE = iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=["arn:aws:logs:::x"])


@pytest.fixture
def definition(stack: Stack) -> ecs.FargateTaskDefinition:
    """One without an execution role."""
    definition = ecs.FargateTaskDefinition(stack, "Mine")
    definition.add_container("mine", image=ecs.ContainerImage.from_registry("python:3.13"))
    return definition


def imported_cluster(stack: Stack) -> ICluster:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "ImportedVpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a"],
        private_subnet_ids=["subnet-1"],
    )
    return ecs.Cluster.from_cluster_attributes(
        stack, "ImportedCluster", cluster_name="arena", vpc=vpc
    )


def imported_role(stack: Stack, *, mutable: bool = True) -> iam.IRole:
    return iam.Role.from_role_arn(stack, "Execution", EXECUTION_ROLE, mutable=mutable)


def schedule(cluster: ICluster, definition: ecs.FargateTaskDefinition) -> None:
    events.Rule(
        definition,
        "Rule",
        schedule=events.Schedule.rate(Duration.days(1)),
        targets=[targets.EcsTask(cluster=cluster, task_definition=definition)],
    )


class TestPassRoleCheck:
    def test_fails_the_synthesis_for_a_role_that_came_after_the_target(
        self, stack: Stack, cluster: ICluster, definition: ecs.FargateTaskDefinition
    ) -> None:
        check = PassRoleCheck(definition)
        schedule(cluster, definition)
        assert check.validate() == []
        definition.obtain_execution_role()
        (fault,) = check.validate()
        assert "MineExecutionRole" in fault
        definition.node.add_validation(check)
        with pytest.raises(RuntimeError, match="may not pass the role"):
            Template.from_stack(stack)

    @pytest.mark.parametrize("minimise", [True, False])
    def test_reads_the_policy_in_either_form_that_the_cdk_writes(self, *, minimise: bool) -> None:
        stack = Stack(App(context={"@aws-cdk/aws-iam:minimizePolicies": minimise}), "Stack")
        cluster = imported_cluster(stack)
        definition = ecs.FargateTaskDefinition(stack, "Mine", execution_role=imported_role(stack))
        definition.add_container("mine", image=ecs.ContainerImage.from_registry("python:3.13"))
        schedule(cluster, definition)
        assert PassRoleCheck(definition).validate() == []

    def test_reads_a_policy_that_was_split_for_its_size(
        self, stack: Stack, cluster: ICluster, definition: ecs.FargateTaskDefinition
    ) -> None:
        schedule(cluster, definition)
        role = definition.node.find_child("EventsRole")
        assert isinstance(role, iam.Role)
        for number in range(200):
            role.add_to_policy(
                iam.PolicyStatement(actions=[f"s3:Get{number}"], resources=["arn:aws:s3:::bucket"])
            )
        definition.node.add_validation(PassRoleCheck(definition))
        assert Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy")

    def test_leaves_roles_alone_that_are_made_outside_of_the_app(self, stack: Stack) -> None:
        iam.Role.customize_roles(
            stack,
            use_precreated_roles={
                "Stack/Mine/EventsRole": "events",
                "Stack/Mine/ExecutionRole": "execution",
                "Stack/Mine/TaskRole": "task",
            },
        )
        definition = ecs.FargateTaskDefinition(stack, "Mine")
        definition.add_container("mine", image=ecs.ContainerImage.from_registry("python:3.13"))
        definition.obtain_execution_role()
        schedule(imported_cluster(stack), definition)
        assert PassRoleCheck(definition).validate() == []


class TestWarnOfAnImmutableRole:
    @pytest.mark.parametrize("imported", [True, False])
    def test_has_nothing_against_a_role_that_takes_policies(
        self, stack: Stack, *, imported: bool
    ) -> None:
        role = (
            imported_role(stack)
            if imported
            else iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
        )
        role.add_to_principal_policy(WRITE)
        warn_of_an_immutable_role(stack, "execution_role", role, [WRITE])
        assert not Annotations.from_stack(stack).find_warning("*", Match.any_value())

    @pytest.mark.parametrize(
        ("prop", "warning"),
        [("execution_role", "executionRolePolicy"), ("task_role", "taskRolePolicy")],
    )
    def test_names_what_a_role_that_takes_no_policy_must_be_allowed(
        self, stack: Stack, prop: str, warning: str
    ) -> None:
        role = imported_role(stack, mutable=False)
        role.add_to_principal_policy(WRITE)
        warn_of_an_immutable_role(stack, prop, role, [WRITE])
        Annotations.from_stack(stack).has_warning(
            "/Stack",
            Match.string_like_regexp(
                f"{prop} is imported .*let it do logs:PutLogEvents.*bixarena-constructs:{warning}"
            ),
        )
