"""Write docs/reference.md from the names that the halves of the library agree on.

``python docs/write_reference.py > docs/reference.md``
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import griffe

from bixarena_constructs.cdk.outputs import OUTPUT_DESCRIPTIONS
from bixarena_constructs.cli import exit_codes
from bixarena_constructs.worker.contract import FAILURES, RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = Path(__file__).parents[1] / "src"
INTRODUCTION = """# What is promised

Written from the code by `make api`. Alarms, scripts and other programs may rely on these names;
a release that changes one says so in the [changes](../CHANGELOG.md). Props are in the
[API](../API.md), [variables](worker.md#settings) and [events](worker.md#log) on the worker's page,
and the warnings of a synthesis on [that of the construct](construct.md)."""


def page() -> str:
    """Return the text of docs/reference.md."""
    loader = griffe.GriffeLoader(search_paths=[str(SOURCE)])
    package = loader.load("bixarena_constructs")
    contract, deployment = package["worker.contract"], package["deployment"]
    commands = package["cli.exit_codes"]
    sections = [
        INTRODUCTION,
        "## Outputs\n\nOf each task, in its stack, unless `outputs=False`.",
        _table(
            ("Output", "What it holds"),
            ((f"`{name}`", text) for name, text in OUTPUT_DESCRIPTIONS.items()),
        ).replace(RELEASE, "x.y.z"),
        "## Exit codes of a run",
        _table(
            ("Code", "`cause` in the log", "A run failed:", "What to do"),
            (
                (
                    str(each.exit_code),
                    f"`{each.cause}`" if each.cause else "",
                    each.meaning,
                    each.remedy,
                )
                for each in FAILURES
            ),
        ),
        "## Exit codes of the command line\n\n`bixarena run` passes on those of a run.",
        _table(
            ("Code", "Name", "Meaning"),
            sorted(
                (str(getattr(exit_codes, name)), f"`{name}`", _first_sentence(commands[name]))
                for name in exit_codes.__all__
            ),
        ),
        "## Outcomes of a run",
        "The field `outcome` of the last line of the log; `regressed` comes with exit code 3.",
        _members(contract["Outcome"]),
        "## Metrics\n\nIn the namespace `Bixarena/STACK/TASK`, where the task is monitored.",
        _members(deployment["Metric"]),
    ]
    return "\n\n".join(sections) + "\n"


def _members(enumeration: griffe.Object | griffe.Alias) -> str:
    return _table(
        ("Name", "Meaning"),
        (
            (f"`{str(member.value).strip(chr(34)).strip(chr(39))}`", _first_sentence(member))
            for member in enumeration.members.values()
            if isinstance(member, griffe.Attribute)
        ),
    )


def _first_sentence(member: griffe.Object | griffe.Alias) -> str:
    found = member.final_target if isinstance(member, griffe.Alias) else member
    if found.docstring is None:
        raise ValueError(f"{member.path} has no docstring")
    return " ".join(found.docstring.value.split()).replace("``", "`")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(page())
