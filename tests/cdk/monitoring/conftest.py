"""A monitored task, and the local AWS that judges its patterns."""

from __future__ import annotations

import json
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template
from jsonata import Jsonata

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, postgres_secrets
from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Define = Callable[..., "Monitored"]

_PSEUDO_PARAMETERS = {"AWS::Partition": "aws"}
_WORKER = "ghcr.io/sage-bionetworks/bixarena-constructs-worker"

# `Any`: CloudFormation's JSON.
Json = dict[str, Any]


class Monitored:
    """A stack with one monitored task, and its template."""

    def __init__(self, stack: Stack, task: ScheduledSnapshotTask) -> None:
        self.stack = stack
        self.task = task

    @cached_property
    def template(self) -> Template:
        """Made when it is first asked for: from then on nothing may be added to the stack."""
        return Template.from_stack(self.stack)

    def resources(self, resource_type: str, *, below: str = "") -> dict[str, Json]:
        """Properties of the resources of a type, by logical id without its hash."""
        return {
            logical_id[:-8]: resource["Properties"]
            for logical_id, resource in self.template.find_resources(resource_type).items()
            if below in logical_id
        }

    def one(self, resource_type: str, *, below: str = "") -> Json:
        (properties,) = self.resources(resource_type, below=below).values()
        return properties

    def deployed(self, value: Any) -> Any:
        """Fill in what CloudFormation would: pseudo parameters, joins, and ids for references."""
        match value:
            case list():
                return [self.deployed(item) for item in value]
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self.deployed(part) for part in parts)
            case {"Ref": name}:
                return _PSEUDO_PARAMETERS.get(name, name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}.{attribute}"
            case dict():
                return {key: self.deployed(item) for key, item in value.items()}
        return value


@pytest.fixture(scope="session")
def define() -> Define:
    """Defines a task with monitoring; takes any prop of it, and a secret's ARN for PostgreSQL."""

    def monitored(
        *,
        vpc_id: str = "vpc-0123456789abcdef0",
        subnet_id: str = "subnet-0123456789abcdef0",
        cluster_name: str = "arena",
        database_secret_arn: str | None = None,
        monitoring: SnapshotMonitoring | None = None,
        **props: Any,
    ) -> Monitored:
        environment = Environment(account="000000000000", region="us-east-1")
        stack = Stack(App(), "Arena", env=environment)
        vpc = ec2.Vpc.from_vpc_attributes(
            stack,
            "Vpc",
            vpc_id=vpc_id,
            availability_zones=["us-east-1a"],
            private_subnet_ids=[subnet_id],
        )
        cluster = ecs.Cluster.from_cluster_attributes(
            stack, "Cluster", cluster_name=cluster_name, vpc=vpc
        )
        if database_secret_arn is not None:
            credentials = secretsmanager.Secret.from_secret_complete_arn(
                stack, "Credentials", database_secret_arn
            )
            props["secrets"] = postgres_secrets(credentials)
        task = ScheduledSnapshotTask(
            stack,
            "Snapshot",
            cluster=cluster,
            monitoring=monitoring or SnapshotMonitoring(),
            image=f"{_WORKER}:1.4.0",
            **props,
        )
        return Monitored(stack, task)

    return monitored


@pytest.fixture(scope="session")
def evaluate() -> Callable[[str, Json], Any]:
    """Evaluates an expression of a state machine as Step Functions does."""

    def evaluated(text: str, states: Json) -> Any:
        code = text.removeprefix("{%").removesuffix("%}").strip()
        expression = Jsonata.jsonata(code)
        # Step Functions has it in place of `$eval`.
        expression.register_lambda("parse", json.loads)
        return expression.evaluate(None, {"states": states})

    return evaluated


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """One local AWS for a module; the worker's image is the worker of this checkout."""
    worker = [sys.executable, "-m", "bixarena_constructs.worker"]
    with LocalAws.start(images={_WORKER: worker}) as running:
        yield running


@pytest.fixture
def matches(aws: LocalAws) -> Callable[[Json, Json], bool]:
    """Asks EventBridge whether a pattern matches an event."""

    def ask(pattern: Json, event: Json) -> bool:
        answer = aws.session.client("events").test_event_pattern(
            EventPattern=json.dumps(pattern), Event=json.dumps(event)
        )
        return bool(answer["Result"])

    return ask
