"""Patches of ministack's EventBridge: delivery as AWS does it, and rules fired on demand."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response, new_uuid
from ministack.services import eventbridge, scheduler

from local_aws.answers import RefusedError
from local_aws.patching import replace
from local_aws.permissions import require_role
from local_aws.targets import (
    give_up,
    invoke_schedule,
    require_delivery,
    run_task_of_rule,
    service_of,
    write_log_event,
)

__all__ = ["apply"]

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
                    run_task_of_rule(target, rule, view)
                case "logs":
                    write_log_event(target, rule, view)
                case "states":
                    require_role(target["RoleArn"], "states:StartExecution", target["Arn"])
                    original(target, event, rule, view)
                case _:
                    require_delivery(target, rule)
                    original(target, event, rule, view)
        except RefusedError as error:
            give_up(target, rule, error, view.event_with_detail())

    return handler


def _put_events(original: Any) -> Any:
    """Take an event of AWS's own schedulers for the tick of one rule or schedule.

    AWS refuses these sources, as ministack does. Here they are how a caller fires a rule or a
    schedule, see ``LocalAws.fire`` and ``LocalAws.fire_schedule``.
    """

    def handler(data: _Record, allow_aws_source: bool = False) -> Any:  # noqa: FBT001, FBT002
        entries = data.get("Entries", [])
        if all(entry.get("Source") not in _TICKS for entry in entries):
            return original(data, allow_aws_source)
        results = [_TICKS.get(entry.get("Source"), _fire)(entry) for entry in entries]
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


def _fire_schedule(entry: _Record) -> dict[str, str]:
    """Start what a schedule starts, or return its refusal; a disabled schedule does nothing."""
    found = [one for one in scheduler._schedules.values() if [one["Arn"]] == entry["Resources"]]
    if not found:
        return {
            "ErrorCode": "InvalidArgument",
            "ErrorMessage": f"there is no schedule {entry.get('Resources')}",
        }
    if found[0]["State"] == "ENABLED":
        try:
            invoke_schedule(found[0], scheduled_at=entry["Detail"])
        except RefusedError as error:
            return {"ErrorCode": error.code, "ErrorMessage": str(error)}
    return {"EventId": new_uuid()}


_TICKS = {"aws.events": _fire, "aws.scheduler": _fire_schedule}
