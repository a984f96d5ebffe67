"""Assertions and snapshots for the tests of stacks, and the tests of a store of snapshots.

Install with the extra ``testing``; the assertions and `normalised_template` work without it.
Templates are those of
``aws_cdk.assertions.Template.from_stack(stack).to_json()``; nothing here needs the CDK.
`SnapshotStoreContract` needs the extra ``worker`` too. The names below are imported when they are
first used: the tests of a stack need no numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bixarena_constructs.testing.normalisation import normalised_template
    from bixarena_constructs.testing.store_contract import SnapshotStoreContract
    from bixarena_constructs.testing.template_assertions import (
        assert_complete_secret_arns,
        assert_finite_log_retention,
        assert_schedule_can_start_its_task,
        assert_single_target,
    )
    from bixarena_constructs.testing.template_snapshot import TemplateSnapshotExtension

__all__ = [
    "SnapshotStoreContract",
    "TemplateSnapshotExtension",
    "assert_complete_secret_arns",
    "assert_finite_log_retention",
    "assert_schedule_can_start_its_task",
    "assert_single_target",
    "normalised_template",
]

_HOME_OF = {
    "SnapshotStoreContract": "store_contract",
    "TemplateSnapshotExtension": "template_snapshot",
    "assert_complete_secret_arns": "template_assertions",
    "assert_finite_log_retention": "template_assertions",
    "assert_schedule_can_start_its_task": "template_assertions",
    "assert_single_target": "template_assertions",
    "normalised_template": "normalisation",
}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    except ModuleNotFoundError as error:
        extras = "testing,worker" if name == "SnapshotStoreContract" else "testing"
        error.add_note(f"the extra brings it: pip install 'bixarena-constructs[{extras}]'")
        raise


def __dir__() -> list[str]:
    return __all__
