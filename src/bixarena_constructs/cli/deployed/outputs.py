"""Reads the outputs of a stack: which tasks it has, and the outputs of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bixarena_constructs.deployment import OUTPUTS_ID, Output

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["outputs_by_task"]

# The construct's path, its word for outputs, the output's name, and the CDK's hash of it all.
_OUTPUT = re.compile(rf"(?P<task>\w*){OUTPUTS_ID}(?P<name>[A-Z][A-Za-z]*?)(?P<hash>[0-9A-F]{{8}})")
# Each task has these outputs, and RuleName only if a rule of the construct starts it.
_MARKS = {Output.CONTAINER_NAME, Output.TASK_DEFINITION_ARN}
# The hash of a path that is hidden from logical IDs; ECS patterns name their children so.
_HIDDEN = "Default"


def outputs_by_task(outputs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Sort a stack's outputs by task.

    Args:
        outputs: Values by the names that CloudFormation shows.

    Returns:
        For each task, by the path of its construct without slashes: its outputs by their own
        names, as in ``{"Snapshot": {"RuleName": "..."}}``. Outputs of anything else are left out.
    """
    tasks: dict[str, dict[str, str]] = {}
    for key, value in outputs.items():
        found = _OUTPUT.fullmatch(key)
        if found:
            tasks.setdefault(found["task"] or _HIDDEN, {})[found["name"]] = value
    return {task: named for task, named in tasks.items() if named.keys() >= _MARKS}
