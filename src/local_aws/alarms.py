"""A patch of ministack's CloudFormation: alarms on metric math."""

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import provisioners

from local_aws.patching import replace

__all__ = ["apply"]

# `Any` below: properties and records of ministack, which has no types.
_Properties = dict[str, Any]


def apply() -> None:
    """Patch what CloudFormation makes of an alarm in this process."""
    replace(vars(provisioners), "_cw_metric_alarm_record", _alarm_record)


def _alarm_record(original: Any) -> Any:
    """Keep an alarm on an expression, which is never evaluated and so has no data.

    AWS evaluates it. Ministack refuses the whole stack.
    """

    def handler(name: str, properties: _Properties) -> _Properties:
        expressions = [one for one in properties.get("Metrics", []) if "Expression" in one]
        if not expressions:
            record: _Properties = original(name, properties)
            return record
        watched = {"Namespace": "expression", "MetricName": expressions[0]["Expression"]}
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        kept: _Properties = original(name, {**plain, **watched})
        return kept

    return handler
