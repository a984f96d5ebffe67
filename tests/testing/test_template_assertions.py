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
                            "RoleArn": events,
                            "EcsParameters": {"TaskDefinitionArn": definition},
                            "DeadLetterConfig": {"Arn": "arn"},
                        }
                    ]
                },
            },
        }
    }


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

    def test_fails_where_nothing_is_scheduled(self) -> None:
        with pytest.raises(AssertionError, match="no rule has an ECS target"):
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
