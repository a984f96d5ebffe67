"""docs/worker.md says what the code does: names are compared, in both directions."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from bixarena_constructs.worker.contract import FAILURES, Event, Outcome, Variable

_PAGE = (Path(__file__).parents[2] / "docs" / "worker.md").read_text()
_SOURCE = Path(str(files("bixarena_constructs.worker")))


def _code() -> str:
    return "\n".join(path.read_text() for path in sorted(_SOURCE.glob("*.py")))


def _table(heading: str) -> list[list[str]]:
    section = _PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def test_lists_every_variable() -> None:
    documented = {name for row in _table("Settings") for name in re.findall(r"`(\w+)`", row[0])}
    assert documented == set(Variable)
    settings = _SOURCE.joinpath("settings.py").read_text()
    assert set(re.findall(r"Variable\.(\w+)", settings)) == set(Variable)


def test_lists_every_event() -> None:
    documented = {name for row in _table("Log") for name in re.findall(r"`(\w+)`", row[0])}
    assert documented == set(Event)
    assert set(re.findall(r"\bEvent\.(\w+)", _code())) >= {event.name for event in Event}


def test_lists_every_outcome() -> None:
    assert {row[0].strip("`") for row in _table("Outcomes")} == set(Outcome)


def test_lists_every_exit_code() -> None:
    documented = [[cell.replace("`", "") for cell in row] for row in _table("Exit codes")]
    known = [[str(each.exit_code), each.cause or "", each.meaning] for each in FAILURES]
    assert documented[0][0] == "0"
    assert documented[1:] == known


def test_shows_the_grants_that_the_tests_run_with() -> None:
    grants = _SOURCE.joinpath("sql", "grants.sql").read_text()
    assert f"```sql\n{grants}```" in _PAGE
