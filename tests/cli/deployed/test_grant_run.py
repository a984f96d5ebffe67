"""What somebody may do to whom `grant_run` was granted, and what not, on a deployed stack."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from botocore.exceptions import ClientError

from bixarena_constructs import ScheduledSnapshotTask
from bixarena_constructs.cli.deployed.outputs import outputs_by_task
from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "Shared"
REPOSITORY = "ghcr.io/example/worker"
TAG = "bixarena-constructs:task"
# Sleeps for the time that it is given, and ends its log as the worker does.
PROGRAM = (
    "import os, time; time.sleep(float(os.environ.get('NAP', '0'))); "
    'print(\'{"event": "run_finished"}\')'
)
MORNING = datetime(2026, 3, 6, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Shared:
    """A cluster with two tasks, and a person who operates one of them, Night."""

    aws: LocalAws
    outputs: dict[str, dict[str, str]]
    credentials: dict[str, str]

    @property
    def cluster(self) -> str:
        return self.outputs["Night"]["ClusterArn"]

    @property
    def operator(self) -> Any:  # one client for actions that the tests name by a string
        return boto3.client(
            "ecs",
            endpoint_url=self.aws.endpoint_url,
            region_name=self.aws.region,
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self.credentials["AWS_SESSION_TOKEN"],
        )

    @property
    def owner(self) -> Any:
        return self.aws.session.client("ecs")

    def request(self, task: str, *, nap: int = 60, **changes: Any) -> dict[str, Any]:
        """Return what the output `RunTaskCommand` asks of ECS."""
        words = shlex.split(self.outputs[task]["RunTaskCommand"])
        options = dict(zip(words[3::2], words[4::2], strict=True))
        network = options["--network-configuration"]
        tag = dict(pair.split("=", 1) for pair in options["--tags"].split(","))
        overrides = json.loads(options["--overrides"])
        overrides["containerOverrides"][0]["environment"] = [{"name": "NAP", "value": str(nap)}]
        return {
            "cluster": options["--cluster"],
            "taskDefinition": options["--task-definition"],
            "launchType": options["--launch-type"],
            "networkConfiguration": {
                "awsvpcConfiguration": {"subnets": network.split("[")[1].split("]")[0].split(",")}
            },
            "overrides": overrides,
            "tags": [tag],
            **changes,
        }

    def started(self, task: str, **changes: Any) -> str:
        """Start a run as the owner and return its ARN."""
        answer = self.owner.run_task(**self.request(task, **changes))
        return str(answer["tasks"][0]["taskArn"])

    def bixarena(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as the operator."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("bixarena")), *arguments, "--task", "Night"],
            env={**self.aws.environment(), "COLUMNS": "100", **self.credentials},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with LocalAws.start(images={REPOSITORY: [sys.executable, "-c", PROGRAM]}) as aws:
        client = aws.session.client
        client("ecs").create_cluster(clusterName="arena")
        client("ssm").put_parameter(
            Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
        )
        client("cloudformation").create_stack(StackName=STACK, TemplateBody=template_for(aws))
        (stack,) = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        (role,) = [
            each
            for each in client("iam").list_roles()["Roles"]
            if each["RoleName"].startswith(f"{STACK}-Operator")
        ]
        session = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="someone")
        found = session["Credentials"]
        yield Shared(
            aws,
            outputs_by_task(outputs),
            {
                "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
                "AWS_SESSION_TOKEN": found["SessionToken"],
            },
        )


def template_for(aws: LocalAws) -> str:
    env = Environment(account=aws.account, region=aws.region)
    stack = Stack(App(), STACK, env=env)
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1", mutable=False)
    operator = iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())
    for name in ("Night", "Day"):
        task = ScheduledSnapshotTask(
            stack, name, cluster=cluster, image=f"{REPOSITORY}:1.4.0", security_groups=[group]
        )
        if name == "Night":
            task.grant_run(operator)
    return json.dumps(Template.from_stack(stack).to_json())


def refused(call: Any, action: str, **request: Any) -> None:
    with pytest.raises(ClientError, match=f"not authorized to perform: {action}") as refusal:
        call(**request)
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"


def stop(shared: Shared, arn: str) -> None:
    shared.owner.stop_task(cluster=shared.cluster, task=arn)
    shared.aws.wait_for_task(shared.cluster, arn)


class TestAllows:
    def test_running_the_task_with_the_command_of_the_outputs(self, shared: Shared) -> None:
        (task,) = shared.operator.run_task(**shared.request("Night"))["tasks"]
        arn = task["taskArn"]
        (seen,) = shared.operator.describe_tasks(cluster=shared.cluster, tasks=[arn])["tasks"]
        assert seen["taskArn"] == arn
        assert arn in shared.operator.list_tasks(cluster=shared.cluster)["taskArns"]
        shared.operator.stop_task(cluster=shared.cluster, task=arn)
        stopped = shared.aws.wait_for_task(shared.cluster, arn)
        assert stopped["stopCode"] == "UserInitiated"

    def test_seeing_and_stopping_what_the_schedule_started(self, shared: Shared) -> None:
        rule = shared.outputs["Night"]["RuleName"]
        (arn,) = shared.aws.fire(rule, scheduled_at=MORNING)
        request = {"cluster": shared.cluster, "task": arn}
        (seen,) = shared.operator.describe_tasks(
            cluster=shared.cluster, tasks=[arn], include=["TAGS"]
        )["tasks"]
        assert [tag["key"] for tag in seen["tags"]] == [TAG]
        shared.operator.stop_task(**request)
        shared.aws.wait_for_task(shared.cluster, arn)

    def test_bixarena_run_and_its_logs(self, shared: Shared) -> None:
        ran = shared.bixarena("run", STACK)
        assert ran.returncode == 0, ran.stderr
        assert "run finished" in ran.stdout
        shown = shared.bixarena("logs", STACK)
        assert shown.returncode == 0, shown.stderr
        assert "run finished" in shown.stdout


class TestRefuses:
    def test_another_task_of_the_cluster(self, shared: Shared) -> None:
        operator = shared.operator
        arn = shared.started("Day")
        refused(operator.describe_tasks, "ecs:DescribeTasks", cluster=shared.cluster, tasks=[arn])
        refused(operator.stop_task, "ecs:StopTask", cluster=shared.cluster, task=arn)
        refused(operator.run_task, "ecs:RunTask", **shared.request("Day"))
        stop(shared, arn)

    def test_another_task_beside_one_that_is_allowed(self, shared: Shared) -> None:
        arns = [shared.started(task) for task in ("Night", "Day")]
        refused(
            shared.operator.describe_tasks,
            "ecs:DescribeTasks",
            cluster=shared.cluster,
            tasks=arns,
        )
        for arn in arns:
            stop(shared, arn)

    def test_making_another_task_ones_own_by_a_tag(self, shared: Shared) -> None:
        arn = shared.started("Day")
        mine = shared.request("Night")["tags"]
        tag = shared.operator.tag_resource
        refused(tag, "ecs:TagResource", resourceArn=arn, tags=mine)
        refused(tag, "ecs:TagResource", resourceArn=shared.cluster, tags=mine)
        refused(
            shared.operator.untag_resource, "ecs:UntagResource", resourceArn=arn, tagKeys=[TAG]
        )
        stop(shared, arn)

    def test_changing_the_tag_of_a_run_of_ones_own(self, shared: Shared) -> None:
        arn = shared.started("Night")
        refused(shared.operator.tag_resource, "ecs:TagResource", resourceArn=arn, tags=[])
        stop(shared, arn)

    def test_a_run_that_was_started_without_the_tag(self, shared: Shared) -> None:
        arn = shared.started("Night", tags=[])
        operator = shared.operator
        refused(operator.describe_tasks, "ecs:DescribeTasks", cluster=shared.cluster, tasks=[arn])
        refused(operator.stop_task, "ecs:StopTask", cluster=shared.cluster, task=arn)
        stop(shared, arn)

    @pytest.mark.parametrize("role", ["taskRoleArn", "executionRoleArn"])
    def test_running_the_task_by_a_role_of_another(self, shared: Shared, role: str) -> None:
        other = shared.owner.describe_task_definition(
            taskDefinition=shared.outputs["Day"]["TaskDefinitionArn"]
        )["taskDefinition"][role]
        request = shared.request("Night")
        request["overrides"][role] = other
        refused(shared.operator.run_task, "iam:PassRole", **request)

    @pytest.mark.parametrize(
        ("call", "request_"),
        [
            ("list_services", {"cluster": "arena"}),
            ("describe_clusters", {"clusters": ["arena"]}),
            ("update_service", {"cluster": "arena", "service": "web", "desiredCount": 0}),
            ("delete_cluster", {"cluster": "arena"}),
        ],
    )
    def test_all_else_of_the_cluster(
        self, shared: Shared, call: str, request_: dict[str, Any]
    ) -> None:
        refused(getattr(shared.operator, call), "ecs:", **request_)

    def test_tasks_of_another_cluster(self, shared: Shared) -> None:
        shared.owner.create_cluster(clusterName="elsewhere")
        refused(shared.operator.list_tasks, "ecs:ListTasks", cluster="elsewhere")
        request = shared.request("Night", cluster="elsewhere")
        refused(shared.operator.run_task, "ecs:RunTask", **request)


class TestCommandLine:
    def test_shows_the_other_runs_beside_one_without_the_tag(self, shared: Shared) -> None:
        tagged, _ = arns = shared.started("Night", nap=0), shared.started("Night", nap=0, tags=[])
        for arn in arns:
            shared.aws.wait_for_task(shared.cluster, arn)
        status = json.loads(shared.bixarena("status", STACK, "--format", "json").stdout)
        assert "runs" not in status["unknown"]
        exit_codes = {run["id"]: run["exit_code"] for run in status["runs"]}
        assert exit_codes[tagged.rpartition("/")[2]] == 0

    def test_prints_the_log_of_a_run_that_ecs_has_forgotten(self, shared: Shared) -> None:
        arn = shared.started("Night", nap=0, tags=[])
        shared.aws.wait_for_task(shared.cluster, arn)
        shown = shared.bixarena("logs", STACK, "--run", arn, "--follow")
        assert shown.returncode == 0, shown.stderr
        assert "run finished" in shown.stdout

    def test_knows_no_run_that_never_was(self, shared: Shared) -> None:
        shown = shared.bixarena("logs", STACK, "--run", "0" * 32)
        assert shown.returncode == 66
        assert "no run 000" in shown.stderr
