"""Patches of ministack's EventBridge: delivery as AWS does it, and rules fired on demand."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response, new_uuid
from ministack.services import eventbridge

from bixarena_constructs.demo.local_aws.answers import RefusedError
from bixarena_constructs.demo.local_aws.patching import replace
from bixarena_constructs.demo.local_aws.targets import (
    give_up,
    require_delivery,
    run_task,
    service_of,
    write_log_event,
)

# `Any` below: records and answers of ministack, which has no types.
_Record = dict[str, Any]


def apply() -> None:
    """Patch the targets of rules and PutEvents in this process."""
    replace(vars(eventbridge), "_invoke_target", _invoke_target)
    replace(vars(eventbridge), "_put_events", _put_events)


def _invoke_target(original: Any) -> Any:
    """Deliver to ECS and log groups too, only where it is allowed, and keep what failed.

    Ministack leaves ECS and log groups out, asks no policy, and forgets an event that could not
    be delivered, whatever the target's dead-letter queue.
    """

    def handler(target: _Record, event: _Record, rule: _Record, view: Any = None) -> None:
        view = view or eventbridge._pattern_event_view(event)
        try:
            match service_of(target):
                case "ecs":
                    run_task(target, rule, view)
                case "logs":
                    write_log_event(target, rule, view)
                case _:
                    require_delivery(target, rule)
                    original(target, event, rule, view)
        except RefusedError as error:
            give_up(target, rule, error, view.event_with_detail())

    return handler


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
