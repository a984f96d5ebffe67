"""Rules that report a failed run: one for each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from bixarena_constructs.cdk.monitoring.event_rule import define_event_rule
from bixarena_constructs.cdk.monitoring.message import failure_lines, run_lines
from bixarena_constructs.cdk.tokens import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.failure_causes import FailureCause
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask

__all__ = ["FailureRules"]


class FailureRules(Construct):
    """Reports each failed run to a topic, once.

    Attributes:
        rule_arns: ARNs of the rules, one for each cause.
    """

    rule_arns: list[str]

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        causes: Sequence[FailureCause],
        retry_after: Duration | None,
        topic: sns.ITopic,
    ) -> None:
        """Define the rules.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            causes: Why a run of it may fail.
            retry_after: When a run that failed for a transient cause is started again.
            topic: Where alerts go.
        """
        super().__init__(scope, construct_id)
        of_each_run = run_lines(task)
        retried_in = None if retry_after is None else retry_after.to_human_string()
        self.rule_arns = [
            define_event_rule(
                self,
                cause.id,
                description=f"A run of {task.name} failed: {cause.meaning}",
                pattern=task.runs.ends(cause.detail),
                target_arn=read(topic, "topic_arn"),
                lines=[
                    *failure_lines(cause, name=task.name, retried_in=retried_in),
                    *of_each_run,
                ],
            ).attr_arn
            for cause in causes
        ]
