"""What a template has to promise, on small templates that keep it or break it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from bixarena_constructs.testing import (
    assert_complete_secret_arns,
    assert_finite_log_retention,
    assert_schedule_can_start_its_task,
    assert_single_target,
)

ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret"


def statement(actions: str | list[str], resource: object) -> dict[str, Any]:  # untyped JSON
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def task_template() -> dict[str, Any]:  # untyped JSON
    """A task on a schedule, complete."""
    execution, task, events = (
        {"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in ("Execution", "Task", "Events")
    )
    definition = {"Ref": "Definition"}
    return {
        "Resources": {
            "Definition": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "ContainerDefinitions": [{"Name": "worker"}],
                    "ExecutionRoleArn": execution,
                    "TaskRoleArn": task,
                },
            },
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "Roles": [{"Ref": "EventsRole"}],
                    "PolicyDocument": {
                        "Statement": [
                            statement("ecs:RunTask", definition),
                            statement(["iam:PassRole"], [execution, task]),
                        ]
                    },
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "Targets": [
                        {
                            "Arn": {"Fn::GetAtt": ["Cluster", "Arn"]},
                            "RoleArn": events,
                            "EcsParameters": {"TaskDefinitionArn": definition},
                            "DeadLetterConfig": {"Arn": "arn"},
                        }
                    ]
                },
            },
        }
    }


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = template["Resources"]["Policy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]
    return found


def target(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]["Rule"]["Properties"]["Targets"][0]
    return found


class TestScheduleCanStartItsTask:
    def test_holds_where_the_role_may_run_the_task_and_pass_its_roles(self) -> None:
        assert_schedule_can_start_its_task(task_template())

    def test_holds_for_a_role_without_an_execution_role(self) -> None:
        template = task_template()
        del template["Resources"]["Definition"]["Properties"]["ExecutionRoleArn"]
        assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ([0], "may not ecs:RunTask"),
            ([1], r"may not iam:PassRole .*TaskRole"),
            ([1, "Resource", 0], r"may not iam:PassRole .*ExecutionRole"),
        ],
    )
    def test_fails_where_a_statement_is_missing(self, path: list[int | str], message: str) -> None:
        template = task_template()
        part = template["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"]
        for step in path[:-1]:
            part = part[step]
        del part[path[-1]]
        with pytest.raises(AssertionError, match=f"Rule: its role {message}"):
            assert_schedule_can_start_its_task(template)

    def test_fails_where_the_policy_is_another_roles(self) -> None:
        template = task_template()
        template["Resources"]["Policy"]["Properties"]["Roles"] = [{"Ref": "TaskRole"}]
        with pytest.raises(AssertionError, match=r"may not ecs:RunTask"):
            assert_schedule_can_start_its_task(template)

    def test_fails_where_the_statement_denies(self) -> None:
        template = task_template()
        document = template["Resources"]["Policy"]["Properties"]["PolicyDocument"]
        document["Statement"][0]["Effect"] = "Deny"
        with pytest.raises(AssertionError, match=r"may not ecs:RunTask"):
            assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        "definition",
        [
            {"Fn::GetAtt": ["Definition", "TaskDefinitionArn"]},
            {"Fn::GetAtt": "Definition.TaskDefinitionArn"},
            {"Fn::Sub": "${Definition}"},
            {"Fn::Join": ["", [{"Ref": "Definition"}]]},
        ],
    )
    def test_reads_each_way_to_name_the_task_definition(self, definition: object) -> None:
        template = task_template()
        target(template)["EcsParameters"]["TaskDefinitionArn"] = definition
        assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        "role",
        [
            "arn:aws:iam::111122223333:role/ops/events",
            {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ops/events"},
            {"Fn::Join": [":", ["arn:aws:iam:", {"Ref": "AWS::AccountId"}, "role/ops/events"]]},
            {"Ref": "RoleArn"},
            {"Fn::ImportValue": "events-role"},
            "{{resolve:ssm:/arena/events-role}}",
        ],
    )
    def test_says_that_it_does_not_see_the_policies_of_a_role_from_elsewhere(
        self, role: object
    ) -> None:
        template = task_template()
        template["Parameters"] = {"RoleArn": {"Type": "String"}}
        target(template)["RoleArn"] = role
        with pytest.raises(
            AssertionError,
            match=(
                r"Rule: no policy of this template lets its role ecs:RunTask \$\{Definition\}; "
                "check the policies that it does not show: those of .+, which is defined elsewhere"
            ),
        ):
            assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:iam::111122223333:role/ops/events",
            {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ops/events"},
        ],
    )
    def test_reads_the_policies_that_are_attached_to_a_role_by_its_name(self, arn: object) -> None:
        template = task_template()
        target(template)["RoleArn"] = arn
        template["Resources"]["Policy"]["Properties"]["Roles"] = ["events"]
        assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        "definition",
        [
            "arn:aws:ecs:us-east-1:111122223333:task-definition/arena:3",
            {"Fn::ImportValue": "task-definition"},
            {"Ref": "DefinitionArn"},
            "{{resolve:ssm:/arena/task-definition}}",
            {"Fn::If": ["IsBlue", {"Ref": "Definition"}, {"Ref": "Definition"}]},
        ],
    )
    def test_says_that_it_does_not_see_the_roles_of_a_task_definition_from_elsewhere(
        self, definition: object
    ) -> None:
        template = task_template()
        template["Parameters"] = {"DefinitionArn": {"Type": "String"}}
        target(template)["EcsParameters"]["TaskDefinitionArn"] = definition
        (run, _) = statements(template)
        run["Resource"] = definition
        with pytest.raises(AssertionError, match=r"Rule: .+ is defined elsewhere, so this templ"):
            assert_schedule_can_start_its_task(template)
        # What it does see is still true.
        run["Resource"] = "arn:aws:ecs:us-east-1:111122223333:task-definition/other:*"
        with pytest.raises(AssertionError, match="Rule: its role may not ecs:RunTask"):
            assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        ("of_run", "of_pass", "may"),
        [
            ("*", "*", None),
            (
                "arn:aws:ecs:us-east-1:111122223333:task-definition/arena:*",
                {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/arena/*"},
                None,
            ),
            (
                {"Fn::Sub": "arn:aws:ecs:*:*:task-definition/arena:*"},
                ["arn:aws:iam::111122223333:role/arena/task", {"Ref": "ExecutionRole"}],
                None,
            ),
            ("arn:aws:ecs:*:*:task-definition/other:*", "*", "ecs:RunTask"),
            # A policy that names no revision lets nobody run one.
            ("arn:aws:ecs:*:*:task-definition/arena", "*", "ecs:RunTask"),
            ("*", "arn:aws:iam::111122223333:role/task", "iam:PassRole"),
        ],
    )
    def test_reads_arns_with_wildcards(
        self, of_run: object, of_pass: object, may: str | None
    ) -> None:
        template = task_template()
        resources = template["Resources"]
        resources["Definition"]["Properties"]["Family"] = "arena"
        for role in ("TaskRole", "ExecutionRole"):
            resources[role] = {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": role.removesuffix("Role").lower(), "Path": "/arena/"},
            }
        (run, passing) = statements(template)
        run["Resource"], passing["Resource"] = of_run, of_pass
        if may is None:
            assert_schedule_can_start_its_task(template)
            return
        with pytest.raises(AssertionError, match=f"Rule: its role may not {may}"):
            assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize("action", ["*", "ecs:*", "ECS:runtask"])
    def test_reads_actions_as_iam_does(self, action: str) -> None:
        template = task_template()
        (run, _) = statements(template)
        run["Action"] = action
        assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        "policies",
        [
            {"Policies": [{"PolicyName": "run", "PolicyDocument": "the document"}]},
            {"ManagedPolicyArns": [{"Ref": "Managed"}]},
            {
                "ManagedPolicyArns": [
                    "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceEventsRole"
                ]
            },
        ],
    )
    def test_reads_each_place_of_a_roles_policies(self, policies: dict[str, Any]) -> None:
        template = task_template()
        resources = template["Resources"]
        document = resources.pop("Policy")["Properties"]["PolicyDocument"]
        for policy in policies.get("Policies", ()):
            policy["PolicyDocument"] = document
        resources["EventsRole"] = {"Type": "AWS::IAM::Role", "Properties": policies}
        resources["Managed"] = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": document},
        }
        assert_schedule_can_start_its_task(template)

    def test_reads_a_policy_that_is_a_resource_of_a_role(self) -> None:
        template = task_template()
        policy = template["Resources"]["Policy"]
        policy["Type"] = "AWS::IAM::RolePolicy"
        policy["Properties"]["RoleName"] = policy["Properties"].pop("Roles")[0]
        assert_schedule_can_start_its_task(template)

    def test_names_a_managed_policy_that_is_not_shown(self) -> None:
        template = task_template()
        arn = "arn:aws:iam::111122223333:policy/run-tasks"
        template["Resources"].pop("Policy")
        template["Resources"]["EventsRole"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {"ManagedPolicyArns": [arn]},
        }
        with pytest.raises(AssertionError, match=f"that it does not show: {arn}"):
            assert_schedule_can_start_its_task(template)

    @pytest.mark.parametrize(
        ("index", "condition", "may"),
        [
            (0, {"ArnEquals": {"ecs:cluster": {"Fn::GetAtt": ["Cluster", "Arn"]}}}, True),
            (0, {"ArnEquals": {"ecs:cluster": {"Fn::GetAtt": ["Other", "Arn"]}}}, False),
            (1, {"StringLike": {"iam:PassedToService": "ecs-tasks.*"}}, True),
            (1, {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}}, False),
        ],
    )
    def test_reads_the_conditions_that_name_cluster_and_service(
        self, index: int, condition: dict[str, Any], *, may: bool
    ) -> None:
        template = task_template()
        statements(template)[index]["Condition"] = condition
        if may:
            assert_schedule_can_start_its_task(template)
            return
        with pytest.raises(AssertionError, match="Rule: its role may not"):
            assert_schedule_can_start_its_task(template)

    def test_fails_where_another_statement_denies(self) -> None:
        template = task_template()
        statements(template).append({"Effect": "Deny", "Action": "ecs:*", "Resource": "*"})
        with pytest.raises(AssertionError, match="Rule: its role may not ecs:RunTask"):
            assert_schedule_can_start_its_task(template)

    def test_fails_where_the_target_has_no_role(self) -> None:
        template = task_template()
        del target(template)["RoleArn"]
        with pytest.raises(AssertionError, match="Rule: its target has no RoleArn"):
            assert_schedule_can_start_its_task(template)

    def test_reads_targets_under_a_condition(self) -> None:
        template = task_template()
        properties = template["Resources"]["Rule"]["Properties"]
        del statements(template)[0]
        properties["Targets"] = {"Fn::If": ["IsOn", properties["Targets"], []]}
        with pytest.raises(AssertionError, match="Rule: its role may not ecs:RunTask"):
            assert_schedule_can_start_its_task(template)

    def test_reads_schedules(self) -> None:
        template = task_template()
        schedule = template["Resources"]["Rule"]
        schedule["Type"] = "AWS::Scheduler::Schedule"
        schedule["Properties"] = {"Target": schedule["Properties"]["Targets"][0]}
        assert_schedule_can_start_its_task(template)
        del statements(template)[0]
        with pytest.raises(AssertionError, match="Rule: its role may not ecs:RunTask"):
            assert_schedule_can_start_its_task(template)

    def test_finds_a_task_definition_by_its_family(self) -> None:
        template = task_template()
        family = "arn:aws:ecs:us-east-1:111122223333:task-definition/arena"
        template["Resources"]["Definition"]["Properties"]["Family"] = "arena"
        target(template)["EcsParameters"]["TaskDefinitionArn"] = family
        statements(template)[0]["Resource"] = family
        assert_schedule_can_start_its_task(template)
        statements(template)[1]["Resource"].pop()
        with pytest.raises(AssertionError, match="may not iam:PassRole"):
            assert_schedule_can_start_its_task(template)

    def test_leaves_out_roles_that_are_no_value(self) -> None:
        template = task_template()
        definition = template["Resources"]["Definition"]["Properties"]
        definition["TaskRoleArn"] = {"Ref": "AWS::NoValue"}
        statements(template)[1]["Resource"] = definition["ExecutionRoleArn"]
        assert_schedule_can_start_its_task(template)

    def test_fails_where_nothing_is_scheduled(self) -> None:
        with pytest.raises(AssertionError, match="no rule or schedule has an ECS target"):
            assert_schedule_can_start_its_task({"Resources": {}})


class TestCompleteSecretArns:
    @staticmethod
    def with_container(**keys: object) -> dict[str, Any]:  # untyped JSON
        template = task_template()
        definition = template["Resources"]["Definition"]["Properties"]
        definition["ContainerDefinitions"][0].update(keys)
        return template

    @pytest.mark.parametrize(
        "arn",
        [
            f"{ARN}:arena-AbCdEf",
            f"{ARN}:arena-AbCdEf:field::",
            {"Fn::Join": ["", [{"Ref": "Secret"}, ":field::"]]},
            {"Ref": "Secret"},
            "arn:aws:ssm:us-east-1:111122223333:parameter/arena",
        ],
    )
    def test_holds_for_complete_arns_and_references(self, arn: object) -> None:
        assert_complete_secret_arns(
            self.with_container(
                Secrets=[{"Name": "A", "ValueFrom": arn}],
                RepositoryCredentials={"CredentialsParameter": arn},
            )
        )

    @pytest.mark.parametrize(
        "arn",
        [
            f"{ARN}:arena",
            f"{ARN}:arena:field::",
            f"{ARN}:arena-AbCdE",
            {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x:secret:arena:field::"]]},
        ],
    )
    @pytest.mark.parametrize("place", ["Secrets", "RepositoryCredentials"])
    def test_fails_for_an_arn_without_its_end(self, arn: object, place: str) -> None:
        keys = {
            "Secrets": [{"Name": "A", "ValueFrom": arn}],
            "RepositoryCredentials": {"CredentialsParameter": arn},
        }
        with pytest.raises(AssertionError, match=r"Definition: container worker takes a secret"):
            assert_complete_secret_arns(self.with_container(**{place: keys[place]}))


class TestFiniteLogRetention:
    def test_holds_where_every_group_ends_its_entries(self) -> None:
        group = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 90}}
        assert_finite_log_retention({"Resources": {"Log": group}})

    def test_fails_where_one_keeps_them(self) -> None:
        with pytest.raises(AssertionError, match="Log has no RetentionInDays"):
            assert_finite_log_retention({"Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}}})


class TestSingleTarget:
    def test_holds_for_one_target_with_a_queue(self) -> None:
        assert_single_target(task_template())

    def test_fails_for_a_second_target(self) -> None:
        template = task_template()
        targets = template["Resources"]["Rule"]["Properties"]["Targets"]
        targets.append(deepcopy(targets[0]))
        with pytest.raises(AssertionError, match="Rule has 2 targets"):
            assert_single_target(template)

    def test_fails_without_a_queue(self) -> None:
        template = task_template()
        del template["Resources"]["Rule"]["Properties"]["Targets"][0]["DeadLetterConfig"]
        with pytest.raises(AssertionError, match="Rule drops the events"):
            assert_single_target(template)
