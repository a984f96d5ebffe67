"""Runs every check on a deployed task and prints the findings."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.text import Text

from bixarena_constructs.cli.deployed.stack import find_target
from bixarena_constructs.cli.doctor.checks.guardduty import check_guardduty
from bixarena_constructs.cli.doctor.checks.image import check_contract, check_image
from bixarena_constructs.cli.doctor.checks.login import check_login
from bixarena_constructs.cli.doctor.checks.network import check_routes
from bixarena_constructs.cli.doctor.checks.roles import check_events_role, check_execution_role
from bixarena_constructs.cli.doctor.checks.schedule import (
    check_cluster,
    check_log_group,
    check_rule,
    check_task_definition,
)
from bixarena_constructs.cli.doctor.checks.secret_values import check_secrets
from bixarena_constructs.cli.doctor.checks.security_groups import check_security_groups
from bixarena_constructs.cli.doctor.checks.watchers import (
    check_alarms,
    check_topic,
    check_watchers,
)
from bixarena_constructs.cli.doctor.findings import Subject, not_checked, problem
from bixarena_constructs.cli.errors import AWS_ERRORS, NotFoundError, exit_on_error, explained
from bixarena_constructs.cli.exit_codes import PROBLEMS_FOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.doctor.findings import Finding
    from bixarena_constructs.cli.options import Target

__all__ = ["CHECKS", "diagnose", "examine"]

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
    ("topic", check_topic),
    ("alarms", check_alarms),
    ("watchers", check_watchers),
    ("contract", check_contract),
    ("login", check_login),
)
"""The checks, in the order in which a run meets what they check, its watchers before its end."""

_MARKS: Final = {
    "ok": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "problem": ("PROBLEM", "bold red"),
    "not checked": ("not checked", "yellow"),
}


def diagnose(
    target: Target,
    *,
    database_security_group: str | None,
    connects: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Examine a deployed task and print the findings; see ``bixarena doctor --help``.

    Raises:
        typer.Exit: There is a problem, or the task was not found.
    """
    console = Console(highlight=False, soft_wrap=True)
    findings = []
    with exit_on_error():
        for finding in _examine_deployed(find_target(target), database_security_group, connects):
            findings.append(finding)
            if not as_json:
                console.print(_line(finding))
    counts = Counter(finding.state for finding in findings)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console.print(
            f"\nok {counts['ok']}, problems {counts['problem']}, warnings {counts['warning']}, "
            f"not checked {counts['not checked']}"
        )
    if counts["problem"] or (strict and counts["warning"] + counts["not checked"]):
        raise typer.Exit(PROBLEMS_FOUND)


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield the findings of each check as they come; a check that fails does not stop the others.

    An answer that lacks a field, as a proxy or an emulator may give it, is neither a traceback nor
    a finding about the task.
    """
    for name, check in CHECKS:
        try:
            yield from check(subject)
        except AWS_ERRORS as error:
            yield not_checked(name, str(explained(error)))
        except LookupError as error:
            yield not_checked(name, f"AWS's answer lacks the field {error}")


def _examine_deployed(
    task: DeployedTask,
    database_security_group: str | None,
    connects: bool,  # noqa: FBT001 - private
) -> Iterator[Finding]:
    try:
        subject = Subject.of(
            task, database_security_group=database_security_group, connects=connects
        )
    except NotFoundError as error:
        yield problem("task definition", str(error), fix="deploy the stack again")
        yield not_checked("all else", "it depends on the task definition")
        return
    yield from examine(subject)


def _line(finding: Finding) -> Text:
    mark, style = _MARKS[finding.state]
    text = Text(f"{mark:<12}", style=style)
    text.append(f"{finding.check}: {finding.message}", style="default")
    if finding.fix:
        text.append(f"\n{'':<12}fix: {finding.fix}", style="bold")
    return text
