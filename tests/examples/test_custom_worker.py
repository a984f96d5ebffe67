"""examples/custom_worker: the store keeps the contract, the stack runs it and hears it fail."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bixarena_constructs.cli.deployed.outputs import outputs_by_task
from bixarena_constructs.deployment import Output
from bixarena_constructs.testing import SnapshotStoreContract
from bixarena_constructs.worker import Settings
from bixarena_demo.account_resources import define_neighbours
from bixarena_demo.cdk_cli import Cdk
from local_aws import Inbox, LocalAws

if TYPE_CHECKING:
    from types import ModuleType

    from bixarena_constructs.worker import SnapshotStore
    from bixarena_demo.postgres import ConnectionInfo, PostgresServer

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "custom_worker"
WORKER = ROOT / "src" / "bixarena_constructs" / "worker"
PROGRAM = EXAMPLE / "image" / "arena_worker.py"
# Each wins against those after it, but not always.
BOTS = ["Ada", "Bob", "Cyd", "Dan", "Eve"]


@pytest.fixture
def arena(postgres: PostgresServer, request: pytest.FixtureRequest) -> ConnectionInfo:
    """Its tables in a database of their own, with duels on two topics."""
    database = postgres.create_database(f"arena_{abs(hash(request.node.nodeid))}")
    chance = random.Random(1)  # noqa: S311 - a game
    with database.connect() as connection:
        connection.execute((EXAMPLE / "image" / "arena.sql").read_bytes())
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO arena.topic VALUES (%s)", [("art",), ("maths",)])
            cursor.executemany("INSERT INTO arena.bot VALUES (%s)", [(bot,) for bot in BOTS])
            cursor.executemany(
                "INSERT INTO arena.duel VALUES (%s, %s, %s, %s, %s)",
                [
                    (topic, left, right, "left" if chance.random() < 0.8 else "right", f"j{turn}")
                    for topic in ("art", "maths")
                    for number, left in enumerate(BOTS)
                    for right in BOTS[number + 1 :]
                    for turn in range(20)
                ],
            )
    return database


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("arena_worker", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
class TestArenaStore(SnapshotStoreContract):
    @pytest.fixture(autouse=True)
    def _arena(self, arena: ConnectionInfo) -> None:
        self.settings = Settings.from_environment(arena.environment)

    def open_store(self) -> SnapshotStore:
        store: SnapshotStore = _module().open_store(self.settings)
        return store


@pytest.mark.slow
def test_is_run_and_watched_by_the_construct(arena: ConnectionInfo, tmp_path: Path) -> None:
    images = {"ghcr.io/example/arena-worker": [sys.executable, str(PROGRAM)]}
    with LocalAws.start(images=images) as aws:
        context = define_neighbours(aws, arena)
        cdk = Cdk(
            EXAMPLE,
            environment={**aws.environment(), "CDK_VALIDATION": "false"},
            context=context,
            work_folder=tmp_path,
            executable=ROOT / "node_modules" / ".bin" / "cdk",
        )
        cdk.bootstrap(account=aws.account, region=aws.region)
        ((_, stack_outputs),) = cdk.deploy().items()
        (outputs,) = outputs_by_task(stack_outputs).values()
        inbox = Inbox(aws, outputs[Output.ALERT_TOPIC_ARN])

        def run_at(hour: int) -> int:
            moment = datetime(2026, 3, 6, hour, tzinfo=UTC)
            (task_arn,) = aws.fire(outputs[Output.RULE_NAME], scheduled_at=moment)
            task = aws.wait_for_task(outputs[Output.CLUSTER_ARN], task_arn, timeout_seconds=60)
            exit_code = task["containers"][0]["exitCode"]
            assert isinstance(exit_code, int)
            return exit_code

        assert run_at(10) == 0
        assert inbox.take() == []
        with arena.connect() as connection:
            found = connection.execute(
                "SELECT label, bot, place FROM arena.place JOIN arena.standing ON id = standing"
                " WHERE topic = 'maths' AND is_public ORDER BY place"
            ).fetchall()
            assert found == [
                ("snapshot_2026-03-06_10-00-00", bot, place)
                for place, bot in enumerate(BOTS, start=1)
            ]
            connection.execute("DROP TABLE arena.place")
        assert run_at(11) == 4
        (alert,) = inbox.take(at_least=1)
        assert "a run failed: PostgreSQL was out of reach, or refused the worker" in alert
        cdk.destroy()


@pytest.mark.slow
def test_ends_at_once_when_its_password_is_wrong_and_waits_for_a_server_that_is_down(
    arena: ConnectionInfo,
) -> None:
    def ended(**variables: str) -> tuple[int, dict[str, object], list[str]]:
        done = subprocess.run(
            [sys.executable, str(PROGRAM)],
            env={"PATH": os.environ["PATH"], **arena.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, events[-1], [each["event"] for each in events]

    code, last, events = ended(POSTGRES_PASSWORD="wrong")
    assert (code, last["cause"]) == (4, "database")
    assert events == ["run_started", "run_failed"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = str(listener.getsockname()[1])
    code, last, events = ended(POSTGRES_PORT=gone, MAX_RUNTIME_SECONDS="2")
    assert "retrying" in events
    assert (code, last["cause"]) in ((4, "database"), (5, "deadline"))


def _built(dockerfile: Path, root: Path) -> str:
    """Do what a Dockerfile's COPY lines say, below a folder, and return its text."""
    text = dockerfile.read_text()
    for options, words in re.findall(r"^COPY ((?:--\S+ )*)(.*)$", text, re.MULTILINE):
        if "--from" in options:
            continue
        *sources, target = words.split()
        place = root / target.lstrip("/")
        for pattern in sources:
            found = sorted(dockerfile.parent.glob(pattern))
            assert found, pattern
            for source in found:
                copied = place / source.name if target.endswith("/") else place
                copied.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copyfile)(source, copied)
                for mode in re.findall(r"--chmod=(\d+)", options):
                    copied.chmod(int(mode, 8))
    return text


@pytest.mark.slow
def test_its_image_has_all_that_its_entry_point_runs(
    arena: ConnectionInfo, tmp_path: Path
) -> None:
    """Without a Docker daemon: both Dockerfiles' files in a folder, the libraries from here."""
    _built(WORKER / "Dockerfile", tmp_path)
    (tmp_path / "opt/worker/bixarena_constructs/__init__.py").touch()
    (words,) = re.findall(
        r"^ENTRYPOINT (\[.*?\])$",
        _built(EXAMPLE / "image" / "Dockerfile", tmp_path),
        re.MULTILINE | re.DOTALL,
    )
    entry_point = json.loads(words.replace("\\\n", ""))
    *before, python, program = entry_point
    assert python == "python"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path / "opt/worker"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **arena.environment,
    }
    done = subprocess.run(
        [*before, sys.executable, str(tmp_path / program.lstrip("/"))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["outcome"], last["snapshots_published"]) == ("published", 2)
    shown = "from bixarena_constructs.worker import run; print(run.__code__.co_filename)"
    where = subprocess.run(
        [sys.executable, "-c", shown],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert where.stdout.startswith(str(tmp_path)), "the copy runs, not the checkout"
