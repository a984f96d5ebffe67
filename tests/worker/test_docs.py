"""docs/worker.md says what the code does: names are compared, in both directions."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import bixarena_constructs.worker.errors as errors_module
from bixarena_constructs.worker.contract import Outcome
from bixarena_constructs.worker.errors import InterruptedRunError, WorkerError
from bixarena_constructs.worker.records import Status

_PAGE = (Path(__file__).parents[2] / "docs" / "worker.md").read_text()
_SOURCE = Path(str(files("bixarena_constructs.worker")))


def _code() -> str:
    return "\n".join(path.read_text() for path in sorted(_SOURCE.glob("*.py")))


def _table(heading: str) -> list[list[str]]:
    section = _PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def test_lists_every_variable() -> None:
    documented = {row[0].strip("`") for row in _table("Settings")}
    settings = _SOURCE.joinpath("settings.py").read_text()
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+|SEED|SIGNIFICANT)"', settings))
    assert documented == read
    assert len(read) > 20


def test_lists_every_event() -> None:
    documented = {name for row in _table("Log") for name in re.findall(r"`(\w+)`", row[0])}
    logged = set(re.findall(r'\.(?:info|warning|error)\(\s*"(\w+)"', _code()))
    assert documented == logged | {f"board_{status}" for status in Status}


def test_lists_every_outcome() -> None:
    assert {row[0].strip("`") for row in _table("Outcomes")} == set(Outcome)


def test_lists_every_exit_code() -> None:
    documented = {row[1].strip("`"): row[0] for row in _table("Exit codes")}
    classes = [
        kind
        for kind in vars(errors_module).values()
        if isinstance(kind, type) and issubclass(kind, WorkerError)
    ]
    for kind in classes:
        if kind is not InterruptedRunError:
            assert documented[kind.cause] == str(kind.exit_code), kind
    assert documented["interrupted"] == ", ".join(
        str(InterruptedRunError(number).exit_code) for number in (2, 15)
    )
    assert documented.keys() == {kind.cause for kind in classes} | {""}


def test_shows_the_grants_that_the_tests_run_with() -> None:
    grants = _SOURCE.joinpath("sql", "grants.sql").read_text()
    assert f"```sql\n{grants}```" in _PAGE
