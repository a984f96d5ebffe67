"""Prints the status of a deployed task; no line breaks what is copied from it."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from rich.text import Text

from bixarena_constructs.cli.printable import printable
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_constructs.cli.status.reading import Status
    from bixarena_constructs.cli.status.run_lines import RunLine

__all__ = ["print_status"]

_ALARM_STYLES: Final = {"ALARM": "bold red", "GONE": "bold red", "OK": "green"}
_MINUTE: Final = 60
_HOUR: Final = 3600


def print_status(status: Status, console: Console, task: DeployedTask) -> None:
    """Print the schedule, the runs, the snapshots, the alarms and the dead letters.

    Args:
        status: What to print.
        console: Where to print it.
        task: The task, which hints and links name.
    """
    console.print(Text(f"{status.task} of {status.stack}; all times are in UTC", style="bold"))
    for show in (_schedule, _runs, _snapshots, _alarms):
        for line in show(status):
            console.print(line)
    for line in _dead_letters(status, task):
        console.print(line)
    for each in status.attention:
        console.print(_headed("needs attention: ", printable(each), "bold yellow"))
    for part, why in status.unknown.items():
        console.print(_headed(f"not known: {part}: ", printable(why), "yellow"))


def _headed(head: str, text: str, style: str = "not bold") -> Text:
    return Text(f"\n{head}", style="bold").append(text, style=style)


def _schedule(status: Status) -> Iterator[Text]:
    schedule = status.schedule
    if schedule is None:
        if "schedule" not in status.unknown:
            yield _headed("schedule  ", "none: no rule of the stack starts this task")
        return
    yield _headed("schedule  ", schedule.expression or "none")
    if schedule.next_runs:
        yield Text(f"  next runs: {', '.join(map(_minute, schedule.next_runs))}")
    if schedule.note:
        yield Text(f"  {schedule.note}")


def _runs(status: Status) -> Iterator[Text]:
    yield _headed("runs  ", "" if status.runs else "none: ECS, the history and the log have none")
    explained = set()
    for run in status.runs:
        yield _run(run)
        if run.why and run.why not in explained:
            explained.add(run.why)
            yield Text(f"    {printable(run.why)}", style="yellow")


def _snapshots(status: Status) -> Iterator[Text]:
    if status.snapshots:
        yield _headed("last snapshots  ", "")
    by_name = sorted(((name, slug) for slug, name in status.snapshots.items()), reverse=True)
    for name, pairs in groupby(by_name, key=itemgetter(0)):
        boards = ", ".join(sorted(slug for _, slug in pairs))
        yield Text(f"  {printable(name)}  {printable(boards)}")


def _alarms(status: Status) -> Iterator[Text]:
    if status.alarms is None:
        if "alarms" not in status.unknown:
            yield _headed("alarms  ", "none: the task has no monitoring")
        return
    yield _headed("alarms  ", "")
    for name, state in status.alarms.items():
        yield Text(f"  {state:<17} ", style=_ALARM_STYLES.get(state, "")).append(name)


def _run(run: RunLine) -> Text:
    text = Text(f"  {printable(_minute(run.started_at)):<16}  ")
    text.append(printable(run.outcome), style=_style(run))
    if run.seconds is not None:
        took = _length(run.seconds)
        deadline = f", deadline {_length(run.deadline_seconds)}" if run.deadline_seconds else ""
        text.append(f" after {took}" if run.has_ended else f" for {took}{deadline}")
    if run.published:
        text.append(f", {run.published} leaderboards published")
    text.append(f"\n    {run.id}", style="dim")
    if run.started_by:
        text.append(f"  by {printable(run.started_by)}", style="dim")
    if run.command:
        text.append(f": {printable(run.command)}", style="dim")
    elif run.scheduled_at:
        text.append(f" for {printable(_minute(run.scheduled_at))}", style="dim")
    return text


def _dead_letters(status: Status, task: DeployedTask) -> Iterator[Text]:
    dead = status.dead_letters
    if dead is None:
        return
    yield _headed("dead letters  ", str(dead.count))
    for letter in dead.letters:
        yield Text(f"  {printable(letter.scheduled_at)}  {printable(letter.why)}")
    if not dead.letters:
        return
    again = task.hint("run")
    times = " ".join(sorted({letter.scheduled_at for letter in dead.letters}))
    url = task.outputs[Output.DEAD_LETTER_QUEUE_URL]
    region = task.session.region_name
    yield Text(f"  run one again: {again} --scheduled-at {dead.letters[-1].scheduled_at}")
    yield Text(f"  run all again: for time in {times}; do {again} --scheduled-at $time; done")
    yield Text(f"  delete them all: aws sqs purge-queue --queue-url {url} --region {region}")


def _style(run: RunLine) -> str:
    if run.has_failed:
        return "bold red"
    return "yellow" if run.shows_nothing else ""


def _minute(moment: str | None) -> str:
    return "" if moment is None else moment[:16].replace("T", " ")


def _length(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
