"""Targets of rules, without the Lambda functions and wide policies of the CDK's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events

if TYPE_CHECKING:
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_sns as sns
    from aws_cdk.interfaces.aws_events import IRuleRef

__all__ = ["LogGroupTarget", "TopicTarget"]


@jsii.implements(events.IRuleTarget)
class TopicTarget:
    """A topic; its policy is written once for all rules and alarms, see ``alert_topic``."""

    def __init__(self, topic: sns.ITopic, *, message: events.RuleTargetInput) -> None:
        """Take the target.

        Args:
            topic: The topic.
            message: The text that is published.
        """
        self._topic = topic
        self._message = message

    def bind(
        self,
        rule: IRuleRef,  # noqa: ARG002 - the interface's
        id: str | None = None,  # noqa: A002, ARG002 - the interface's
    ) -> events.RuleTargetConfig:
        """Return the target as the rule writes it."""
        return events.RuleTargetConfig(arn=self._topic.topic_arn, input=self._message)


@jsii.implements(events.IRuleTarget)
class LogGroupTarget:
    """A log group; the CDK's own target writes the group's policy by a Lambda function."""

    def __init__(self, log_group: logs.ILogGroup) -> None:
        """Take the target.

        Args:
            log_group: The log group.
        """
        self._log_group = log_group

    def bind(
        self,
        rule: IRuleRef,  # noqa: ARG002 - the interface's
        id: str | None = None,  # noqa: A002, ARG002 - the interface's
    ) -> events.RuleTargetConfig:
        """Return the target as the rule writes it."""
        # The group's own ARN ends in ":*", which EventBridge refuses.
        arn = Stack.of(self._log_group).format_arn(
            service="logs",
            resource="log-group",
            resource_name=self._log_group.log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return events.RuleTargetConfig(arn=arn)
