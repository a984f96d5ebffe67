"""Patches of ministack's EventBridge: ECS and log group targets, and rules fired on demand."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, json_response, new_uuid
from ministack.services import cloudwatch_logs, ecs, eventbridge, sqs

from bixarena_constructs.demo.local_aws.answers import RefusedError, accepted
from bixarena_constructs.demo.local_aws.cloudformation import camel_case
from bixarena_constructs.demo.local_aws.patching import replace

_logger = logging.getLogger("events")

_STARTED_BY_LENGTH = 36  # EventBridge cuts the name of the rule so that it fits

# `Any` below: records and answers of ministack, which has no types.
_Record = dict[str, Any]


def apply() -> None:
    """Patch the targets of rules and PutEvents in this process."""
    replace(vars(eventbridge), "_invoke_target", _invoke_target)
    replace(vars(eventbridge), "_put_events", _put_events)


def _invoke_target(original: Any) -> Any:
    """Start tasks and write log events for the targets that ministack leaves out.

    AWS runs a task for a cluster's ARN with ECS parameters, and writes the event to a log
    group's ARN. Ministack logs that the type is not supported.
    """
    invoke_by_service = {"ecs": _run_task, "logs": _write_log_event}

    def handler(target: _Record, event: _Record, rule: _Record, view: Any = None) -> None:
        try:
            invoke = invoke_by_service.get(parse_arn(target.get("Arn", "")).service)
        except ArnParseError:
            invoke = None
        if invoke is None:
            original(target, event, rule, view)
            return
        view = view or eventbridge._pattern_event_view(event)
        try:
            invoke(target, rule, _input(target, rule, view))
        except RefusedError as error:
            _logger.warning("rule %s: %s: %s", rule["Name"], error.code, error)
            _send_to_dead_letters(target, rule, error, view.event_with_detail())

    return handler


def _input(target: _Record, rule: _Record, view: Any) -> str:
    """Return what the rule hands the target: transformed, constant, or the event itself."""
    if "InputTransformer" in target:
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if "Input" in target:
        return str(target["Input"])
    value = view.event_with_detail()
    for part in target.get("InputPath", "$").split(".")[1:]:
        value = value[part]
    return json.dumps(value)


def _run_task(target: _Record, rule: _Record, text: str) -> None:
    """Call RunTask with the target's parameters, and the input as the overrides of the task."""
    parameters = camel_case(target["EcsParameters"])
    try:
        overrides = json.loads(text)
    except ValueError as error:
        raise RefusedError("INVALID_JSON", f"the input is not JSON: {error}") from None
    request = {
        **{
            key: parameters[key]
            for key in (
                "capacityProviderStrategy",
                "enableExecuteCommand",
                "group",
                "launchType",
                "networkConfiguration",
                "platformVersion",
                "propagateTags",
            )
            if key in parameters
        },
        "cluster": target["Arn"],
        "count": parameters.get("taskCount", 1),
        "overrides": overrides if "containerOverrides" in overrides else {},
        "startedBy": f"events-rule/{rule['Name']}"[:_STARTED_BY_LENGTH],
        "tags": parameters.get("tagList", []),
        "taskDefinition": parameters["taskDefinitionArn"],
    }
    accepted(ecs._run_task(request))


def _write_log_event(target: _Record, _rule: _Record, text: str) -> None:
    group = parse_arn(target["Arn"]).resource.removeprefix("log-group:").removesuffix(":*")
    stream = new_uuid()
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    accepted(
        cloudwatch_logs._put_log_events(
            {
                "logGroupName": group,
                "logStreamName": stream,
                "logEvents": [{"timestamp": int(time.time() * 1000), "message": text}],
            }
        )
    )


def _send_to_dead_letters(
    target: _Record, rule: _Record, error: RefusedError, event: _Record
) -> None:
    """Send the event where AWS sends it once it gives up; here there is no second try.

    Ministack keeps a target's dead-letter queue on record and never uses it.
    """
    queue = sqs._queue_by_arn(target.get("DeadLetterConfig", {}).get("Arn", ""))
    if queue is None:
        return
    attributes = {
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": str(error),
        "RULE_ARN": rule["Arn"],
        "TARGET_ARN": target["Arn"],
    }
    message = {
        "QueueUrl": queue["url"],
        "MessageBody": json.dumps(event),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
        },
    }
    sqs._act_send_message(message, queue["url"])


def _put_events(original: Any) -> Any:
    """Take an event of the source ``aws.events`` for the tick of one rule's schedule.

    AWS refuses that source, as ministack does: only the scheduler may use it. Here it is how a
    caller fires a rule, see ``LocalAws.fire``.
    """

    def handler(data: _Record, allow_aws_source: bool = False) -> Any:  # noqa: FBT001, FBT002
        entries = data.get("Entries", [])
        if all(entry.get("Source") != "aws.events" for entry in entries):
            return original(data, allow_aws_source)
        results = [_fire(entry) for entry in entries]
        failed = sum("ErrorCode" in result for result in results)
        return json_response({"FailedEntryCount": failed, "Entries": results})

    return handler


def _fire(entry: _Record) -> dict[str, str]:
    """Invoke a rule's targets with the scheduler's event; a disabled rule has none."""
    rules = [rule for rule in eventbridge._rules.values() if [rule["Arn"]] == entry["Resources"]]
    if entry.get("Source") != "aws.events" or not rules or not rules[0]["ScheduleExpression"]:
        return {
            "ErrorCode": "InvalidArgument",
            "ErrorMessage": "a scheduled event names the one scheduled rule that it fires, "
            f"found {entry.get('Resources')}",
        }
    rule = rules[0]
    event = {
        "EventId": new_uuid(),
        "Source": "aws.events",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "EventBusName": rule["EventBusName"],
        "Time": eventbridge._coerce_timestamp(entry["Time"]),
        "Resources": [rule["Arn"]],
        "Account": get_account_id(),
        "Region": get_region(),
    }
    if rule["State"] == "ENABLED":
        view = eventbridge._pattern_event_view(event)
        for target in eventbridge._targets.get(eventbridge._rule_key(rule["Name"], "default"), []):
            eventbridge._invoke_target(target, event, rule, view)
    return {"EventId": event["EventId"]}
