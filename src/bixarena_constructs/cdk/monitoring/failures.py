"""Rules that report a failed run: one for each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_events as events
from constructs import Construct

from bixarena_constructs.cdk.monitoring.message import failure_message
from bixarena_constructs.cdk.monitoring.rule_targets import TopicTarget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.causes import FailureCause
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask

__all__ = ["FailureRules"]


class FailureRules(Construct):
    """Reports each failed run to a topic, once.

    Attributes:
        rules: One for each cause.
    """

    rules: tuple[events.Rule, ...]

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
        self.rules = tuple(
            events.Rule(
                self,
                cause.id,
                description=f"A run of {task.name} failed: {cause.meaning}",
                event_pattern=task.runs.ends(cause.detail),
                targets=[
                    TopicTarget(
                        topic,
                        message=failure_message(cause, task=task, retry_after=retry_after),
                    )
                ],
            )
            for cause in causes
        )
