"""What a rule of EventBridge does to its targets."""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import (
    cloudwatch,
    cloudwatch_logs,
    ecs,
    eventbridge,
    sqs,
    stepfunctions,
)

from local_aws.answers import RefusedError, accepted
from local_aws.callers import require_run
from local_aws.cloudformation import camel_case
from local_aws.permissions import (
    require_publish,
    require_role,
    require_service,
)

__all__ = [
    "give_up",
    "invoke_schedule",
    "require_delivery",
    "run_task_of_rule",
    "service_of",
    "write_log_event",
]

_logger = logging.getLogger("events")

_PRINCIPAL = "events.amazonaws.com"
# EventBridge's own codes, as listed where its guide describes dead-letter queues of rules.
_DEAD_LETTER_CODES = {
    "AccessDeniedException": "NO_PERMISSIONS",
    "ClusterNotFoundException": "NO_RESOURCE",
    "ResourceNotFoundException": "NO_RESOURCE",
    "SerializationException": "INVALID_JSON",
}
# Of a target's ECS parameters, those that RunTask takes by the same name.
_PASSED_ON = (
    "capacityProviderStrategy",
    "enableExecuteCommand",
    "group",
    "launchType",
    "networkConfiguration",
    "platformVersion",
    "propagateTags",
)
_STARTED_BY_LENGTH = 36  # longer names are cut

# `Any` below: records and views of ministack, which has no types.
_Record = dict[str, Any]


def service_of(target: _Record) -> str:
    """Return the service that a target's ARN names, as in ``sqs``."""
    parts: list[str] = target["Arn"].split(":")
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 # arn:partition:service:...


def require_delivery(target: _Record, rule: _Record) -> None:
    """Refuse a queue or a topic that does not let EventBridge in.

    Raises:
        RefusedError: Its policy or its key's does not.
    """
    source = {"aws_SourceArn": rule["Arn"]}
    if service_of(target) == "sqs":
        require_service(_PRINCIPAL, "sqs:SendMessage", target["Arn"], **source)
    if service_of(target) == "sns":
        require_publish(_PRINCIPAL, target["Arn"], **source)


def run_task_of_rule(target: _Record, rule: _Record, view: Any) -> None:
    """Start the task of a rule's target, with the target's input as its overrides.

    Raises:
        RefusedError: The role may not, ECS would not, or the input is not JSON.
    """
    _run_task(target, _input(target, rule, view), started_by=f"events-rule/{rule['Name']}")


def invoke_schedule(schedule: _Record, *, scheduled_at: str) -> None:
    """Start the task or the state machine of a schedule, with the schedule's input.

    Args:
        schedule: The schedule.
        scheduled_at: Value of the context attribute of the scheduled time.

    Raises:
        RefusedError: The role may not, the service would not, or the input is not JSON.
    """
    target = schedule["Target"]
    text = target.get("Input", "{}").replace("<aws.scheduler.scheduled-time>", scheduled_at)
    if service_of(target) == "states":
        require_role(target["RoleArn"], "states:StartExecution", target["Arn"])
        start = {"stateMachineArn": target["Arn"], "input": text}
        accepted(stepfunctions._start_execution(start))
        return
    # By this name ECS knows EventBridge Scheduler.
    _run_task(target, text, started_by=f"chronos-schedule/{schedule['Name']}")


def _run_task(target: _Record, text: str, *, started_by: str) -> None:
    """Call RunTask with the target's parameters and overrides.

    Raises:
        RefusedError: The role may not, ECS would not, or the input is not JSON.
    """
    parameters = camel_case(target["EcsParameters"])
    request = {
        **{name: parameters[name] for name in _PASSED_ON if name in parameters},
        "cluster": target["Arn"],
        "count": parameters.get("taskCount", 1),
        "overrides": _overrides(text),
        "startedBy": started_by[:_STARTED_BY_LENGTH],
        "tags": parameters.get("tags", []),
        "taskDefinition": parameters["taskDefinitionArn"],
    }
    require_run(target.get("RoleArn", ""), request)
    accepted(ecs._run_task(request))


def _overrides(text: str) -> _Record:
    try:
        overrides = json.loads(text)
    except ValueError as error:
        raise RefusedError("SerializationException", f"the input is not JSON: {error}") from None
    # A target without an input passes the event, which overrides nothing.
    return overrides if isinstance(overrides, dict) and "containerOverrides" in overrides else {}


def _input(target: _Record, rule: _Record, view: Any) -> str:
    """Return what the rule hands the target: transformed, constant, or of the event itself."""
    if "InputTransformer" in target:
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if "Input" in target:
        return str(target["Input"])
    value = view.event_with_detail()
    with suppress(KeyError, TypeError):  # a path without a value selects the whole event
        for part in target.get("InputPath", "$").split(".")[1:]:
            value = value[part]
        return json.dumps(value)
    return json.dumps(view.event_with_detail())


def write_log_event(target: _Record, rule: _Record, view: Any) -> None:
    """Write the input to a stream of its own in the target's log group.

    Raises:
        RefusedError: There is no such group.
    """
    group = target["Arn"].split(":log-group:")[1].removesuffix(":*")
    stream = {"logGroupName": group, "logStreamName": new_uuid()}
    event = {"timestamp": int(time.time() * 1000), "message": _input(target, rule, view)}
    accepted(cloudwatch_logs._create_log_stream(stream))
    accepted(cloudwatch_logs._put_log_events({**stream, "logEvents": [event]}))


def give_up(target: _Record, rule: _Record, error: RefusedError, event: _Record) -> None:
    """Count a failed invocation, and send its event to the target's dead-letter queue if any.

    AWS retries some errors, by the target's retry policy; here every error is
    final at once.
    """
    _logger.warning("rule %s: %s: %s", rule["Name"], error.code, error)
    _count("FailedInvocations", rule)
    queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
    if queue_arn is None:
        return
    try:
        require_service(_PRINCIPAL, "sqs:SendMessage", queue_arn, aws_SourceArn=rule["Arn"])
    except RefusedError as refusal:
        _logger.warning("rule %s: dead letter not sent: %s", rule["Name"], refusal)
        _count("InvocationsFailedToBeSentToDlq", rule)
        return
    _send_dead_letter(queue_arn, target, rule, error, event)
    _count("InvocationsSentToDlq", rule)


def _count(metric: str, rule: _Record) -> None:
    cloudwatch.record_metric("AWS/Events", metric, 1, "Count", {"RuleName": rule["Name"]})


def _send_dead_letter(
    queue_arn: str, target: _Record, rule: _Record, error: RefusedError, event: _Record
) -> None:
    url = sqs._queue_by_arn(queue_arn)["url"]
    attributes = {
        "ERROR_CODE": _DEAD_LETTER_CODES.get(error.code, "ERROR_FROM_TARGET"),
        "ERROR_MESSAGE": str(error),
        "RULE_ARN": rule["Arn"],
        "TARGET_ARN": target["Arn"],
    }
    message = {
        "QueueUrl": url,
        "MessageBody": json.dumps(event),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
        },
    }
    sqs._act_send_message(message, url)
