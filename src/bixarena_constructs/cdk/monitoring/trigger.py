"""What starts the runs of a task on a schedule: a rule, or a schedule of EventBridge Scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs

from bixarena_constructs.cdk.delivery_metrics import DeliveryMetrics
from bixarena_constructs.cdk.prop_types import described
from bixarena_constructs.cdk.schedule import RunSchedule
from bixarena_constructs.deployment import STARTED_BY_RULE, STARTED_BY_SCHEDULE

if TYPE_CHECKING:
    from datetime import timedelta

    from constructs import Construct, IConstruct

    from bixarena_constructs.cdk.delivery import EventDelivery

__all__ = ["ResolvedTarget", "RunTrigger"]

# `Any`: whatever CloudFormation takes there.
ResolvedTarget: TypeAlias = Mapping[str, Any]
"""The target of a rule or a schedule, with functions of CloudFormation in place of tokens."""

# Of a target without a retry policy.
_DEFAULT_EVENT_AGE_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrigger:
    """What starts the runs of a task, as the monitoring sees it.

    Attributes:
        expression: When, as AWS takes it.
        time_zone: Time zone of the expression; None for UTC.
        start_date: Before it nothing starts; None for no limit.
        end_date: After it nothing starts; None for no limit.
        longest_gap: Longest time between two runs; None if the expression is a token.
        enabled: Whether it starts runs.
        max_delay: How long after its time a run may start.
        started_by: What `startedBy` of its runs begins with.
        metrics: What AWS counts of its starts; None where it counts them with those of others.
        dead_letter_queue: Where events go whose run could not be started, if anywhere.
        target: What it starts, resolved; empty for a task of this library, which knows it.
    """

    expression: str
    time_zone: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    longest_gap: timedelta | None
    enabled: bool
    max_delay: Duration
    started_by: str
    metrics: DeliveryMetrics | None
    dead_letter_queue: sqs.IQueue | None
    target: ResolvedTarget = field(default_factory=dict)

    @property
    def when(self) -> str:
        """When it starts runs, as people read it."""
        return f"{self.expression} {self.time_zone or 'UTC'}"

    @classmethod
    def of_own_rule(
        cls,
        rule_name: str,
        *,
        schedule: RunSchedule,
        enabled: bool,
        delivery: EventDelivery,
    ) -> RunTrigger:
        """Return the rule of a task that knows all about it."""
        return cls(
            expression=schedule.expression,
            longest_gap=schedule.longest_gap,
            enabled=enabled,
            max_delay=delivery.max_event_age,
            started_by=STARTED_BY_RULE,
            metrics=DeliveryMetrics.of_rule(rule_name),
            dead_letter_queue=delivery.dead_letter_queue,
        )

    @classmethod
    def of_task(
        cls, scope: Construct, task: IConstruct, given: events.Rule | scheduler.Schedule | None
    ) -> RunTrigger:
        """Return what starts a task: what is given, or else its own rule.

        Args:
            scope: The construct that an imported dead-letter queue is defined in.
            task: The task.
            given: The rule or the schedule, if any.

        Raises:
            TypeError: It is neither, or an imported one, whose settings cannot be seen.
            ValueError: It is missing, has no schedule, or its expression is not valid.
        """
        own = getattr(task, "trigger", None)
        if isinstance(own, cls) and given is None:
            return own
        if given is None and isinstance(task, ecs_patterns.ScheduledFargateTask):
            given = task.event_rule
        if given is None:
            raise ValueError(
                f"trigger is missing; name the rule or the schedule that starts {task.node.path}"
            )
        return cls.of(scope, given)

    @classmethod
    def of(cls, scope: Construct, trigger: events.Rule | scheduler.Schedule) -> RunTrigger:
        """Read a rule or a schedule that somebody else defined.

        Args:
            scope: The construct that an imported dead-letter queue is defined in.
            trigger: The rule or the schedule.

        Raises:
            TypeError: It is neither, or an imported one, whose settings cannot be seen.
            ValueError: It has no schedule, or its expression is not valid.
        """
        if isinstance(trigger, events.Rule | scheduler.Schedule):
            resource = trigger.node.default_child
            if isinstance(resource, events.CfnRule):
                return cls._of_rule(scope, resource)
            if isinstance(resource, scheduler.CfnSchedule):
                return cls._of_schedule(scope, resource)
        raise TypeError(
            f"trigger is {described(trigger)}; it must be an aws_events.Rule or an "
            "aws_scheduler.Schedule that the app defines"
        )

    @classmethod
    def _of_rule(cls, scope: Construct, resource: events.CfnRule) -> RunTrigger:
        if resource.schedule_expression is None:
            raise ValueError(
                f"trigger {resource.node.path} has an event pattern and no schedule; the "
                "monitoring needs to know when runs are due"
            )
        schedule = RunSchedule(events.Schedule.expression(resource.schedule_expression))
        (target, *_) = Stack.of(scope).resolve(resource.targets) or [{}]
        return cls(
            expression=schedule.expression,
            longest_gap=schedule.longest_gap,
            enabled=resource.state != "DISABLED",
            max_delay=_event_age(target),
            started_by=STARTED_BY_RULE,
            metrics=DeliveryMetrics.of_rule(resource.ref),
            dead_letter_queue=_dead_letter_queue(scope, target),
            target=target,
        )

    @classmethod
    def _of_schedule(cls, scope: Construct, resource: scheduler.CfnSchedule) -> RunTrigger:
        schedule = RunSchedule(events.Schedule.expression(resource.schedule_expression))
        target = Stack.of(scope).resolve(resource.target)
        window = Stack.of(scope).resolve(resource.flexible_time_window)
        group = resource.group_name
        return cls(
            expression=schedule.expression,
            time_zone=resource.schedule_expression_timezone,
            start_date=resource.start_date,
            end_date=resource.end_date,
            longest_gap=schedule.longest_gap,
            enabled=resource.state != "DISABLED",
            max_delay=_event_age(target).plus(
                Duration.minutes(window.get("maximumWindowInMinutes") or 0)
            ),
            started_by=STARTED_BY_SCHEDULE,
            metrics=None if group is None else DeliveryMetrics.of_schedule_group(group),
            dead_letter_queue=_dead_letter_queue(scope, target),
            target=target,
        )


def _event_age(target: ResolvedTarget) -> Duration:
    retries = target.get("retryPolicy") or {}
    return Duration.seconds(retries.get("maximumEventAgeInSeconds") or _DEFAULT_EVENT_AGE_SECONDS)


def _dead_letter_queue(scope: Construct, target: ResolvedTarget) -> sqs.IQueue | None:
    arn = (target.get("deadLetterConfig") or {}).get("arn")
    if arn is None:
        return None
    return sqs.Queue.from_queue_arn(scope, "DeadLetterQueue", Token.as_string(arn))
