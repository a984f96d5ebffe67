"""An app deployed to the local AWS, with a database of simulated votes: the demo's stage."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from bixarena_constructs.aws.run_times import CronSchedule
from bixarena_constructs.aws.schedule_expression import parse_expression
from bixarena_constructs.cli.deployed.stack import find_task
from bixarena_constructs.deployment import WORKER_IMAGE
from bixarena_demo.account_resources import define_neighbours
from bixarena_demo.bixarena_database import BixArenaDatabase
from bixarena_demo.cdk_cli import Cdk
from bixarena_demo.postgres import ConnectionInfo, PostgresServer
from bixarena_demo.votes import simulate
from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_constructs.cli.deployed.stack import DeployedTask
    from bixarena_demo.votes import Simulation

__all__ = ["DATABASE", "WORKER", "Stage", "StageError", "open_stage"]

DATABASE: Final = "bixarena"
"""Name of the stage's database."""

WORKER: Final = (sys.executable, "-m", "bixarena_constructs.worker")
"""What stands in for the entry point of the worker's image."""

_SEED: Final = 2026
_LONGEST_RUN: Final = 300


class StageError(Exception):
    """No stage is up."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A deployed app and what it stands on.

    Attributes:
        aws: Where the app is deployed.
        stack: Name of its stack.
        owner: The database, for somebody who may do everything.
    """

    aws: LocalAws
    stack: str
    owner: ConnectionInfo

    @property
    def task(self) -> DeployedTask:
        """The deployed task."""
        return find_task(self.aws.session, self.stack, name=None)

    def fire(self, scheduled_at: datetime) -> None:
        """Let a time of the schedule come, if its rule fires, and wait for the run's end.

        Args:
            scheduled_at: The time, which the clock need not show.
        """
        rules = self.aws.session.client("events").list_rules()["Rules"]
        schedules = {each["Name"]: each.get("ScheduleExpression", "") for each in rules}
        rule = str(self.task.rule_name)
        schedule = parse_expression(schedules[rule]) if rule in schedules else None
        if isinstance(schedule, CronSchedule) and any(schedule.runs_after(datetime.now(UTC))):
            for arn in self.aws.fire(rule, scheduled_at=scheduled_at):
                self.aws.wait_for_task(self.task.cluster_arn, arn, timeout_seconds=_LONGEST_RUN)

    def settings(self) -> dict[str, str]:
        """Return the environment variables by which AWS's tools find the stage."""
        environment = self.aws.environment()
        return {name: value for name, value in environment.items() if name.startswith("AWS_")}

    def save(self, file: Path) -> None:
        """Write down how another process finds the stage."""
        place = {
            "port": int(self.aws.endpoint_url.rpartition(":")[2]),
            "folder": str(self.aws.folder),
            "stack": self.stack,
            "owner": asdict(self.owner),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps(place))

    @classmethod
    def saved_in(cls, file: Path) -> Self:
        """Return the stage that another process keeps up.

        Raises:
            FileNotFoundError: There is none.
        """
        place = json.loads(file.read_text())
        return cls(
            aws=LocalAws(port=place["port"], folder=Path(place["folder"])),
            stack=place["stack"],
            owner=ConnectionInfo(**place["owner"]),
        )


@contextmanager
def open_stage(
    app_folder: Path,
    *,
    data_folder: Path,
    report: Callable[[str], None],
    simulation: Simulation | None = None,
    worker_password: str | None = None,
) -> Iterator[Stage]:
    """Deploy an app to a local AWS of its own, which lasts as long as the ``with`` block.

    Args:
        app_folder: The app, ``examples/minimal`` or one with the same context and stack.
        data_folder: Where the database's files are kept afterwards; what was there is replaced.
        report: Called with each step before it starts.
        simulation: The votes. Default: - the demo's.
        worker_password: Password of the worker's role in the database. Default: - a random one.

    Raises:
        CdkError: The app could not be synthesised or deployed.
    """
    if (data_folder / "data" / "PG_VERSION").exists():
        shutil.rmtree(data_folder)
    with ExitStack() as running:
        report("starting PostgreSQL 16, with simulated votes of known truth")
        server = running.enter_context(PostgresServer.start(version=16, folder=data_folder))
        database = BixArenaDatabase.create(
            server,
            DATABASE,
            simulation=simulation or simulate(seed=_SEED),
            worker_password=worker_password,
        )
        report("starting a local AWS, with a VPC, a cluster and the database's secret in it")
        aws = running.enter_context(LocalAws.start(images={WORKER_IMAGE: WORKER}))
        cdk = Cdk(
            app_folder,
            environment=aws.environment(),
            context=define_neighbours(aws, database.worker),
            work_folder=aws.folder / "cdk",
        )
        report("bootstrapping it with the CDK command line")
        cdk.bootstrap(account=aws.account, region=aws.region)
        report(f"synthesising and deploying {app_folder}")
        (stack,) = cdk.deploy()
        yield Stage(aws=aws, stack=stack, owner=database.owner)
