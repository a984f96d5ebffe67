"""A patch of ministack's Step Functions: calls of ECS by its AWS SDK integration."""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions

from local_aws.patching import replace

__all__ = ["apply"]


def apply() -> None:
    """Patch how a state machine calls ECS in this process."""
    replace(stepfunctions._AWS_SDK_SERVICE_MAP, "ecs", _in_camel_case)


def _in_camel_case(original: dict[str, Any]) -> dict[str, Any]:  # ministack has no types
    """Spell the parameters as the ECS API does.

    AWS takes them in Pascal case and turns them. Ministack hands them on as they are, and ECS
    finds none of them.
    """
    return {**original, "param_case": "lower-camel"}
