"""Alerts for real: the stack on the local AWS, the worker, PostgreSQL, and who hears of it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration

from bixarena_constructs import SnapshotMonitoring
from bixarena_constructs.cdk.monitoring.message import TROUBLESHOOTING
from bixarena_constructs.deployment import STARTED_BY_RETRY
from bixarena_demo.account_resources import define_neighbours
from local_aws import Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.bixarena_database import BixArenaDatabase
    from local_aws import LocalAws

MORNING = datetime(2026, 3, 6, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Arena:
    """The deployed stack, and a queue that hears what the topic hears."""

    aws: LocalAws
    outputs: dict[str, str]
    inbox: Inbox

    def run(self, scheduled_at: datetime = MORNING) -> dict[str, Any]:
        """Fire the schedule, and return the task when it has stopped."""
        (task_arn,) = self.aws.fire(self.outputs["RuleName"], scheduled_at=scheduled_at)
        task = self.aws.wait_for_task(self.outputs["ClusterArn"], task_arn, timeout_seconds=120)
        return dict(task)

    def alerts(self, *, at_least: int = 0) -> list[str]:
        return self.inbox.take(at_least=at_least)

    @contextmanager
    def retrying(self, *, after_seconds: int) -> Iterator[None]:
        """Retry sooner than in an hour, or than the minute that is the shortest to ask for."""
        self.wait_before_retry(seconds=after_seconds)
        try:
            yield
        finally:
            self.wait_before_retry(seconds=3600)

    def wait_before_retry(self, *, seconds: int) -> None:
        client = self.aws.session.client("stepfunctions")
        (machine,) = client.list_state_machines()["stateMachines"]
        arn = machine["stateMachineArn"]
        definition = json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"])
        definition["States"]["WaitToRunAgain"]["Seconds"] = seconds
        client.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))

    def second_attempts(self) -> set[str]:
        """ARNs of the tasks that a retry started."""
        return {
            detail["taskArn"]
            for detail in self.history()
            if detail["startedBy"] == STARTED_BY_RETRY
        }

    def wait_for_more(self, before: set[str]) -> set[str]:
        """Return the tasks that a retry has started since, once there is one."""
        deadline = time.monotonic() + 60
        while not (more := self.second_attempts() - before):
            assert time.monotonic() < deadline, "no second attempt"
            time.sleep(0.2)
        return more

    def history(self) -> list[dict[str, Any]]:
        group = self.outputs["HistoryLogGroupName"]
        events = self.aws.session.client("logs").filter_log_events(logGroupName=group)["events"]
        return [json.loads(event["message"])["detail"] for event in events]


@pytest.fixture(scope="module")
def database(filled_bixarena: Any) -> Iterator[BixArenaDatabase]:
    with filled_bixarena() as database:
        yield database


@pytest.fixture(scope="module")
def arena(aws: LocalAws, database: BixArenaDatabase, define: Any) -> Arena:
    found = define_neighbours(aws, database.worker)
    outputs = _deploy(aws, define, found)
    deployed = Arena(aws, outputs, Inbox(aws, outputs["AlertTopicArn"]))
    # Only the test of it wants a retry.
    deployed.wait_before_retry(seconds=3600)
    return deployed


def _deploy(aws: LocalAws, define: Any, found: dict[str, str]) -> dict[str, str]:
    monitored = define(
        vpc_id=found["vpc_id"],
        subnet_id=found["private_subnet_ids"].partition(",")[0],
        cluster_name=found["cluster_name"],
        database_secret_arn=found["database_secret_arn"],
        environment={"NUM_BOOTSTRAP": "50"},
        max_runtime=Duration.minutes(1),
        monitoring=SnapshotMonitoring(retry_after=Duration.minutes(1), dashboard=True),
    )
    cloudformation = aws.session.client("cloudformation")
    template = json.dumps(monitored.template.to_json(), separators=(",", ":"))
    aws.session.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    cloudformation.create_stack(StackName="Arena", TemplateBody=template)
    (stack,) = cloudformation.describe_stacks(StackName="Arena")["Stacks"]
    return {
        output["OutputKey"].removeprefix("SnapshotOutputs")[:-8]: output["OutputValue"]
        for output in stack["Outputs"]
    }


def _exit_codes(task: dict[str, Any]) -> list[int | None]:
    return [container.get("exitCode") for container in task["containers"]]


def test_tells_a_failure_once_and_a_success_never(
    arena: Arena, database: BixArenaDatabase, without: Any
) -> None:
    assert _exit_codes(arena.run()) == [0]
    assert arena.alerts() == []

    with without(database):
        task = arena.run()
    assert _exit_codes(task) == [4]
    (alert,) = arena.alerts(at_least=1)
    lines = alert.splitlines()
    assert lines[0].startswith("Arena/Snapshot: a run failed: PostgreSQL was out of reach")
    assert lines[1].startswith("The worker says: "), lines[1]
    assert "connect" in lines[1]
    assert lines[2] == "Stopped reason: Essential container in task exited"
    run_id = task["taskArn"].rpartition("/")[2]
    assert f"Its log: bixarena logs Arena --task Snapshot --run {run_id}" in lines
    again = "bixarena run Arena --task Snapshot --scheduled-at 2026-03-06T10:00:00Z"
    assert f"Run it again: {again}" in lines
    assert TROUBLESHOOTING in lines[-1]


def test_runs_a_failed_run_again_once_for_the_same_time(
    arena: Arena, database: BixArenaDatabase, without: Any
) -> None:
    before = arena.second_attempts()
    with arena.retrying(after_seconds=2):
        with without(database):
            first = arena.run()
        assert _exit_codes(first) == [4]
        (task_arn,) = arena.wait_for_more(before)
    again = arena.aws.wait_for_task(arena.outputs["ClusterArn"], task_arn, timeout_seconds=120)
    assert _exit_codes(dict(again)) == [0]
    # Its one override tells it the scheduled time of the first attempt.
    assert again["overrides"] == first["overrides"]
    assert "2026-03-06T10:00:00Z" in json.dumps(again["overrides"])
    assert len(arena.alerts(at_least=1)) == 1


def test_keeps_what_became_of_a_run(arena: Arena) -> None:
    task = arena.run()
    states = [
        detail["lastStatus"] for detail in arena.history() if detail["taskArn"] == task["taskArn"]
    ]
    assert states[-1] == "STOPPED"
    assert "RUNNING" in states


def test_tells_of_a_public_board_whose_votes_vanished(
    arena: Arena, database: BixArenaDatabase
) -> None:
    assert _exit_codes(arena.run()) == [0]
    with database.owner.connect() as connection:
        connection.execute("UPDATE api.battle_validation SET is_biomedical = NOT is_biomedical")
    try:
        task = arena.run(MORNING.replace(hour=11))
    finally:
        with database.owner.connect() as connection:
            connection.execute(
                "UPDATE api.battle_validation SET is_biomedical = NOT is_biomedical"
            )
    assert _exit_codes(task) == [3]
    (alert,) = arena.alerts(at_least=1)
    assert "a public leaderboard has too few now (exit code 3)." in alert.splitlines()[0]
