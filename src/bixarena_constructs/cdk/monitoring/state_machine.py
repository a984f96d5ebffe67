"""The state machine of a task's monitoring: it does what has to wait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from bixarena_constructs.cdk.tokens import stack_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bixarena_constructs.deployment import Metric

__all__ = ["MachinePart", "RunMachine", "State", "Statement", "call", "put_metric"]

# `Any`: a state of the Amazon States Language, a policy statement.
State: TypeAlias = dict[str, Any]
Statement: TypeAlias = dict[str, Any]

_RETRY: Final = [
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 30, "MaxAttempts": 3, "BackoffRate": 2}
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePart:
    """What the machine does for one kind of input.

    Attributes:
        condition: JSONata expression that is true for that input.
        states: Its states by name; the first is the one to start at.
        statements: What the machine's role may do for it, as JSON.
    """

    condition: str
    states: Mapping[str, State]
    statements: Sequence[Statement]


def call(service: str, action: str, arguments: Mapping[str, object], **fields: object) -> State:
    """Return a state that calls an API of AWS, and tries again after any error.

    Args:
        service: The service as the AWS SDK for Java names it.
        action: The action in camel case.
        arguments: Its arguments in Pascal case.
        fields: What else the state has, such as ``Next``.
    """
    return {
        "Type": "Task",
        "Resource": f"arn:{_partition()}:states:::aws-sdk:{service}:{action}",
        "Arguments": arguments,
        "Retry": _RETRY,
        **fields,
    }


@cache
def _partition() -> str:
    return Aws.PARTITION


def put_metric(namespace: str, metric: Metric, value: int, **fields: object) -> State:
    """Return a state that writes a data point.

    Args:
        namespace: Namespace of the metric.
        metric: The metric.
        value: Its value.
        fields: What else the state has, such as ``Next``.
    """
    data = [{"MetricName": metric, "Value": value}]
    arguments = {"Namespace": namespace, "MetricData": data}
    return call("cloudwatch", "putMetricData", arguments, **fields)


class RunMachine(Construct):
    """Does the parts of the monitoring that wait: no code of ours runs in it.

    Attributes:
        arn: ARN of the state machine.
        role_name: Name of its own role.
        start_role_arn: Role that rules and schedules start it with.
    """

    arn: str
    role_name: str
    start_role_arn: str

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, parts: Sequence[MachinePart]
    ) -> None:
        """Define the state machine, its role, and the role to start it.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            name: Name of the task.
            parts: What it does; an input that none of them takes fails the execution.
        """
        super().__init__(scope, construct_id)
        role = iam.CfnRole(
            self,
            "Role",
            assume_role_policy_document=_trust("states.amazonaws.com"),
            policies=_policies(_without_repeats(parts)),
        )
        self.role_name = role.ref
        machine = sfn.CfnStateMachine(
            self,
            "StateMachine",
            role_arn=role.attr_arn,
            definition_string=stack_of(scope).to_json_string(_definition(name, parts)),
        )
        self.arn = machine.ref
        start = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": self.arn}
        starters = ("events.amazonaws.com", "scheduler.amazonaws.com")
        self.start_role_arn = iam.CfnRole(
            self,
            "StartRole",
            assume_role_policy_document=_trust(*starters),
            policies=_policies([start]),
        ).attr_arn


def _without_repeats(parts: Sequence[MachinePart]) -> list[Statement]:
    statements: list[Statement] = []
    for part in parts:
        statements += [each for each in part.statements if each not in statements]
    return statements


def _policies(statements: Sequence[Statement]) -> list[iam.CfnRole.PolicyProperty]:
    """Return the policies of a role, which then take no resource of their own.

    Args:
        statements: What the role may do.
    """
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return [iam.CfnRole.PolicyProperty(policy_name="Default", policy_document=document)]


def _trust(*services: str) -> dict[str, object]:
    principal = {"Service": list(services)}
    assume = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [assume]}


def _definition(name: str, parts: Sequence[MachinePart]) -> dict[str, object]:
    states: dict[str, State] = {
        "WhatHappened": {
            "Type": "Choice",
            "Choices": [
                {"Condition": f"{{% {part.condition} %}}", "Next": next(iter(part.states))}
                for part in parts
            ],
        }
    }
    for part in parts:
        states.update(part.states)
    return {
        "Comment": f"Watches {name}",
        "QueryLanguage": "JSONata",
        "StartAt": "WhatHappened",
        "States": states,
    }
