"""``bixarena run`` as a process, on the deployed example."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bixarena_demo.boards import published_boards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Arena  # type: ignore[import-not-found] # pytest's, no package

pytestmark = pytest.mark.xdist_group("arena")

STACK = "BixarenaSnapshot"
QUICK = ("--set", "NUM_BOOTSTRAP=20")


def snapshots(arena: Arena) -> set[tuple[str, str]]:
    with arena.database.owner.connect() as connection:
        return {(board.slug, board.snapshot) for board in published_boards(connection)}


def minutes_ago(count: int) -> str:
    return f"{datetime.now(UTC) - timedelta(minutes=count):%Y-%m-%dT%H:%M:00Z}"


def test_starts_the_deployed_task_as_the_schedule_would(arena: Arena) -> None:
    ran = arena.bixarena("run", STACK, "--no-follow", *QUICK)
    assert ran.returncode == 0, ran.stderr
    by_hand = arena.aws.wait_for_task(arena.task.cluster_arn, ran.stdout.strip())
    (task_arn,) = arena.aws.fire(arena.task.rule_name, scheduled_at=datetime.now(UTC))
    by_schedule = arena.aws.wait_for_task(arena.task.cluster_arn, task_arn)
    for same in ("taskDefinitionArn", "group", "launchType", "clusterArn"):
        assert by_hand[same] == by_schedule[same]
    (override,) = by_hand["overrides"]["containerOverrides"]
    (scheduled,) = by_schedule["overrides"]["containerOverrides"]
    assert override["name"] == scheduled["name"] == "bixarena-worker"
    names = {variable["name"] for variable in override["environment"]}
    assert names == {variable["name"] for variable in scheduled["environment"]} | {"NUM_BOOTSTRAP"}


def test_follows_the_log_and_ends_with_zero(arena: Arena) -> None:
    ran = arena.bixarena("run", STACK, "--leaderboard", "overall", "--dry-run", *QUICK)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  run started", lines[0])
    assert "run finished  outcome computed" in lines[-1]
    assert "board computed overall" in ran.stdout
    assert "cancer" not in ran.stdout.partition("board ranked")[2]
    assert re.search(r"^ +1  model-\w  \d+\.\d \(|^ +1  model-\w", ran.stdout, re.MULTILINE)
    assert "running" in ran.stderr
    assert "stopped" in ran.stderr


def test_runs_again_for_the_time_of_a_dead_letter(arena: Arena) -> None:
    # Later than any snapshot that another test published, or this would be stored private.
    moment = minutes_ago(0)
    ran = arena.bixarena("run", STACK, "--scheduled-at", moment, "--leaderboard", "overall")
    assert ran.returncode == 0, ran.stderr
    name = f"snapshot_{moment[:10]}_{moment[11:13]}-{moment[14:16]}-00"
    assert name in ran.stdout
    again = arena.bixarena("run", STACK, "--scheduled-at", moment, "--leaderboard", "overall")
    assert "board already published overall" in again.stdout


def test_a_dry_run_writes_nothing(arena: Arena) -> None:
    before = snapshots(arena)
    ran = arena.bixarena("run", STACK, "--dry-run", *QUICK)
    assert ran.returncode == 0
    assert snapshots(arena) == before


def test_ends_with_the_workers_exit_code_and_says_what_it_means(arena: Arena) -> None:
    ran = arena.bixarena("run", STACK, "--set-other", "NUM_BOOTSTRAP=many")
    assert ran.returncode == 2
    assert "the worker ended with exit code 2" in ran.stderr
    assert (
        "the worker's settings are wrong, or there is no such leaderboard; the log" in ran.stderr
    )
    assert "NUM_BOOTSTRAP" in ran.stdout


def test_leaves_a_run_that_takes_longer_than_the_timeout(arena: Arena) -> None:
    ran = arena.bixarena("run", STACK, "--timeout", "0", "--dry-run")
    assert ran.returncode == 75
    assert "goes on; watch it with `bixarena logs BixarenaSnapshot --run" in ran.stderr
    run_id = re.findall(r"--run (\S+)", ran.stderr)[-1]
    stopped = arena.aws.wait_for_task(arena.task.cluster_arn, run_id)
    assert stopped["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "NUM_BOOTSTRAP"), "'NUM_BOOTSTRAP' is not NAME=VALUE"),
        (("--scheduled-at", "2026-03-06T10:00:00"), "not a time with an offset"),
        (("--scheduled-at", "yesterday"), "not a time with an offset"),
        (("--scheduled-at", "2199-03-06T10:00:00Z"), "has not come yet"),
        (("--set", "POSTGRES_PASSWORD=x"), "POSTGRES_PASSWORD is a secret of the task"),
        (("--set", "SCHEDULED_AT=2099-01-01T00:00:00Z"), "set by --scheduled-at"),
        (("--set", "DRYRUN=true"), "reads no variable DRYRUN; is DRY_RUN meant?"),
        (("--set", "LOGLEVEL=debug"), "--set-other sets one for a worker of your own"),
        (("--set", "KEEP_SNAPSHOTS=0"), "KEEP_SNAPSHOTS"),
        (("--leaderboard", ""), "the slug is empty"),
    ],
)
def test_refuses_what_cannot_be_run_before_it_starts_anything(
    arena: Arena, arguments: tuple[str, ...], message: str
) -> None:
    ran = arena.bixarena("run", STACK, *arguments)
    assert ran.returncode == 64
    assert message in " ".join(ran.stderr.replace("│", " ").split())
    assert "started" not in ran.stderr


def test_explains_a_worker_that_never_ran(arena: Arena) -> None:
    ecs = arena.aws.session.client("ecs")
    events = arena.aws.session.client("events")
    (target,) = events.list_targets_by_rule(Rule=arena.task.rule_name)["Targets"]
    definition = ecs.describe_task_definition(
        taskDefinition=target["EcsParameters"]["TaskDefinitionArn"]
    )["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    other = ecs.register_task_definition(
        family=definition["family"],
        networkMode="awsvpc",
        executionRoleArn=definition["executionRoleArn"],
        containerDefinitions=[{**container, "image": "ghcr.io/sage-bionetworks/gone:1.0.0"}],
    )["taskDefinition"]["taskDefinitionArn"]
    broken = {**target, "EcsParameters": {**target["EcsParameters"], "TaskDefinitionArn": other}}
    try:
        events.put_targets(Rule=arena.task.rule_name, Targets=[broken])
        ran = arena.bixarena("run", STACK)
    finally:
        events.put_targets(Rule=arena.task.rule_name, Targets=[target])
    assert ran.returncode == 69
    assert "error: the worker never ran: CannotPullContainerError" in ran.stderr
    assert "the registry has no such image or tag; check the image's name" in ran.stderr


@pytest.mark.parametrize("reader", ["gone", "full"])
def test_says_that_a_run_goes_on_whose_log_nobody_takes(arena: Arena, reader: str) -> None:
    with _stdout(reader) as out:
        ran = subprocess.run(
            arena.command("run", STACK, "--dry-run", *QUICK),
            env=arena.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 76, ran.stderr
    assert "standard output takes no more; the run" in ran.stderr
    assert "was started and may be under way" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("reader", "message"), [("gone", ""), ("full", "takes no more")])
def test_a_status_that_nobody_takes_ends_with_no_exit_code_of_the_worker(
    arena: Arena, reader: str, message: str
) -> None:
    with _stdout(reader) as out:
        ran = subprocess.run(
            arena.command("status", STACK),
            env=arena.environment(),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 73
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_sigterm_leaves_the_run_and_says_so(arena: Arena) -> None:
    with subprocess.Popen(
        arena.command("run", STACK, "--dry-run", "--set", "NUM_BOOTSTRAP=5000"),
        env=arena.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "started" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 75, said
    assert "ended by SIGTERM; the run" in said


@contextmanager
def _stdout(reader: str) -> Iterator[int]:
    """A pipe that nobody reads, or a device that is full."""
    if reader == "full":
        out = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, out = os.pipe()
        os.close(reading)
    try:
        yield out
    finally:
        os.close(out)


def interruptible(*arguments: str) -> list[str]:
    """The command line, minding SIGINT also where the tests run in the background of a shell."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from bixarena_constructs.cli import main; main()"
    )
    return [sys.executable, "-c", program, *arguments]


class Terminal:
    """A process that believes a person watches it."""

    def __init__(self, arena: Arena, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            interruptible(*arguments),
            env=arena.environment(TERM="xterm", COLUMNS="200"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = ""

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> None:
        give_up = time.monotonic() + 60
        while text not in self.said:
            assert self._listen(give_up), self.said

    def wait_for_question(self) -> None:
        """Wait until it sleeps over its question; a signal on the way there is seen with a key."""
        self.wait_for("[y/N]: ")
        give_up = time.monotonic() + 60
        while Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2][0] != "S":
            assert time.monotonic() < give_up, self.said
            time.sleep(0.01)

    def end(self) -> int:
        give_up = time.monotonic() + 60
        while self._listen(give_up):
            pass
        return self._process.wait(60)

    def _listen(self, give_up: float) -> bool:
        """Hear what it says next; false once nobody writes to the terminal any more."""
        heard, _, _ = select.select([self._ours], [], [], max(0.0, give_up - time.monotonic()))
        assert heard, self.said
        try:
            said = os.read(self._ours, 4096)
        except OSError:  # how a pseudo terminal says so
            return False
        self.said += said.decode(errors="replace")
        return bool(said)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)


@pytest.fixture
def slow_run(arena: Arena) -> Iterator[Terminal]:
    """A watched run that waits for a lock which the test holds."""
    with arena.database.owner.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE api.battle IN ACCESS EXCLUSIVE MODE")
        terminal = Terminal(arena, "run", STACK)
        try:
            terminal.wait_for("run started")
            yield terminal
        finally:
            terminal.close()


def test_ctrl_c_asks_and_stops_the_run(slow_run: Terminal) -> None:
    slow_run.interrupt()
    slow_run.wait_for("Stop the run?")
    slow_run.wait_for_question()
    slow_run.type("y\n")
    assert slow_run.end() == 143
    assert "stopped by SIGTERM" in slow_run.said
    assert "a person or a program stopped the task" in slow_run.said


def test_a_second_ctrl_c_leaves_the_run(arena: Arena, slow_run: Terminal) -> None:
    slow_run.interrupt()
    slow_run.wait_for("Stop the run?")
    slow_run.wait_for_question()
    slow_run.interrupt()
    assert slow_run.end() == 75
    assert "which goes on; watch it with" in slow_run.said
    run_id = re.findall(r"--run (\S+)", slow_run.said)[-1]
    ecs = arena.aws.session.client("ecs")
    (task,) = ecs.describe_tasks(cluster=arena.task.cluster_arn, tasks=[run_id])["tasks"]
    assert task["lastStatus"] == "RUNNING"
    ecs.stop_task(cluster=arena.task.cluster_arn, task=run_id)


def test_ctrl_c_without_a_terminal_leaves_the_run(arena: Arena) -> None:
    with arena.database.owner.connect() as holder, holder.transaction():
        holder.execute("LOCK TABLE api.battle IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(
            interruptible("run", STACK),
            env=arena.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert "run started" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "which goes on" in said
    run_id = re.findall(r"--run (\S+)", said)[-1]
    stopped = arena.aws.wait_for_task(arena.task.cluster_arn, run_id)
    assert stopped["containers"][0]["exitCode"] == 0
