"""Write API.md from the docstrings of the public modules: ``python docs/write_api.py > API.md``.

The code is read, not imported, so the page is the same on every machine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "bixarena_constructs"
SOURCE = Path(__file__).parents[1] / "src"
# Public modules in the order in which a reader meets them.
MODULES = (
    "cdk.scheduled_snapshot_task",
    "cdk.task.secrets",
    "cdk.schedule",
    "aws.schedule_expression",
    "cdk.delivery",
    "cdk.delivery_metrics",
    "cdk.task.network",
    "cdk.task.image",
    "aws.image_reference",
    "cdk.task.secret_arns",
    "cdk.task.encryption",
    "cdk.task.guardduty",
    "aws.guardduty_accounts",
    "cdk.access",
    "cdk.run_events",
    "cdk.schedule_target",
    "cdk.snapshot_task",
    "cdk.outputs",
    "cdk.commands",
    "cdk.task.worker_image",
    "cdk.task.container",
    "cdk.task.log",
    "cdk.task.size",
    "cdk.durations",
    "testing",
    "cdk.monitoring",
    "cdk.monitoring.settings",
    "cdk.monitoring.signals",
    "cdk.monitoring.task_monitoring",
    "cdk.monitoring.trigger",
    "cdk.monitoring.causes",
    "cdk.monitoring.failures",
    "cdk.monitoring.message",
    "cdk.monitoring.delivery_alarms",
    "cdk.monitoring.missed_run",
    "cdk.monitoring.window",
    "cdk.monitoring.hang",
    "cdk.monitoring.history",
    "cdk.monitoring.retry",
    "cdk.monitoring.dashboard",
    "cdk.monitoring.alert_topic",
    "cdk.monitoring.alarms",
    "cdk.monitoring.run_metrics",
    "cdk.monitoring.rule_targets",
    "cdk.monitoring.watched_task",
)


def page() -> str:
    """Return the text of API.md."""
    loader = griffe.GriffeLoader(search_paths=[str(SOURCE)], docstring_parser="google")
    package = loader.load(PACKAGE)
    exported = ", ".join(f"`{name}`" for name in package.exports or ())
    made = f"Made from the docstrings by `make api`. `{PACKAGE}` itself exports {exported}."
    lines = ["# API", "", made, ""]
    for name in MODULES:
        lines += _module(package[name])
    return "\n".join(lines)


def _module(module: griffe.Object | griffe.Alias) -> Iterator[str]:
    yield from (f"## `{module.path}`", "")
    yield from _docstring(module)
    for name in sorted(str(export) for export in module.exports or ()):
        member = module[name]
        # A package's face: what it exports is defined in a module below it.
        defined = member.final_target if isinstance(member, griffe.Alias) else member
        yield from _member(defined, level=3)


def _member(member: griffe.Object | griffe.Alias, *, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} `{_title(member)}`", "")
    yield from _docstring(member)
    if isinstance(member, griffe.Class):
        if "__init__" in member.members:
            yield from _docstring(member["__init__"])
        for name in member.members:
            if not name.startswith("_") and member[name].docstring:
                yield from _member(member[name], level=level + 1)


def _title(member: griffe.Object | griffe.Alias) -> str:
    if isinstance(member, griffe.Function):
        names = (one.name for one in member.parameters if one.name not in {"self", "cls"})
        return f"{member.name}({', '.join(names)})"
    return member.name


def _docstring(member: griffe.Object | griffe.Alias) -> Iterator[str]:
    for section in member.docstring.parsed if member.docstring else ():
        if isinstance(section, griffe.DocstringSectionText):
            yield from (section.value.replace("``", "`"), "")
        elif isinstance(section, griffe.DocstringSectionParameters):
            yield from _table("Argument", section.value)
        elif isinstance(section, griffe.DocstringSectionAttributes):
            yield from _table("Attribute", section.value)
        elif isinstance(section, griffe.DocstringSectionRaises):
            for one in section.value:
                yield from (f"Raises `{one.annotation}`: {_flat(one.description)}", "")
        else:
            raise TypeError(f"{member.path} has a section that API.md has no form for: {section}")


def _table(
    heading: str, rows: list[griffe.DocstringParameter] | list[griffe.DocstringAttribute]
) -> Iterator[str]:
    yield from (f"| {heading} | Type | |", "|---|---|---|")
    for row in rows:
        kind = str(row.annotation or "").replace("|", "\\|")
        yield f"| `{row.name}` | `{kind}` | {_flat(row.description)} |"
    yield ""


def _flat(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
