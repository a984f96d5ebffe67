"""docs/breaks.md: what an operator sees of thirty breaks, played once more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docs.write_breaks import row, section

from bixarena_demo.breaks import BREAKS
from bixarena_demo.rehearsal import Rehearsal
from bixarena_demo.stage import Stage

if TYPE_CHECKING:
    from conftest import Arena  # type: ignore[import-not-found] # pytest's, no package

PAGE = (Path(__file__).parents[2] / "docs" / "breaks.md").read_text()
# A run that fails, and one that nobody asks for.
SOME = ("wrong-password", "rule-deleted")


@pytest.fixture(scope="module")
def rehearsal(arena: Arena) -> Rehearsal:
    return Rehearsal(Stage(aws=arena.aws, stack=arena.task.stack, owner=arena.database.owner))


def test_the_page_has_thirty_breaks_each_with_its_row_and_its_section() -> None:
    assert re.findall(r"^\| \[([\w-]+)\]\(#\1\) \|", PAGE, re.MULTILINE) == list(BREAKS)
    assert re.findall(r"^## (.+)\n\n(.+)", PAGE, re.MULTILINE) == [
        (name, play.__doc__) for name, play in BREAKS.items()
    ]
    assert len(BREAKS) >= 30


@pytest.mark.parametrize("name", SOME)
def test_a_break_is_seen_as_the_page_says(rehearsal: Rehearsal, name: str) -> None:
    seen = rehearsal.play(name)
    assert section(name, seen) in PAGE
    assert row(name, seen) in PAGE


@pytest.mark.breaks
@pytest.mark.parametrize("name", [name for name in BREAKS if name not in SOME])
def test_any_other_break_is_seen_as_the_page_says(rehearsal: Rehearsal, name: str) -> None:
    test_a_break_is_seen_as_the_page_says(rehearsal, name)
