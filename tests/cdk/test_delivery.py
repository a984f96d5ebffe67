"""How the schedule's event reaches the task."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Duration
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from bixarena_constructs.cdk.delivery import (
    EventDelivery,
    default_event_age,
    define_dead_letter_queue,
    rule_input,
)

if TYPE_CHECKING:
    from aws_cdk import Stack


@pytest.fixture
def rule(stack: Stack, cluster: ecs.ICluster) -> events.Rule:
    """A rule with one ECS target, as ScheduledFargateTask makes it."""
    definition = ecs.FargateTaskDefinition(stack, "TaskDef")
    definition.add_container("worker", image=ecs.ContainerImage.from_registry("python:3.13"))
    return events.Rule(
        stack,
        "Rule",
        schedule=events.Schedule.rate(Duration.days(1)),
        targets=[targets.EcsTask(cluster=cluster, task_definition=definition)],
    )


def target_of(stack: Stack) -> dict[str, Any]:  # CloudFormation is untyped
    (rule,) = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    (target,) = rule["Properties"]["Targets"]
    assert isinstance(target, dict)
    return target


@pytest.mark.parametrize(
    ("shortest_gap", "seconds"),
    [
        (timedelta(days=1), 3600),
        (timedelta(hours=2), 3600),
        (timedelta(hours=1), 1800),
        (timedelta(minutes=2), 60),
        (timedelta(minutes=1), 60),
        (timedelta.max, 3600),
        (None, 3600),
    ],
)
def test_gives_an_event_up_well_before_the_next_one(
    shortest_gap: timedelta | None, seconds: int
) -> None:
    assert default_event_age(shortest_gap).to_seconds() == seconds


def test_bounds_retries_and_sends_what_is_given_up_to_the_queue(
    stack: Stack, rule: events.Rule
) -> None:
    EventDelivery(
        max_event_age=Duration.minutes(30),
        retry_attempts=4,
        dead_letter_queue=define_dead_letter_queue(stack),
    ).bind(rule)
    target = target_of(stack)
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 1800, "MaximumRetryAttempts": 4}
    (queue_id,) = Template.from_stack(stack).find_resources("AWS::SQS::Queue")
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue_id, "Arn"]}}


def test_lets_only_this_rule_send_to_the_queue(stack: Stack, rule: events.Rule) -> None:
    EventDelivery(
        max_event_age=Duration.hours(1),
        retry_attempts=None,
        dead_letter_queue=define_dead_letter_queue(stack),
    ).bind(rule)
    Template.from_stack(stack).has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Action": "sqs:SendMessage",
                                "Effect": "Allow",
                                "Principal": {"Service": "events.amazonaws.com"},
                                "Condition": {
                                    "ArnEquals": {
                                        "aws:SourceArn": stack.resolve(rule.rule_arn),
                                    }
                                },
                            }
                        )
                    ]
                )
            }
        },
    )


def test_encrypts_the_queue_and_keeps_letters_for_two_weeks(stack: Stack) -> None:
    define_dead_letter_queue(stack)
    Template.from_stack(stack).has_resource_properties(
        "AWS::SQS::Queue", {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 1_209_600}
    )


def test_warns_where_the_queues_policy_cannot_be_changed(stack: Stack, rule: events.Rule) -> None:
    queue = sqs.Queue.from_queue_arn(stack, "Queue", "arn:aws:sqs:us-east-1:111122223333:letters")
    EventDelivery(
        max_event_age=Duration.hours(1), retry_attempts=None, dead_letter_queue=queue
    ).bind(rule)
    Annotations.from_stack(stack).has_warning(
        "/Stack/Rule", Match.string_like_regexp("bixarena-constructs:deadLetterQueuePolicy")
    )


def test_lets_eventbridge_encrypt_for_a_queue_with_a_customer_key(
    stack: Stack, rule: events.Rule
) -> None:
    queue = sqs.Queue(stack, "Letters", encryption_master_key=kms.Key(stack, "Key"))
    EventDelivery(
        max_event_age=Duration.hours(1), retry_attempts=None, dead_letter_queue=queue
    ).bind(rule)
    (key,) = Template.from_stack(stack).find_resources("AWS::KMS::Key").values()
    (granted,) = (
        one
        for one in key["Properties"]["KeyPolicy"]["Statement"]
        if one["Principal"] == {"Service": "events.amazonaws.com"}
    )
    assert granted["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert granted["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_warns_of_a_queue_whose_key_is_imported(stack: Stack, rule: events.Rule) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/letters")
    queue = sqs.Queue(stack, "Letters", encryption_master_key=key)
    EventDelivery(
        max_event_age=Duration.hours(1), retry_attempts=None, dead_letter_queue=queue
    ).bind(rule)
    Annotations.from_stack(stack).has_warning(
        "/Stack/Rule", Match.string_like_regexp("bixarena-constructs:deadLetterQueueKey")
    )


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"fifo": True}, "a FIFO queue"),
        (
            {"encryption": sqs.QueueEncryption.KMS_MANAGED},
            "encrypted with the key that AWS manages",
        ),
    ],
)
def test_refuses_a_queue_that_eventbridge_cannot_send_to(
    stack: Stack, props: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"dead_letter_queue is {message}"):
        EventDelivery(
            max_event_age=Duration.hours(1),
            retry_attempts=None,
            dead_letter_queue=sqs.Queue(stack, "Letters", **props),
        )


@pytest.mark.parametrize("seconds", [59, 86_401])
def test_refuses_an_event_age_that_eventbridge_would(stack: Stack, seconds: int) -> None:
    with pytest.raises(ValueError, match=r"max_event_age is .* seconds from 60 to 86400"):
        EventDelivery(
            max_event_age=Duration.seconds(seconds),
            retry_attempts=None,
            dead_letter_queue=define_dead_letter_queue(stack),
        )


@pytest.mark.parametrize("attempts", [-1, 186])
def test_refuses_retry_attempts_that_eventbridge_would(stack: Stack, attempts: int) -> None:
    with pytest.raises(
        ValueError, match=f"retry_attempts is {attempts}; it must be from 0 to 185"
    ):
        EventDelivery(
            max_event_age=Duration.hours(1),
            retry_attempts=attempts,
            dead_letter_queue=define_dead_letter_queue(stack),
        )


def test_lets_tokens_through(stack: Stack) -> None:
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    EventDelivery(
        max_event_age=Duration.seconds(number),
        retry_attempts=number,  # type: ignore[arg-type] # a number's token is a float in Python
        dead_letter_queue=define_dead_letter_queue(stack),
    )


def test_hands_the_scheduled_time_to_the_named_container_alone(
    stack: Stack, rule: events.Rule
) -> None:
    EventDelivery(
        max_event_age=Duration.hours(1),
        retry_attempts=None,
        dead_letter_queue=define_dead_letter_queue(stack),
    ).bind(rule, target=rule_input("worker"), without=["Input"])
    target = target_of(stack)
    assert "Input" not in target
    transformer = target["InputTransformer"]
    ((name, path),) = transformer["InputPathsMap"].items()
    assert path == "$.time"
    filled = transformer["InputTemplate"].replace(f"<{name}>", '"2026-03-06T10:00:00Z"')
    assert json.loads(filled) == {
        "containerOverrides": [
            {
                "name": "worker",
                "environment": [{"name": "SCHEDULED_AT", "value": "2026-03-06T10:00:00Z"}],
            }
        ]
    }
