"""examples/schedules on the local AWS: each of its tasks is started, and each failure is heard."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bixarena_demo.account_resources import define_neighbours
from bixarena_demo.cdk_cli import Cdk
from bixarena_demo.postgres import ConnectionInfo
from local_aws import Inbox, LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator

# Deploys to a local AWS of its own.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TOOLS = ROOT / "node_modules" / ".bin"
# Logical and physical ids by type.
Resources = dict[str, list[tuple[str, str]]]
MORNING = datetime(2026, 3, 6, 9, tzinfo=UTC)
# Says for what time it runs, and fails in a way that has a cause of its own.
PROGRAM = "import os, sys; print(os.environ.get('SCHEDULED_AT')); sys.exit(4)"


class Deployed:
    """The stack, and a queue that hears what the topic hears."""

    def __init__(self, aws: LocalAws, resources: Resources, inbox: Inbox) -> None:
        self.aws = aws
        self.resources = resources
        self.inbox = inbox

    def named(self, kind: str, prefix: str) -> str:
        """Physical id of the one resource of a type whose logical id begins so."""
        (found,) = (
            physical for logical, physical in self.resources[kind] if logical.startswith(prefix)
        )
        return found

    def alert_of(self, task_arn: str) -> str:
        """What the topic hears when a task has stopped."""
        self.aws.wait_for_task("bixarena", task_arn, timeout_seconds=60)
        (text,) = self.inbox.take(at_least=1)
        return text

    def bixarena(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the task that no rule of the stack starts."""
        program = str(Path(sys.executable).with_name("bixarena"))
        return subprocess.run(
            [program, command, "BixarenaSnapshot", "--task", "Local", *options],
            env={**self.aws.environment(), "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def lines(self, log_group: str) -> list[str]:
        logs = self.aws.session.client("logs")
        found = logs.filter_log_events(logGroupName=log_group)["events"]
        return [event["message"] for event in found]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    program = [sys.executable, "-c", PROGRAM]
    images = {
        "ghcr.io/sage-bionetworks/bixarena-constructs-worker": program,
        "ghcr.io/example/cleaner": program,
    }
    nowhere = ConnectionInfo(host="none", port=1, dbname="none", user="none", password="none")
    with LocalAws.start(images=images) as aws:
        context = define_neighbours(aws, nowhere)
        cdk = Cdk(
            EXAMPLES / "schedules",
            environment={**aws.environment(), "CDK_VALIDATION": "false"},
            context=context,
            work_folder=tmp_path_factory.mktemp("cdk"),
            executable=TOOLS / "cdk",
        )
        cdk.bootstrap(account=aws.account, region=aws.region)
        cdk.deploy()
        resources = _resources(aws, "BixarenaSnapshot")
        ((_, topic_arn),) = resources["AWS::SNS::Topic"]
        yield Deployed(aws, resources, Inbox(aws, topic_arn))
        cdk.destroy()


def _resources(aws: LocalAws, stack: str) -> Resources:
    client = aws.session.client("cloudformation")
    found: Resources = {}
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            named = (one["LogicalResourceId"], one["PhysicalResourceId"])
            found.setdefault(one["ResourceType"], []).append(named)
    return found


def test_a_schedule_in_a_time_zone_starts_its_task(deployed: Deployed) -> None:
    name = deployed.named("AWS::Scheduler::Schedule", "LocalSchedule")
    (task_arn,) = deployed.aws.fire_schedule(name, scheduled_at=MORNING)
    alert = deployed.alert_of(task_arn)
    assert "BixarenaSnapshot/Local: a run failed: PostgreSQL was out of reach" in alert
    log_group = deployed.named("AWS::Logs::LogGroup", "LocalLogGroup")
    assert "2026-03-06T09:00:00Z" in deployed.lines(log_group)
    history = deployed.named("AWS::Logs::LogGroup", "LocalMonitoringHistory")
    (last,) = [
        detail
        for detail in (json.loads(line)["detail"] for line in deployed.lines(history))
        if (detail["taskArn"], detail["lastStatus"]) == (task_arn, "STOPPED")
    ]
    assert last["startedBy"].startswith("chronos-schedule/")


def test_a_rule_in_utc_starts_its_task(deployed: Deployed) -> None:
    name = deployed.named("AWS::Events::Rule", "UtcScheduledEventRule")
    (task_arn,) = deployed.aws.fire(name, scheduled_at=MORNING)
    alert = deployed.alert_of(task_arn)
    assert "BixarenaSnapshot/Utc: a run failed: PostgreSQL was out of reach" in alert


def test_a_bare_pattern_starts_its_task(deployed: Deployed) -> None:
    name = deployed.named("AWS::Events::Rule", "BareScheduledEventRule")
    (task_arn,) = deployed.aws.fire(name, scheduled_at=MORNING)
    alert = deployed.alert_of(task_arn)
    assert "BixarenaSnapshot/Bare: a run failed: the worker ended with another exit code" in alert
    assert "bixarena run" not in alert


def test_a_schedule_that_may_not_run_the_task_is_refused(deployed: Deployed) -> None:
    iam = deployed.aws.session.client("iam")
    role = deployed.named("AWS::IAM::Role", "LocalScheduleRole")
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    name = deployed.named("AWS::Scheduler::Schedule", "LocalSchedule")
    try:
        with pytest.raises(Exception, match="did not fire: AccessDenied"):
            deployed.aws.fire_schedule(name, scheduled_at=MORNING)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def test_bixarena_runs_a_task_that_no_rule_starts(deployed: Deployed) -> None:
    ran = deployed.bixarena("run", "--scheduled-at", "2026-03-07T09:00:00Z", "--set", "SEED=7")
    assert ran.returncode == 4, ran.stderr
    assert ran.stdout.splitlines() == ["2026-03-07T09:00:00Z"]
    ecs = deployed.aws.session.client("ecs")
    run_id = ran.stderr.partition("started ")[2].split()[0]
    (by_hand,) = ecs.describe_tasks(cluster="bixarena", tasks=[run_id])["tasks"]
    assert "BixarenaSnapshot/Local: a run failed" in deployed.alert_of(by_hand["taskArn"])
    name = deployed.named("AWS::Scheduler::Schedule", "LocalSchedule")
    (task_arn,) = deployed.aws.fire_schedule(name, scheduled_at=MORNING)
    by_schedule = deployed.aws.wait_for_task("bixarena", task_arn, timeout_seconds=60)
    deployed.alert_of(task_arn)
    for same in ("taskDefinitionArn", "launchType", "clusterArn"):
        assert by_hand[same] == by_schedule[same]
    (override,) = by_hand["overrides"]["containerOverrides"]
    assert override["name"] == "bixarena-worker"
    assert [each["name"] for each in override["environment"]] == ["SCHEDULED_AT", "SEED"]
    shown = deployed.bixarena("logs", "--run", run_id)
    assert shown.stdout.splitlines() == ["2026-03-07T09:00:00Z"], shown.stderr


def test_bixarena_shows_the_status_of_a_task_that_no_rule_starts(deployed: Deployed) -> None:
    ran = deployed.bixarena("run", "--scheduled-at", "2026-03-08T09:00:00Z", "--no-follow")
    run_id = ran.stdout.strip()
    deployed.alert_of(run_id)
    status = json.loads(deployed.bixarena("status", "--format", "json").stdout)
    assert status["schedule"] is None
    assert status["dead_letters"] is None
    assert status["unknown"] == {}
    last = status["runs"][0]
    assert (last["id"], last["scheduled_at"]) == (run_id, "2026-03-08T09:00:00Z")
    assert last["outcome"] == "failed with 4"
    assert status["alarms"]
    assert "GONE" not in status["alarms"].values()
    shown = deployed.bixarena("status").stdout
    assert "schedule  none: no rule of the stack starts this task" in shown
    assert "dead letters" not in shown


def test_doctor_examines_a_task_that_no_rule_starts(deployed: Deployed) -> None:
    examined = deployed.bixarena("doctor", "--format", "json")
    states = {each["check"]: each["state"] for each in json.loads(examined.stdout)}
    assert states["rule"] == states["events role"] == "not checked"
    assert states["task definition"] == states["execution role"] == states["cluster"] == "ok"
