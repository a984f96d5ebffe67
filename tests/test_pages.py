"""Everything that a user may set, read or meet is on a page, in code's type."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from enum import EnumType
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from docs.write_reference import page

import bixarena_constructs as package
from bixarena_constructs import deployment
from bixarena_constructs.cli import exit_codes
from bixarena_constructs.cli.app import app
from bixarena_constructs.worker import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = "".join(
    path.read_text()
    for path in [ROOT / "README.md", ROOT / "API.md", *sorted((ROOT / "docs").rglob("*.md"))]
)
CODE = set(re.findall(r"[\w:-]+", " ".join(re.findall(r"`+([^`]+)`+", PAGES))))
TABLES = set(re.findall(r"^\| `?(\w+)`? \|", PAGES, re.MULTILINE))
SOURCE = "".join(path.read_text() for path in (ROOT / "src/bixarena_constructs/cdk").rglob("*.py"))


def props() -> Iterator[str]:
    for name in package.__all__:
        member: Any = getattr(package, name)
        is_ours = getattr(member, "__module__", "").startswith("bixarena_constructs")
        if is_ours and callable(member) and not isinstance(member, EnumType):
            # jsii's metaclass hides the signature of a construct.
            call = vars(member)["__init__"] if inspect.isclass(member) else member
            yield from inspect.signature(call).parameters


def options() -> Iterator[str]:
    program = typer.main.get_group(app)
    for command in [program, *program.commands.values()]:
        for parameter in command.params:
            names = (*parameter.opts, *parameter.secondary_opts)
            yield from (name for name in names if name.startswith("--"))


def exit_codes_of_both() -> Iterator[str]:
    yield from (str(each.exit_code) for each in contract.FAILURES)
    yield from (str(getattr(exit_codes, name)) for name in exit_codes.__all__)


KINDS: dict[str, set[str]] = {
    "props": set(props()) - {"self", "scope", "construct_id"},
    "monitoring": {field.name for field in fields(package.SnapshotMonitoring)},
    "variables": set(contract.Variable),
    "events": set(contract.Event),
    "outcomes": set(contract.Outcome),
    "outputs": set(deployment.Output),
    "metrics": set(deployment.Metric),
    "warnings": set(re.findall(r'"(bixarena-constructs:\w+)"', SOURCE)),
    "options": set(options()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_on_a_page(kind: str) -> None:
    assert len(KINDS[kind]) > 2
    assert sorted(KINDS[kind] - CODE) == []


def test_every_exit_code_is_in_a_table() -> None:
    assert sorted(set(exit_codes_of_both()) - TABLES) == []


def test_the_reference_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "reference.md").read_text()
    assert written == page(), "stale: run `make api`"
