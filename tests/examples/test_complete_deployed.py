"""examples/complete on the local AWS: its schema step, and its worker as a role of its own.

The network and the database instance are records there, so a PostgreSQL of this machine stands in
for the instance: its host and port are written into the instance's secrets, and its certificate
is signed by an authority of the test's, in place of the file that the image has.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import trustme
from psycopg import sql

from bixarena_constructs.deployment import WORKER_IMAGE
from bixarena_demo.cdk_cli import Cdk
from bixarena_demo.postgres import ConnectionInfo, PostgresServer
from bixarena_demo.relay import Relay
from bixarena_demo.votes import Simulation, fill
from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator

# Deploys to a local AWS of its own, with a server of its own: the roles are the example's.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "-m", "bixarena_constructs.worker"]


class Deployed:
    """The stack, and the PostgreSQL that stands in for its database instance."""

    def __init__(self, aws: LocalAws, master: ConnectionInfo, authority: Path) -> None:
        self.aws = aws
        self.master = master
        self.authority = authority

    def run(self, task: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run one of its tasks, with the certificates of the test in place of the image's."""
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("bixarena")),
                *("run", "BixarenaSnapshot", "--task", task),
                *("--set", f"POSTGRES_SSLROOTCERT={self.authority}", *options),
            ],
            env={**self.aws.environment(), "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    authority = trustme.CA()
    certificates = tmp_path_factory.mktemp("authority") / "root.pem"
    authority.cert_pem.write_to_path(str(certificates))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with (
        PostgresServer.start(version=16) as server,
        Relay.to(server.superuser.port, tls=tls) as relay,
        LocalAws.start(images={WORKER_IMAGE: WORKER}) as aws,
    ):
        cdk = Cdk(
            ROOT / "examples" / "complete",
            environment={**aws.environment(), "CDK_VALIDATION": "false"},
            work_folder=tmp_path_factory.mktemp("cdk"),
            executable=ROOT / "node_modules" / ".bin" / "cdk",
        )
        cdk.bootstrap(account=aws.account, region=aws.region)
        cdk.deploy()
        yield Deployed(aws, _stand_in(aws, server, port=relay.port), certificates)
        cdk.destroy()


def _stand_in(aws: LocalAws, server: PostgresServer, *, port: int) -> ConnectionInfo:
    secrets = _secrets(aws)
    for arn, fields in secrets.items():
        there = {**fields, "host": "127.0.0.1", "port": port}
        aws.session.client("secretsmanager").put_secret_value(
            SecretId=arn, SecretString=json.dumps(there)
        )
    (master,) = (each for each in secrets.values() if each["username"] == "bixarena")
    with server.superuser.connect() as connection:
        connection.autocommit = True
        # As RDS's master user: no superuser, but it makes roles and owns its database.
        connection.execute(
            sql.SQL("CREATE ROLE bixarena LOGIN CREATEROLE CREATEDB PASSWORD {}").format(
                sql.Literal(master["password"])
            )
        )
        connection.execute("CREATE DATABASE bixarena OWNER bixarena")
    return server.info("bixarena", user="bixarena", password=master["password"])


def _secrets(aws: LocalAws) -> dict[str, dict[str, Any]]:  # the fields are RDS's
    client = aws.session.client("secretsmanager")
    return {
        each["ARN"]: json.loads(client.get_secret_value(SecretId=each["ARN"])["SecretString"])
        for each in client.list_secrets()["SecretList"]
    }


def _worker(deployed: Deployed) -> ConnectionInfo:
    (fields,) = (
        each for each in _secrets(deployed.aws).values() if each["username"] == "bixarena_worker"
    )
    return replace(deployed.master, user=fields["username"], password=fields["password"])


def test_brings_the_schema_and_publishes_as_a_role_of_its_own(
    deployed: Deployed, simulation: Simulation
) -> None:
    before = deployed.run("Snapshot")
    assert before.returncode != 0, "there is no role to log in as yet"

    for _ in range(2):
        migrated = deployed.run("Schema")
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr
        assert "the database is ready for the worker" in migrated.stdout
    with deployed.master.connect() as connection:
        fill(connection, simulation)

    done = deployed.run("Snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    with deployed.master.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM api.leaderboard_snapshot WHERE visibility = 'public'"
        ).fetchone()
    assert found is not None
    assert found[0] > 0


def test_gives_the_worker_no_more_than_the_documented_grants(deployed: Deployed) -> None:
    deployed.run("Schema")
    with _worker(deployed).connect() as connection:
        connection.execute("SELECT id, slug FROM api.leaderboard")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM api.leaderboard_snapshot")


def test_passes_a_new_password_on(deployed: Deployed) -> None:
    client = deployed.aws.session.client("secretsmanager")
    ((arn, fields),) = (
        item for item in _secrets(deployed.aws).items() if item[1]["username"] == "bixarena_worker"
    )
    client.put_secret_value(SecretId=arn, SecretString=json.dumps({**fields, "password": "new"}))
    assert deployed.run("Schema").returncode == 0
    with _worker(deployed).connect():
        pass


def test_refuses_a_server_whose_certificate_a_stranger_signed(
    deployed: Deployed, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    refused = deployed.run("Snapshot", "--set", f"POSTGRES_SSLROOTCERT={tmp_path / 'other.pem'}")
    assert refused.returncode != 0
    assert "certificate verify failed" in refused.stdout


def test_has_a_subscriber_on_the_topic_of_its_alarms(deployed: Deployed) -> None:
    sns = deployed.aws.session.client("sns")
    (topic,) = sns.list_topics()["Topics"]
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
    assert (found["Protocol"], found["Endpoint"]) == ("email", "arena-on-call@example.com")
