"""What the worker's tests share: settings for a database, and a log that can be read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from bixarena_constructs.worker.logs import open_log
from bixarena_constructs.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.typing import FilteringBoundLogger

    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.postgres import ConnectionInfo

# A JSON object of a log line: whatever the worker put into it.
Event = dict[str, Any]


class Journal(StringIO):
    """A log in memory, which can do something when an event comes."""

    def __init__(self) -> None:
        super().__init__()
        self._actions: dict[str, Callable[[], None]] = {}

    @property
    def log(self) -> FilteringBoundLogger:
        return open_log(self)

    def at(self, event: str, action: Callable[[], None]) -> None:
        """Do something when the event is logged."""
        self._actions[event] = action

    def write(self, text: str) -> int:
        written = super().write(text)
        self._actions.get(json.loads(text)["event"], lambda: None)()
        return written

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event["event"] == name]


@pytest.fixture
def journal() -> Journal:
    return Journal()


class MakeSettings(Protocol):
    def __call__(self, database: ConnectionInfo, **variables: str) -> Settings: ...


@pytest.fixture
def settings_for() -> MakeSettings:
    """Make settings for a database; few bootstrap rounds unless asked for."""

    def make(database: ConnectionInfo, **variables: str) -> Settings:
        return Settings.from_environment(
            {"NUM_BOOTSTRAP": "50", **database.environment, **variables}
        )

    return make


@dataclass
class WorkerProcess:
    """The worker as ECS runs it: a process with an environment and an output."""

    process: subprocess.Popen[str]

    def wait(self) -> tuple[int, list[Event], str]:
        """Wait for its end; exit code, events and standard error."""
        stdout, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in stdout.splitlines()], stderr


@pytest.fixture
def start_worker() -> Iterator[Callable[..., WorkerProcess]]:
    """Start a worker process; what is left of it at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, database: ConnectionInfo, **variables: str) -> WorkerProcess:
        environment = {
            "PATH": os.environ["PATH"],
            "NUM_BOOTSTRAP": "50",
            **database.environment,
            **variables,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "bixarena_constructs.worker", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return WorkerProcess(process)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def wait_for_worker() -> Callable[[BixArenaDatabase, str], None]:
    """Wait until a worker's session satisfies a condition on pg_stat_activity."""

    def wait(database: BixArenaDatabase, condition: str) -> None:
        statement = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'bixarena-worker'"
            f" AND datname = current_database() AND {condition}"
        )
        give_up = time.monotonic() + 60
        with database.owner.connect() as connection:
            while time.monotonic() < give_up:
                row = connection.execute(statement.encode()).fetchone()
                if row is not None and row[0] > 0:
                    return
                time.sleep(0.02)
        raise TimeoutError(f"no session of the worker with {condition}")

    return wait
