"""The history of runs, since ECS forgets a stopped task after about an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from bixarena_constructs.cdk.monitoring.event_rule import define_event_rule
from bixarena_constructs.cdk.permissions import arns_like
from bixarena_constructs.cdk.tokens import read, stack_of

if TYPE_CHECKING:
    from bixarena_constructs.cdk.run_events import RunEvents

__all__ = ["RunHistory"]

_POLICY_ID: Final = "BixarenaHistoryPolicy"


class RunHistory(Construct):
    """Keeps every state change of the task's runs, failed starts among them, as JSON.

    Attributes:
        log_group: Where they are kept, an event a line.
    """

    log_group: logs.LogGroup

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        runs: RunEvents,
        retention: logs.RetentionDays | None,
    ) -> None:
        """Define the log group and the rule that writes to it.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            name: Name of the task.
            runs: The events of its runs.
            retention: How long a state change is kept. Default: three months.
        """
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(
            self,
            "LogGroup",
            retention=retention or logs.RetentionDays.THREE_MONTHS,
            # Task ARNs and reasons of a stack that is gone; the worker's own log stays.
            removal_policy=RemovalPolicy.DESTROY,
        )
        stack = stack_of(scope)
        define_event_rule(
            self,
            "Rule",
            description=f"Keeps the state changes of the runs of {name}",
            pattern=runs.state_changes(),
            # The group's own ARN ends in ":*", which EventBridge refuses.
            target_arn=arns_like(stack, "logs:log-group:", read(self.log_group, "log_group_name")),
        )
        _let_write(stack)


def _let_write(stack: Stack) -> None:
    """Let the account's rules write to the histories of a stack, all of which share one policy.

    An account has ten such policies a region, of 5,120 characters each: less than nine tasks need
    if each names its own rule and log group.
    """
    if read(stack, "node").try_find_child(_POLICY_ID) is not None:
        return
    # As EventBridge's guide has them: the first action takes no condition on the source.
    common = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        # CloudFormation begins the names of log groups so.
        "Resource": arns_like(stack, "logs:log-group:", f"{read(stack, 'stack_name')}-*"),
    }
    rules = {"ArnLike": {"aws:SourceArn": arns_like(stack, "events:rule/", "*")}}
    statements = [
        {**common, "Action": "logs:CreateLogStream"},
        {**common, "Action": "logs:PutLogEvents", "Condition": rules},
    ]
    logs.ResourcePolicy(
        stack,
        _POLICY_ID,
        policy_statements=[iam.PolicyStatement.from_json(each) for each in statements],
    )
