"""All checks, one after the other; one that cannot be made keeps no other from its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from bixarena_constructs.cli.doctor.checks.firewall import check_security_groups
from bixarena_constructs.cli.doctor.checks.guardduty import check_guardduty
from bixarena_constructs.cli.doctor.checks.image import check_image
from bixarena_constructs.cli.doctor.checks.network import check_routes
from bixarena_constructs.cli.doctor.checks.roles import check_events_role, check_execution_role
from bixarena_constructs.cli.doctor.checks.schedule import (
    check_cluster,
    check_log_group,
    check_rule,
    check_task_definition,
)
from bixarena_constructs.cli.doctor.checks.secret_values import check_secrets
from bixarena_constructs.cli.doctor.findings import not_checked
from bixarena_constructs.cli.errors import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["CHECKS", "examine"]

CHECKS: Final[tuple[tuple[str, Callable[[Subject], Iterator[Finding]]], ...]] = (
    ("rule", check_rule),
    ("cluster", check_cluster),
    ("task definition", check_task_definition),
    ("log group", check_log_group),
    ("events role", check_events_role),
    ("execution role", check_execution_role),
    ("secrets", check_secrets),
    ("image", check_image),
    ("routes", check_routes),
    ("security groups", check_security_groups),
    ("guardduty", check_guardduty),
)
"""The checks in the order in which a run would meet what they look at."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield what each check finds, as soon as it is known."""
    for name, check in CHECKS:
        try:
            yield from check(subject)
        except (BotoCoreError, ClientError) as error:
            yield not_checked(name, str(explained(error)))
