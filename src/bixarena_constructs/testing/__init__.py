"""Assertions and snapshots for the tests of stacks with a scheduled task.

Install with the extra ``testing``. Templates are those of
``aws_cdk.assertions.Template.from_stack(stack).to_json()``; nothing here needs the CDK.
"""

from __future__ import annotations

import publication

from bixarena_constructs.testing.template_assertions import (
    assert_complete_secret_arns,
    assert_finite_log_retention,
    assert_schedule_can_start_its_task,
    assert_single_target,
)
from bixarena_constructs.testing.template_snapshot import (
    TemplateSnapshotExtension,
    normalised_template,
)

__all__ = [
    "TemplateSnapshotExtension",
    "assert_complete_secret_arns",
    "assert_finite_log_retention",
    "assert_schedule_can_start_its_task",
    "assert_single_target",
    "normalised_template",
]

publication.publish()
