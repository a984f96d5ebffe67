"""docs/breaks.md: what an operator sees of thirty breaks, played once more."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
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
def arena(own_arena: Arena) -> Arena:
    """The page is of a task that has not run."""
    return own_arena


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_undoes_a_break_also_where_the_shell_lets_it_be_ignored(
    arena: Arena, tmp_path: Path, number: signal.Signals
) -> None:
    stage = Stage(aws=arena.aws, stack=arena.task.stack, owner=arena.database.owner)
    stage.save(tmp_path / "local.json")
    in_background = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    call = "import runpy; runpy.run_module('bixarena_demo', run_name='__main__')"
    options = ("rule-disabled", "--data-folder", str(tmp_path / "postgres"))
    with subprocess.Popen(
        [sys.executable, "-u", "-c", in_background + call, "break", *options],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        until = [next(process.stdout) for _ in range(2)]
        assert "Ctrl-C undoes the break" in until[1]
        assert state_of_rule(arena) == "DISABLED"
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
    assert state_of_rule(arena) == "ENABLED"


def state_of_rule(arena: Arena) -> str:
    events = arena.aws.session.client("events")
    return str(events.describe_rule(Name=str(arena.task.rule_name))["State"])
