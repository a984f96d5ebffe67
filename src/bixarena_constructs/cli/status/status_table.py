"""Prints the status of a deployed task on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from bixarena_constructs.cli.printable import printable
from bixarena_constructs.worker.contract import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from bixarena_constructs.cli.status.reading import RunLine, Status

__all__ = ["print_status"]

_ALARM_STYLES: Final = {"ALARM": "bold red", "OK": "green"}


def print_status(status: Status, console: Console, *, arguments: str) -> None:
    """Print the schedule, the runs, the snapshots, the alarms and the dead letters.

    Args:
        status: What to print.
        console: Where to print it.
        arguments: What follows a command's name to choose the task.
    """
    console.print(Text(f"{status.task} of {status.stack}", style="bold"))
    _schedule(status, console)
    _runs(status.runs, console)
    _snapshots(status, console)
    _alarms(status, console)
    _dead_letters(status, console, arguments)
    if status.warning:
        console.print(Text(f"warning: {status.warning}", style="yellow"))
    for part, why in status.unknown.items():
        console.print(Text(f"not known: {part}: {why}", style="yellow"))


def _schedule(status: Status, console: Console) -> None:
    schedule = status.schedule
    if schedule is None:
        if "schedule" not in status.unknown:
            console.print("schedule  none: no rule of the stack starts this task")
        return
    state = "enabled" if schedule.enabled else "disabled"
    console.print(Text(f"schedule  {schedule.expression} in UTC, {state}"))
    if schedule.next_runs:
        console.print(Text(f"next runs  {', '.join(map(_minute, schedule.next_runs))} UTC"))
    if schedule.note:
        console.print(Text(f"  {schedule.note}", style="dim"))


def _runs(runs: tuple[RunLine, ...], console: Console) -> None:
    if not runs:
        console.print("\nno runs: ECS, the history and the log have none")
        return
    table = Table(title="\nLast runs", title_justify="left", box=None, pad_edge=False)
    for heading in ("Started", "For", "Outcome", "Published"):
        table.add_column(heading)
    # On one line, so that it can be copied.
    table.add_column("Run", no_wrap=True)
    for run in runs:
        table.add_row(
            printable(_minute(run.started_at)),
            printable(_minute(run.scheduled_at)),
            Text(printable(run.outcome), style=_style(run)),
            "" if run.published is None else str(run.published),
            Text(run.id),
        )
    console.print(table)
    if runs[0].why:
        console.print(Text(f"the last run: {printable(runs[0].why)}", style="yellow"))


def _snapshots(status: Status, console: Console) -> None:
    if not status.snapshots:
        return
    table = Table(title="\nLast snapshots", title_justify="left", box=None, pad_edge=False)
    table.add_column("Leaderboard")
    table.add_column("Snapshot")
    for slug, snapshot in status.snapshots.items():
        table.add_row(Text(printable(slug)), Text(printable(snapshot)))
    console.print(table)


def _alarms(status: Status, console: Console) -> None:
    if status.alarms is None:
        if "alarms" not in status.unknown:
            console.print("\nno alarms: the task has no monitoring")
        return
    table = Table(title="\nAlarms", title_justify="left", box=None, pad_edge=False)
    table.add_column("Alarm", overflow="fold")
    table.add_column("State")
    for name, state in status.alarms.items():
        table.add_row(Text(name), Text(state, style=_ALARM_STYLES.get(state, "")))
    console.print(table)


def _dead_letters(status: Status, console: Console, arguments: str) -> None:
    dead = status.dead_letters
    if dead is None:
        return
    console.print(f"\ndead letters  {dead.count}")
    for letter in dead.letters:
        console.print(Text(f"  {letter.scheduled_at}  {printable(letter.why)}"))
    if dead.letters:
        example = dead.letters[-1].scheduled_at
        console.print(
            Text(f"  run one again with `bixarena run {arguments} --scheduled-at {example}`")
        )


def _style(run: RunLine) -> str:
    if run.exit_code not in {0, None}:
        return "bold red"
    # It did what it was asked to, and the site shows an older board.
    return "yellow" if run.outcome == Outcome.STORED_PRIVATE else ""


def _minute(moment: str | None) -> str:
    return "" if moment is None else moment[:16].replace("T", " ")
