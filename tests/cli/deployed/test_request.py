"""The request for a task without a rule, from the command line that its stack shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_cdk import Stack

from bixarena_constructs.cdk.task_launch import TaskLaunch
from bixarena_constructs.cli.deployed.request import override_of, request_for, set_variables
from bixarena_constructs.cli.deployed.stack import DeployedTask
from bixarena_constructs.cli.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

MORNING = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)
SCHEDULED = {"name": "SCHEDULED_AT", "value": "2026-03-06T09:30:00Z"}
CLUSTER = "arn:aws:ecs:eu-central-1:111122223333:cluster/arena"
DEFINITION = "arn:aws:ecs:eu-central-1:111122223333:task-definition/Local:7"
REGION = "eu-central-1"


def task_with(command: str) -> DeployedTask:
    return DeployedTask(
        stack="Arena",
        name="Local",
        arguments="Arena",
        outputs={"ContainerName": "bixarena-worker", "RunTaskCommand": command},
        session=boto3.Session(region_name=REGION),
    )


def command_of(launch: TaskLaunch) -> str:
    return str(Stack().resolve(launch.command))


def launch(**fields: Any) -> TaskLaunch:
    return TaskLaunch(
        **{
            "region": REGION,
            "cluster_arn": CLUSTER,
            "task_definition_arn": DEFINITION,
            "container_name": "bixarena-worker",
            "subnet_ids": ["subnet-1", "subnet-2"],
            "security_group_ids": ["sg-1"],
            "assign_public_ip": False,
            **fields,
        }
    )


# `Any`: requests of AWS's APIs.
def as_run_task_names_it(arguments: Any) -> Any:
    """Rename the keys of a state machine's RunTask to those of the API."""
    if isinstance(arguments, list):
        return [as_run_task_names_it(each) for each in arguments]
    if not isinstance(arguments, dict):
        return arguments
    return {
        name.replace("EnableECS", "enableECS")
        if name.startswith("EnableECS")
        else name[0].lower() + name[1:]: as_run_task_names_it(value)
        for name, value in arguments.items()
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"security_group_ids": []},
        {"subnet_ids": ["subnet-1"], "assign_public_ip": True},
        {"security_group_ids": ["sg-1", "sg-2"], "platform_version": "1.4.0"},
        {"enable_ecs_managed_tags": True},
        {"enable_execute_command": True, "propagate_tags": "TASK_DEFINITION"},
        {"tags": {"team": "arena"}},
        {"tags": {"cost centre": "a=b c", "owner:mail": "a@b.example", "empty": ""}},
    ],
    ids=str,
)
def test_starts_a_task_without_a_rule_as_a_state_machine_does(fields: Mapping[str, Any]) -> None:
    started = launch(**fields)
    request = request_for(task_with(command_of(started)), MORNING)
    override = {"name": "bixarena-worker", "environment": [SCHEDULED]}
    assert request.pop("overrides") == {"containerOverrides": [override]}
    # A key that stands for nothing is left out before ECS is asked.
    assert {name: value for name, value in request.items() if value != []} == (
        as_run_task_names_it(started.run_task_arguments())
    )


@pytest.mark.parametrize(
    ("shown", "instead", "reason"),
    [
        ("aws", "", "options --cluster, --network-configuration, --overrides, --task-definition"),
        (" --overrides", " --region", "options --overrides are missing"),
        (" --overrides", " --count 2 --overrides", "unknown options --count"),
        (" --overrides", " --tags Key=team --overrides", "unknown form 'Key=team'"),
        (" --overrides", " --tags 'key=a,value=it's' --overrides", "No closing quotation"),
        ("subnets=[", "subnets=[[", "unknown form"),
        ('"containerOverrides"', "containerOverrides", "Expecting"),
        (" --cluster", " -- --cluster", "unknown options --"),
    ],
)
def test_does_not_guess_what_another_command_means(shown: str, instead: str, reason: str) -> None:
    command = command_of(launch()).replace(shown, instead) if instead else shown
    with pytest.raises(NotFoundError, match="RunTaskCommand of task Local cannot be read") as info:
        request_for(task_with(command), MORNING)
    assert reason in str(info.value)


def test_a_variable_replaces_the_deployed_one_of_its_name_and_no_other() -> None:
    overrides = {
        "containerOverrides": [
            {"name": "sidecar", "environment": [{"name": "SEED", "value": "1"}]},
            {"name": "worker", "environment": [SCHEDULED, {"name": "SEED", "value": "1"}]},
        ]
    }
    set_variables(override_of(overrides, "worker"), {"SEED": "2"})
    sidecar, worker = overrides["containerOverrides"]
    assert sidecar["environment"] == [{"name": "SEED", "value": "1"}]
    assert worker["environment"] == [SCHEDULED, {"name": "SEED", "value": "2"}]
