"""Rules that report a failed run: one for each cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from bixarena_constructs.cdk.monitoring.event_rule import define_event_rule
from bixarena_constructs.cdk.monitoring.message import alert_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bixarena_constructs.cdk.monitoring.failure_causes import FailureCause
    from bixarena_constructs.cdk.monitoring.state_machine import RunMachine
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask

__all__ = ["FailureRules"]


class FailureRules(Construct):
    """Reports each failed run, once."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: WatchedTask,
        causes: Sequence[FailureCause],
        machine: RunMachine,
    ) -> None:
        """Define the rules.

        Args:
            scope: The construct that they are defined in.
            construct_id: Id below that scope.
            task: The task.
            causes: Why a run of it may fail.
            machine: What writes and sends the alert.
        """
        super().__init__(scope, construct_id)
        for cause in causes:
            define_event_rule(
                self,
                cause.id,
                description=f"A run of {task.name} failed: {cause.meaning}",
                pattern=task.runs.ends(cause.detail),
                target_arn=machine.arn,
                role_arn=machine.start_role_arn,
                added=alert_input(cause, name=task.name),
            )
