"""What ECS lets a role do: one that somebody assumed, and a state machine's."""

from __future__ import annotations

import json
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_aws.conftest import Deployed, Template

    from local_aws import LocalAws

    Deploy = Callable[[Template], Deployed]

TEAM = [{"key": "team", "value": "arena"}]
_names = (f"role-{number}" for number in count())


# `Any`: statements of IAM, and requests of ECS.
Statement = dict[str, Any]


@pytest.fixture
def stack(deploy: Deploy, template: Template) -> Deployed:
    return deploy(template)


@pytest.fixture
def role(aws: LocalAws) -> Callable[..., str]:
    """Makes a role that may pass on the execution role, and what else it is given."""

    def make(*statements: Statement) -> str:
        iam = aws.session.client("iam")
        name = next(_names)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"][
            "Arn"
        ]
        passed = {"Action": "iam:PassRole", "Resource": "*"}
        allowed = [{"Effect": "Allow", **each} for each in (passed, *statements)]
        iam.put_role_policy(RoleName=name, PolicyName="All", PolicyDocument=document(*allowed))
        return str(arn)

    return make


@pytest.fixture
def ecs_as(aws: LocalAws) -> Callable[[str], Any]:
    """Makes a client of ECS with a role's credentials."""

    def make(role_arn: str) -> Any:
        session = aws.session.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="me")
        found = session["Credentials"]
        return boto3.client(
            "ecs",
            endpoint_url=aws.endpoint_url,
            region_name=aws.region,
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found["SessionToken"],
        )

    return make


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def request(stack: Deployed, **changes: Any) -> dict[str, Any]:
    return {
        "cluster": stack.cluster,
        "taskDefinition": stack.outputs["TaskDefinition"],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        **changes,
    }


def refused(action: str) -> Any:
    return pytest.raises(ClientError, match=f"AccessDenied.* perform: {action} on resource")


RUN = {"Action": "ecs:RunTask", "Resource": "*"}


def test_asks_for_the_right_to_tag_of_who_tags(
    role: Callable[..., str], ecs_as: Callable[[str], Any], stack: Deployed
) -> None:
    runner = ecs_as(role(RUN))
    runner.run_task(**request(stack))
    with refused("ecs:TagResource"):
        runner.run_task(**request(stack, tags=TEAM))


def test_knows_by_which_call_a_tag_is_given(
    role: Callable[..., str], ecs_as: Callable[[str], Any], stack: Deployed
) -> None:
    on_run = {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    tag = {"Action": "ecs:TagResource", "Resource": "*", "Condition": on_run}
    runner = ecs_as(role(RUN, tag))
    (task,) = runner.run_task(**request(stack, tags=TEAM))["tasks"]
    with refused("ecs:TagResource"):
        runner.tag_resource(resourceArn=task["taskArn"], tags=TEAM)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:RequestTag/team": "arena"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
    ],
)
def test_knows_the_tags_that_a_call_gives(
    role: Callable[..., str],
    ecs_as: Callable[[str], Any],
    stack: Deployed,
    condition: Statement,
) -> None:
    tag = {"Action": "ecs:TagResource", "Resource": "*"}
    runner = ecs_as(role({**RUN, "Condition": condition}, tag))
    runner.run_task(**request(stack, tags=TEAM))
    with refused("ecs:RunTask"):
        runner.run_task(**request(stack, tags=[{"key": "other", "value": "arena"}]))


def test_knows_the_tags_of_a_task(
    role: Callable[..., str], ecs_as: Callable[[str], Any], stack: Deployed, aws: LocalAws
) -> None:
    runs = [aws.session.client("ecs").run_task(**request(stack, tags=tags)) for tags in (TEAM, [])]
    mine, other = (run["tasks"][0]["taskArn"] for run in runs)
    condition = {"StringEquals": {"aws:ResourceTag/team": "arena"}}
    actions = ["ecs:DescribeTasks", "ecs:StopTask"]
    client = ecs_as(role({"Action": actions, "Resource": "*", "Condition": condition}))
    client.describe_tasks(cluster=stack.cluster, tasks=[mine])
    client.stop_task(cluster=stack.cluster, task=mine)
    with refused("ecs:DescribeTasks"):
        client.describe_tasks(cluster=stack.cluster, tasks=[mine, other])
    with refused("ecs:StopTask"):
        client.stop_task(cluster=stack.cluster, task=other)


def test_refuses_what_no_policy_speaks_of(
    role: Callable[..., str], ecs_as: Callable[[str], Any], stack: Deployed
) -> None:
    client = ecs_as(role())
    with refused("ecs:DeleteCluster"):
        client.delete_cluster(cluster=stack.cluster)
    with refused("ecs:ListTasks"):
        client.list_tasks(cluster=stack.cluster)


@pytest.mark.parametrize("may_tag", [True, False])
def test_lets_a_state_machine_do_what_its_role_may(
    role: Callable[..., str], aws: LocalAws, stack: Deployed, *, may_tag: bool
) -> None:
    tag = {"Action": "ecs:TagResource" if may_tag else "ecs:ListTasks", "Resource": "*"}
    run = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:ecs:runTask",
        "Parameters": {
            "Cluster": stack.cluster,
            "TaskDefinition": stack.outputs["TaskDefinition"],
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
            "Tags": [{"Key": "team", "Value": "arena"}],
        },
        "End": True,
    }
    client = aws.session.client("stepfunctions")
    machine = client.create_state_machine(
        name=next(_names),
        definition=json.dumps({"StartAt": "Run", "States": {"Run": run}}),
        roleArn=role(RUN, tag),
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]
    deadline = time.monotonic() + 30
    while (ended := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.1)
    if may_tag:
        assert ended["status"] == "SUCCEEDED", ended
        (task,) = json.loads(ended["output"])["Tasks"]
        assert task["Tags"] == [{"Key": "team", "Value": "arena"}]
    else:
        assert ended["status"] == "FAILED"
        assert "not authorized to perform: ecs:TagResource" in ended["cause"]
