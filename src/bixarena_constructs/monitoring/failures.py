"""Rules that tell of a failed run: one for each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import publication
from aws_cdk import aws_events as events
from constructs import Construct

from bixarena_constructs.failure import stopped_task_pattern
from bixarena_constructs.monitoring.causes import failure_causes
from bixarena_constructs.monitoring.message import failure_message
from bixarena_constructs.monitoring.rule_targets import TopicTarget

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.monitoring.watched_task import WatchedTask

__all__ = ["FailureRules"]


class FailureRules(Construct):
    """Tells a topic of each failed run, once, and of nothing else.

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
        settings: SnapshotMonitoring,
        topic: sns.ITopic,
    ) -> None:
        """Define the rules.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            settings: Its monitoring.
            topic: Who is told.
        """
        super().__init__(scope, construct_id)
        causes = failure_causes(settings.signals.exit_codes, container_name=task.container_name)
        self.rules = tuple(
            events.Rule(
                self,
                cause.id,
                description=f"A run of {task.name} failed: {cause.meaning}",
                event_pattern=stopped_task_pattern(
                    cluster=task.cluster,
                    task_definition=task.task_definition,
                    detail=cause.detail,
                ),
                targets=[
                    TopicTarget(
                        topic,
                        message=failure_message(
                            cause, task=task, retry_after=settings.retry_after
                        ),
                    )
                ],
            )
            for cause in causes
        )


publication.publish()
