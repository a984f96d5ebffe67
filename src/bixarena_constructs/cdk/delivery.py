"""Delivery of the schedule's event: retries, dead letters, and the scheduled time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from bixarena_constructs.cdk.durations import duration_of, require_seconds_within, seconds_of
from bixarena_constructs.cdk.permissions import sources
from bixarena_constructs.cdk.tokens import is_token, read, resource_of, stack_of
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from constructs import Construct

__all__ = [
    "EventDelivery",
    "default_event_age",
    "define_dead_letter_queue",
    "rule_input",
    "rule_resource",
]

_TARGET: Final = "Targets.0"
# EventBridge's limits of a target's retry policy.
_EVENT_AGE_SECONDS: Final = range(60, 86_400 + 1)
_RETRY_ATTEMPTS: Final = range(185 + 1)
_LONGEST_DEFAULT_AGE_SECONDS: Final = 3600


def rule_resource(rule: events.Rule) -> events.CfnRule:
    """Return the CloudFormation resource of a rule that the app defines."""
    resource = resource_of(rule)
    if not isinstance(resource, events.CfnRule):
        raise TypeError(f"{rule.node.path} has no AWS::Events::Rule of its own")
    return resource


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDelivery:
    """How often EventBridge tries to start a run, and where an event goes that started none.

    Attributes:
        max_event_age: How long it tries.
        retry_attempts: How often it tries again; None for EventBridge's own 185.
        dead_letter_queue: Where events go whose run could not be started.
        is_own_queue: Whether the queue is the one of `define_dead_letter_queue`, which needs no
            check.

    Raises:
        ValueError: A value lies outside EventBridge's limits.
    """

    max_event_age: Duration
    retry_attempts: int | None
    dead_letter_queue: sqs.IQueue
    is_own_queue: bool = False

    def __post_init__(self) -> None:
        if not self.is_own_queue:
            _require_queue_for_events(self.dead_letter_queue)
        require_seconds_within("max_event_age", self.max_event_age, _EVENT_AGE_SECONDS)
        attempts = self.retry_attempts
        if attempts is None or is_token(attempts):
            return
        if attempts not in _RETRY_ATTEMPTS:
            raise ValueError(f"retry_attempts is {attempts}; it must be from 0 to 185")

    def bind(
        self,
        rule: events.Rule,
        *,
        target: Mapping[str, object] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        """Set it on the only target of a rule, and let the rule send to the queue.

        Args:
            rule: The rule.
            target: Further properties of the target. Default: - none.
            without: Properties to remove from the target. Default: - none.
        """
        seconds = seconds_of(self.max_event_age)
        age = self.max_event_age.to_seconds() if seconds is None else int(seconds)
        retries: dict[str, object] = {"MaximumEventAgeInSeconds": age}
        if self.retry_attempts is not None:
            retries["MaximumRetryAttempts"] = self.retry_attempts
        queue_arn = self.dead_letter_queue.queue_arn
        self._let_send(rule, queue_arn)
        if not self.is_own_queue:
            _let_encrypt(rule, self.dead_letter_queue)
        # One override for all: the CDK merges it into the target.
        properties = {
            "DeadLetterConfig": {"Arn": queue_arn},
            "RetryPolicy": retries,
            **(target or {}),
        }
        resource = rule_resource(rule)
        resource.add_property_override(_TARGET, properties)
        for name in without:
            resource.add_property_deletion_override(f"{_TARGET}.{name}")

    def queue_url(self, stack: Stack) -> str:
        """Return the URL of the queue.

        Args:
            stack: The stack that names it.
        """
        queue = self.dead_letter_queue
        if self.is_own_queue or not isinstance(queue, sqs.Queue):
            return queue.queue_url
        region, account, suffix = (
            read(stack_of(queue), name) for name in ("region", "account", "url_suffix")
        )
        if account == read(stack, "account"):
            return queue.queue_url
        # Its URL is known in its own account only, and its name here as well.
        return f"https://sqs.{region}.{suffix}/{account}/{queue.queue_name}"

    def _let_send(self, rule: events.Rule, queue_arn: str) -> None:
        queue = self.dead_letter_queue
        rule_arn = read(rule, "rule_arn")
        shared = None if self.is_own_queue else queue
        statement: dict[str, object] = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": sources(rule, shared, rule_arn, kind="events:rule/"),
        }
        if self.is_own_queue:
            # In a queue that tasks share, each would add a statement with the same Sid.
            statement["Sid"] = "AllowEventsOfTheSchedule"
        granted = queue.add_to_resource_policy(iam.PolicyStatement.from_json(statement))
        if not granted.statement_added:
            Annotations.of(rule).add_warning_v2(
                "bixarena-constructs:deadLetterQueuePolicy",
                "dead_letter_queue is imported and its policy cannot be changed from here; let "
                "events.amazonaws.com call sqs:SendMessage on it for this rule, or dead letters "
                "are dropped",
            )


def default_event_age(shortest_gap: timedelta | None) -> Duration:
    """Return how long EventBridge tries to start a run before it gives up on the event.

    An hour, or half the time to the next run where that is shorter, so that a late run does not
    overlap with the next one; a minute at least, which is EventBridge's own limit.

    Args:
        shortest_gap: Shortest time between two runs; None if the schedule is a token.
    """
    seconds = _LONGEST_DEFAULT_AGE_SECONDS
    if shortest_gap is not None:
        seconds = min(seconds, int(shortest_gap.total_seconds()) // 2)
    return duration_of(max(seconds, _EVENT_AGE_SECONDS.start))


def define_dead_letter_queue(scope: Construct) -> sqs.Queue:
    """Define the queue that keeps the events of runs that could not be started.

    Args:
        scope: The construct that the queue is defined in, as ``DeadLetterQueue``.
    """
    return sqs.Queue(
        scope,
        "DeadLetterQueue",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        # As long as SQS keeps anything.
        retention_period=duration_of(14 * 24 * 3600),
        # A dead letter is of no use without the stack that its run belongs to.
        removal_policy=RemovalPolicy.DESTROY,
    )


def rule_input(container_name: str) -> dict[str, object]:
    """Return what a rule's target is given to pass the scheduled time as `SCHEDULED_AT`.

    The time in the event is that of the schedule, the same for a delivery that comes twice or
    late; ``<aws.events.event.ingestion-time>`` is not.

    It takes the place of the target's ``Input``.

    Args:
        container_name: The container; sidecars do not get it.
    """
    overrides = {
        "containerOverrides": [
            {
                "name": container_name,
                "environment": [{"name": Variable.SCHEDULED_AT, "value": "<time>"}],
            }
        ]
    }
    return {
        "InputTransformer": {
            "InputPathsMap": {"time": "$.time"},
            # EventBridge adds the quotes around what it fills in.
            "InputTemplate": json.dumps(overrides, separators=(",", ":")).replace(
                '"<time>"', "<time>"
            ),
        },
    }


def _require_queue_for_events(queue: sqs.IQueue) -> None:
    if queue.fifo:
        raise ValueError(
            "dead_letter_queue is a FIFO queue; it must be a standard one, the only kind that "
            "EventBridge sends dead letters to"
        )
    if queue.encryption_type is sqs.QueueEncryption.KMS_MANAGED:
        raise ValueError(
            "dead_letter_queue is encrypted with the key that AWS manages, which EventBridge may "
            "not use; encrypt it with SQS_MANAGED or a customer key"
        )


def _let_encrypt(rule: events.Rule, queue: sqs.IQueue) -> None:
    key = queue.encryption_master_key
    if key is None:
        return
    # The CDK has no grant for EventBridge's use of a queue's key; without it letters are dropped.
    granted = key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            # Stands for the key whose policy it is in.
            resources=["*"],
            # Not the rule, as in the queue's policy: it needs the queue, which needs the key.
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(rule).account}},
        )
    )
    if not granted.statement_added:
        Annotations.of(rule).add_warning_v2(
            "bixarena-constructs:deadLetterQueueKey",
            "dead_letter_queue is encrypted with a key whose policy cannot be changed from here; "
            "let events.amazonaws.com call kms:Decrypt and kms:GenerateDataKey with it, or dead "
            "letters are dropped",
        )
