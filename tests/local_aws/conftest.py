"""A stack with one scheduled task, to deploy, change and run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_ecs.type_defs import TaskTypeDef

SECRET = {"username": "worker", "password": "open sesame"}
_SCHEDULED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_names = (f"stack-{number}" for number in count())

# `Any`: CloudFormation's JSON.
Template = dict[str, Any]


@dataclass
class Deployed:
    """A stack of the template below."""

    aws: LocalAws
    name: str
    outputs: dict[str, str]

    @property
    def cluster(self) -> str:
        return self.outputs["Cluster"]

    def fire(self) -> list[str]:
        return self.aws.fire(self.outputs["RuleName"], scheduled_at=_SCHEDULED_AT)

    def run(self) -> TaskTypeDef:
        [task_arn] = self.fire()
        return self.aws.wait_for_task(self.cluster, task_arn)

    def lines(self) -> list[str]:
        logs = self.aws.session.client("logs")
        events = logs.filter_log_events(logGroupName=self.outputs["LogGroupName"])["events"]
        return [event["message"] for event in events]

    def messages(self, queue: str, *, number: int, wait_seconds: int = 5) -> list[dict[str, Any]]:
        """Return ``number`` messages of a queue, named by its output; fewer if no more come."""
        sqs = self.aws.session.client("sqs")
        found: list[dict[str, Any]] = []
        while len(found) < number:
            answer = sqs.receive_message(
                QueueUrl=self.outputs[queue],
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                WaitTimeSeconds=wait_seconds,
            )
            more = answer.get("Messages", [])
            if not more:
                break
            found.extend(dict(message) for message in more)
        return found

    def update(self, template: Template) -> None:
        cloudformation = self.aws.session.client("cloudformation")
        cloudformation.update_stack(StackName=self.name, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_update_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


def _role(service: str, **statements: Any) -> Template:
    allow = [{"Effect": "Allow", **each} for each in statements.values()]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {
                    "PolicyName": "All",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": allow},
                }
            ],
        },
    }


def _queue_policy(queue: str, service: str) -> Template:
    """Return a policy by which a service may send to a queue of the template."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
    }
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [{"Ref": queue}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }


def _task_definition() -> Template:
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": {"Fn::Sub": "${AWS::StackName}-family"},
            "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "Cpu": "256",
            "Memory": "512",
            "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
            "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
            "ContainerDefinitions": [
                {
                    "Name": "worker",
                    "Image": "ghcr.io/example/worker:1.0.0",
                    "Environment": [{"Name": "GREETING", "Value": 42}],
                    "Secrets": [
                        {
                            "Name": "PASSWORD",
                            "ValueFrom": {"Fn::Sub": "${Secret}:password::"},
                        }
                    ],
                    "StopTimeout": 1,
                    "LogConfiguration": {
                        "LogDriver": "awslogs",
                        "Options": {
                            "awslogs-group": {"Ref": "Logs"},
                            "awslogs-region": "us-east-1",
                            "awslogs-stream-prefix": "snapshot",
                        },
                    },
                }
            ],
        },
    }


def _rule() -> Template:
    override = '{"containerOverrides": [{"name": "worker", "environment": [%s]}]}'
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "cron(0 10 * * ? *)",
            "Targets": [
                {
                    "Id": "Task",
                    "Arn": {"Fn::GetAtt": ["Cluster", "Arn"]},
                    "RoleArn": {"Fn::GetAtt": ["EventsRole", "Arn"]},
                    "EcsParameters": {
                        "TaskDefinitionArn": {"Ref": "TaskDefinition"},
                        "LaunchType": "FARGATE",
                        "NetworkConfiguration": {
                            "AwsVpcConfiguration": {"Subnets": ["subnet-0123456789abcdef0"]}
                        },
                    },
                    "InputTransformer": {
                        "InputPathsMap": {"time": "$.time"},
                        "InputTemplate": override % '{"name": "SCHEDULED_AT", "value": <time>}',
                    },
                    "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}},
                    "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
                }
            ],
        },
    }


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS for each module of tests."""
    images = {
        # Runs any command.
        "ghcr.io/example/worker": ["env"],
        "ghcr.io/example/speaker": ["python", "-c", "import sys; print('spoken', *sys.argv[1:])"],
    }
    with LocalAws.start(images=images) as running:
        yield running


@pytest.fixture
def template() -> Template:
    """A scheduled task that works, for a test to change as it likes."""
    execution_role = _role(
        "ecs-tasks.amazonaws.com",
        secret={"Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "Secret"}},
        logs={
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": ["Logs", "Arn"]},
        },
    )
    events_role = _role(
        "events.amazonaws.com",
        run={
            "Action": "ecs:RunTask",
            "Resource": {"Ref": "TaskDefinition"},
            "Condition": {"ArnEquals": {"ecs:cluster": {"Fn::GetAtt": ["Cluster", "Arn"]}}},
        },
        pass_on={"Action": "iam:PassRole", "Resource": {"Fn::GetAtt": ["ExecutionRole", "Arn"]}},
    )
    return {
        "Resources": {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"SecretString": json.dumps(SECRET)},
            },
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
            "ExecutionRole": execution_role,
            "EventsRole": events_role,
            "TaskDefinition": _task_definition(),
            "Rule": _rule(),
            "DeadLetters": {"Type": "AWS::SQS::Queue"},
            "DeadLettersPolicy": _queue_policy("DeadLetters", "events.amazonaws.com"),
        },
        "Outputs": {
            "Cluster": {"Value": {"Ref": "Cluster"}},
            "DeadLetters": {"Value": {"Ref": "DeadLetters"}},
            "LogGroupName": {"Value": {"Ref": "Logs"}},
            "RuleName": {"Value": {"Ref": "Rule"}},
            "Secret": {"Value": {"Ref": "Secret"}},
            "TaskDefinition": {"Value": {"Ref": "TaskDefinition"}},
        },
    }


@pytest.fixture
def container(template: Template) -> Template:
    """The properties of the template's one container."""
    definition: Template = template["Resources"]["TaskDefinition"]["Properties"]
    found: Template = definition["ContainerDefinitions"][0]
    return found


@pytest.fixture
def deploy(aws: LocalAws) -> Iterator[Callable[[Template], Deployed]]:
    """Deploys templates, and deletes their stacks with the test."""
    cloudformation = aws.session.client("cloudformation")
    deployed: list[str] = []

    def create(template: Template) -> Deployed:
        name = next(_names)
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        deployed.append(name)
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        return Deployed(aws, name, outputs)

    yield create
    for name in deployed:
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
