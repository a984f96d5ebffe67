"""What roles are allowed, and the warnings where they take no policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnResource, Duration, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct

from bixarena_constructs import ScheduledSnapshotTask, SnapshotTask
from bixarena_constructs.cdk.pass_role_check import PassRoleCheck
from bixarena_constructs.cdk.permissions import (
    run_statements,
    run_tag_value,
    warn_of_an_immutable_role,
)
from bixarena_constructs.testing import assert_schedule_can_start_its_task

if TYPE_CHECKING:
    from collections.abc import Callable

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


class TestRunTagValue:
    def test_begins_with_the_stacks_name_and_the_path(self, stack: Stack) -> None:
        assert run_tag_value(Construct(stack, "Night")).startswith("Stack/Night/")

    def test_is_the_same_at_every_synthesis(self) -> None:
        values = {run_tag_value(Construct(Stack(App(), "Stack"), "Night")) for _ in range(2)}
        assert len(values) == 1

    def test_differs_between_all_tasks_of_an_account(self) -> None:
        app = App()
        stack = Stack(app, "Arena")
        scopes = [
            stack,
            Construct(stack, "Night"),
            NestedStack(stack, "Nested"),
            NestedStack(Stack(app, "Other"), "Nested"),
            Stack(app, "Renamed", stack_name="arena-prod"),
            Stack(Stage(app, "Prod"), "Arena"),
            # The same app, deployed again under another name.
            Stack(App(), "Arena", stack_name="arena-copy"),
        ]
        ids = ["Run", "Run-1", "Run.1", "Run(1)", "Run(2)", "Läufe", "Lufe", "R" * 255, "R" * 254]
        values = [run_tag_value(Construct(scope, each)) for scope in scopes for each in ids]
        assert len(set(values)) == len(scopes) * len(ids)

    @pytest.mark.parametrize("construct_id", ["Run, $(1) 'x' \"y\" ü", "R" * 255])
    def test_is_a_tag_that_a_shell_takes_as_it_is(self, stack: Stack, construct_id: str) -> None:
        value = run_tag_value(Construct(Construct(stack, construct_id), construct_id))
        assert re.fullmatch(r"[A-Za-z0-9/_.-]{1,256}", value)


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


class TestWhatWasSetOnAResource:
    @pytest.fixture(params=[SnapshotTask, ScheduledSnapshotTask])
    def task(
        self, stack: Stack, cluster: ICluster, request: pytest.FixtureRequest
    ) -> SnapshotTask:
        task = request.param(stack, "Snapshot", cluster=cluster)
        assert isinstance(task, SnapshotTask)
        return task

    @pytest.mark.parametrize("prop", ["task_role", "execution_role"])
    def test_fails_the_synthesis_for_another_role(
        self, stack: Stack, task: SnapshotTask, prop: str
    ) -> None:
        resource = task.task_definition.node.default_child
        setattr(resource, f"{prop}_arn", "arn:aws:iam::111122223333:role/other")
        with pytest.raises(RuntimeError, match=rf"{prop}_arn .*role/other.*set {prop} instead"):
            Template.from_stack(stack)

    def test_finds_an_overridden_role_in_the_template(
        self, stack: Stack, cluster: ICluster
    ) -> None:
        task = ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster)
        resource = task.task_definition.node.default_child
        assert isinstance(resource, CfnResource)
        resource.add_property_override("TaskRoleArn", "arn:aws:iam::111122223333:role/other")
        with pytest.raises(AssertionError, match="may not iam:PassRole"):
            assert_schedule_can_start_its_task(Template.from_stack(stack).to_json())


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
        [
            ("execution_role", "executionRolePolicy"),
            ("grantee", "granteePolicy"),
            ("task_role", "taskRolePolicy"),
        ],
    )
    @pytest.mark.parametrize("owned", [True, False])
    def test_names_what_a_role_that_takes_no_policy_must_be_allowed(
        self, stack: Stack, prop: str, warning: str, *, owned: bool
    ) -> None:
        own = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
        role = own.without_policy_updates() if owned else imported_role(stack, mutable=False)
        role.add_to_principal_policy(WRITE)
        warn_of_an_immutable_role(stack, prop, role, [WRITE])
        Annotations.from_stack(stack).has_warning(
            "/Stack",
            Match.string_like_regexp(
                f"{prop} is the role Stack/.* takes no policy .*let it do logs:PutLogEvents by a "
                f"policy of its own.*bixarena-constructs:{warning}"
            ),
        )


class TestRunStatements:
    @pytest.fixture
    def task_definition(self, stack: Stack) -> ecs.FargateTaskDefinition:
        return ecs.FargateTaskDefinition(stack, "Mine")

    def tagged(self, stack: Stack, cluster_arn: str, definition: ecs.FargateTaskDefinition) -> Any:
        (statement,) = (
            one
            for one in run_statements(cluster_arn=cluster_arn, task_definition=definition)
            if one.actions == ["ecs:TagResource"]
        )
        (resource,) = statement.resources
        return stack.resolve(resource)

    def test_tag_tasks_of_the_one_cluster(
        self, stack: Stack, task_definition: ecs.FargateTaskDefinition
    ) -> None:
        arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/arena"
        expected = "arn:aws:ecs:eu-west-1:111122223333:task/arena/*"
        assert self.tagged(stack, arn, task_definition) == expected

    def test_tag_tasks_of_a_cluster_whose_name_is_made_at_deployment(
        self, stack: Stack, vpc: ec2.IVpc, task_definition: ecs.FargateTaskDefinition
    ) -> None:
        arn = ecs.Cluster(stack, "Own", vpc=vpc).cluster_arn
        before, after = self.tagged(stack, arn, task_definition)["Fn::Join"][1]
        split = {"Fn::Split": [":cluster/", stack.resolve(arn)]}
        assert before == {"Fn::Join": [":task/", split]}
        assert after == "/*"


@pytest.mark.parametrize(
    "principal",
    [
        iam.ServicePrincipal("lambda.amazonaws.com"),
        iam.AccountPrincipal("111122223333"),
        iam.ArnPrincipal("arn:aws:iam::111122223333:role/operator"),
    ],
)
def test_refuses_a_grantee_that_takes_no_policy(
    stack: Stack, cluster: ICluster, principal: iam.PrincipalBase
) -> None:
    task = ScheduledSnapshotTask(stack, "Task", cluster=cluster)
    with pytest.raises(ValueError, match=r"grantee takes no policy .*; it must be a role, a user"):
        task.grant_run(principal)


def test_grants_to_users_groups_and_what_has_a_role(stack: Stack, cluster: ICluster) -> None:
    task = ScheduledSnapshotTask(stack, "Task", cluster=cluster)
    other = SnapshotTask(stack, "Other", cluster=cluster)
    for grantee in (iam.User(stack, "User"), iam.Group(stack, "Group"), other):
        assert task.grant_run(grantee).success


OPERATOR = "arn:aws:iam::111122223333:role/operator"


@pytest.mark.parametrize("owned", [True, False])
def test_warns_of_a_grantee_that_drops_what_it_is_granted(
    stack: Stack, cluster: ICluster, *, owned: bool
) -> None:
    own = iam.Role(stack, "Own", assumed_by=iam.AccountRootPrincipal())
    imported = iam.Role.from_role_arn(stack, "Imported", OPERATOR, mutable=False)
    role = own.without_policy_updates() if owned else imported
    ScheduledSnapshotTask(stack, "Task", cluster=cluster).grant_run(role)
    (warning,) = Annotations.from_stack(stack).find_warning(
        "/Stack/Task", Match.string_like_regexp("granteePolicy")
    )
    assert "events:DescribeRule" in str(warning.entry.data)
    assert "ecs:RunTask" in str(warning.entry.data)


@pytest.mark.parametrize("kind", ["role", "user", "group", "defined"])
def test_refuses_a_grantee_of_another_account(kind: str) -> None:
    app = App()
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    other = Stack(app, "Other", env=Environment(account="999999999999", region="us-east-1"))
    arn = f"arn:aws:iam::999999999999:{kind}/operator"
    grantees: dict[str, Callable[[], iam.IGrantable]] = {
        "role": lambda: iam.Role.from_role_arn(stack, "It", arn),
        "user": lambda: iam.User.from_user_arn(stack, "It", arn),
        "group": lambda: iam.Group.from_group_arn(stack, "It", arn),
        "defined": lambda: iam.Role(other, "It", assumed_by=iam.AccountRootPrincipal()),
    }
    task = SnapshotTask(stack, "Task", cluster=imported_cluster(stack))
    with pytest.raises(ValueError, match=r"grantee is of the account 9+, .* it must be of 1111"):
        task.grant_run(grantees[kind]())


@pytest.mark.parametrize("mutable", [True, False])
def test_defines_the_accounts_of_guardduty_only_for_a_role_that_may_pull(
    stack: Stack, cluster: ICluster, *, mutable: bool
) -> None:
    SnapshotTask(
        stack, "Task", cluster=cluster, execution_role=imported_role(stack, mutable=mutable)
    )
    assert ("Mappings" in Template.from_stack(stack).to_json()) is mutable


def test_shortens_the_description_of_a_rule_in_a_deep_tree(
    stack: Stack, cluster: ICluster
) -> None:
    scope: Construct = stack
    for _ in range(3):
        scope = Construct(scope, "a" * 200)
    SnapshotTask(scope, "Task", cluster=cluster).on_failure("Failed")
    (rule,) = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    assert len(rule["Properties"]["Description"]) == 512
