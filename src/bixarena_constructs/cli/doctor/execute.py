"""What ``bixarena doctor`` does."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.text import Text

from bixarena_constructs.cli.deployed.stack import find_task, open_session
from bixarena_constructs.cli.doctor.examination import examine
from bixarena_constructs.cli.doctor.findings import Subject
from bixarena_constructs.cli.errors import told_in_one_line
from bixarena_constructs.cli.exit_codes import PROBLEMS_FOUND

if TYPE_CHECKING:
    from bixarena_constructs.cli.doctor.findings import Finding

__all__ = ["Request", "look"]

_MARKS: Final = {
    "ok": ("ok", "green"),
    "problem": ("PROBLEM", "bold red"),
    "not checked": ("not checked", "yellow"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to look at; see ``bixarena doctor --help``."""

    stack: str
    task: str | None
    database_security_group: str | None
    strict: bool
    as_json: bool
    profile: str | None
    region: str | None


def look(request: Request) -> None:
    """Carry out a request.

    Raises:
        typer.Exit: There is a problem, or the task could not be found.
    """
    console = Console(highlight=False, soft_wrap=True)
    findings = []
    with told_in_one_line():
        session = open_session(profile=request.profile, region=request.region)
        task = find_task(session, request.stack, name=request.task)
        subject = Subject.of(task, database_security_group=request.database_security_group)
        for finding in examine(subject):
            findings.append(finding)
            if not request.as_json:
                console.print(_line(finding))
    counts = Counter(finding.state for finding in findings)
    if request.as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console.print(
            f"\nok {counts['ok']}, problems {counts['problem']}, "
            f"not checked {counts['not checked']}"
        )
    if counts["problem"] or (request.strict and counts["not checked"]):
        raise typer.Exit(PROBLEMS_FOUND)


def _line(finding: Finding) -> Text:
    mark, style = _MARKS[finding.state]
    text = Text(f"{mark:<12}", style=style)
    text.append(f"{finding.check}: {finding.message}", style="default")
    if finding.fix:
        text.append(f"\n{'':<12}fix: {finding.fix}", style="bold")
    return text
