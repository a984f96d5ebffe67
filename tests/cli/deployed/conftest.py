"""The minimal example, deployed once with the CDK command line, and ``bixarena`` as a process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bixarena_constructs.cli.deployed.stack import DeployedTask, find_task
from bixarena_constructs.demo.cdk import Cdk
from bixarena_constructs.demo.local_aws import LocalAws
from bixarena_constructs.demo.neighbours import define_neighbours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.demo.bixarena_database import BixArenaDatabase
    from bixarena_constructs.demo.postgres import PostgresServer

MINIMAL = Path(__file__).parents[3] / "examples" / "minimal"
STACK = "BixarenaSnapshot"
WORKER_IMAGE = "ghcr.io/sage-bionetworks/bixarena-worker"


@dataclass(frozen=True, kw_only=True)
class Arena:
    """A deployed example and what it stands on."""

    aws: LocalAws
    cdk: Cdk
    database: BixArenaDatabase

    @property
    def task(self) -> DeployedTask:
        return find_task(self.aws.session, STACK, name=None)

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("bixarena")), *arguments]

    def bixarena(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a process that sees this AWS only."""
        return subprocess.run(
            self.command(*arguments),
            env={**self.aws.environment(), "COLUMNS": "100", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="session")
def arena(postgres: PostgresServer, _filled_template: BixArenaDatabase) -> Iterator[Arena]:
    worker = [sys.executable, "-m", "bixarena_constructs.worker"]
    database = _filled_template.copy(postgres, "deployed")
    with LocalAws.start(images={WORKER_IMAGE: worker}) as aws:
        cdk = Cdk(
            MINIMAL,
            environment=aws.environment(),
            context=define_neighbours(aws, database.worker),
            work_folder=aws.folder / "cdk",
        )
        cdk.bootstrap(account=aws.account, region=aws.region)
        cdk.deploy()
        yield Arena(aws=aws, cdk=cdk, database=database)
