"""Write docs/breaks.md by playing each break: ``python docs/write_breaks.py > docs/breaks.md``."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bixarena_demo.breaks import BREAKS
from bixarena_demo.rehearsal import Rehearsal
from bixarena_demo.stage import open_stage
from bixarena_demo.votes import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bixarena_demo.rehearsal import Seen

MINIMAL = Path(__file__).parents[1] / "examples" / "minimal"
INTRODUCTION = """# Thirty breaks

What an operator sees when something breaks, in the words of each alert and command. `make
breaks` wrote this page. It deploys `examples/minimal` to the [AWS on this
machine](local-aws.md), and for each break lets a run succeed, breaks one thing, lets the
schedule's time come, and then uses `bixarena status --check`, `logs`, `doctor --connect` and
`run`. `make test-breaks` plays them again and compares; `make test` does so with two. `make
local` and `make local-break NAME=...` play one for you to look at.

The number is the command's exit code. Times, names and numbers that change are replaced by words
such as RUN. An alarm with † is computed from its definition in the template, and `status`
here does not see it: on AWS it ends with 78 there. The local AWS has no network either: on AWS a
run after `egress-closed` or `route-gone` would not start. `doctor` does not ask the registry here.
Of an alert its first lines are shown; the commands for the log and the next run
[follow them](monitoring.md#a-failed-run)."""


def page(seen: dict[str, Seen]) -> str:
    """Return the text of docs/breaks.md.

    Args:
        seen: What was seen of each break, by its name.
    """
    rows = [
        "| Break | Alert | `status` | `logs` | `doctor` | `run` |",
        "|---|---|---|---|---|---|",
        *(row(name, each) for name, each in seen.items()),
    ]
    sections = (section(name, each) for name, each in seen.items())
    return "\n\n".join([INTRODUCTION, "\n".join(rows), *sections]) + "\n"


def row(name: str, seen: Seen) -> str:
    """Return the break's row of the overview: how many alerts, and the exit codes."""
    alerts = ["1" for _ in seen.alerts[:1]] + ["†" for _ in seen.alarms[:1]]
    codes = (each[0] for each in (seen.status, seen.logs, seen.doctor, seen.run))
    return f"| [{name}](#{name}) | {' '.join(alerts) or 'none'} | {' | '.join(codes)} |"


def section(name: str, seen: Seen) -> str:
    """Return what was seen of a break."""
    alerts = [*seen.alerts, *(f"the alarm {each} †" for each in seen.alarms)]
    cells = {
        "alert": alerts or ["none"],
        "`status --check`": seen.status,
        "`logs`": seen.logs,
        "`doctor --connect`": seen.doctor,
        "`run`": seen.run,
    }
    table = "\n".join(f"| {what} | {_cell(lines)} |" for what, lines in cells.items())
    return f"## {name}\n\n{BREAKS[name].__doc__}\n\n| | |\n|---|---|\n{table}"


def _cell(lines: Iterable[str]) -> str:
    # Pipes and brackets mean something to Markdown.
    return "<br>".join(line.replace("|", "\\|").replace("<", "&lt;") for line in lines)


def main() -> None:
    """Play every break on a stage of its own and print the page."""
    votes = simulate(seed=2026, models=10, battles=2000)
    with (
        TemporaryDirectory() as folder,
        open_stage(
            MINIMAL, data_folder=Path(folder) / "postgres", report=_report, simulation=votes
        ) as stage,
    ):
        rehearsal = Rehearsal(stage)
        seen = {}
        for name in BREAKS:
            _report(name)
            seen[name] = rehearsal.play(name)
    sys.stdout.write(page(seen))


def _report(step: str) -> None:
    sys.stderr.write(f"{step}\n")


if __name__ == "__main__":
    main()
