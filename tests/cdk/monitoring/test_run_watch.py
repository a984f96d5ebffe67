"""The watch of each run: computed from the template, and on the local AWS with runs that hang."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Token

from bixarena_constructs import SnapshotMonitoring
from bixarena_constructs.cdk.permissions import RUN_TAG
from bixarena_constructs.deployment import OVERDUE_REASON, Metric
from bixarena_demo.account_resources import define_neighbours
from bixarena_demo.postgres import ConnectionInfo
from local_aws import Inbox, LocalAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKER = "ghcr.io/sage-bionetworks/bixarena-constructs-worker"
# Hangs at ten and does not end when it is asked to; is done at once at any other time.
PROGRAM = """
import os, signal, time
if "T10:" in os.environ["SCHEDULED_AT"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
"""
HANGS = datetime(2026, 3, 6, 10, tzinfo=UTC)
ENDS = datetime(2026, 3, 6, 11, tzinfo=UTC)
KILLED = 137
NOWHERE = ConnectionInfo(host="none", port=1, dbname="none", user="none", password="none")


def machine_of(monitored: Any) -> dict[str, Any]:
    properties = monitored.one("AWS::StepFunctions::StateMachine")
    definition: dict[str, Any] = json.loads(monitored.deployed(properties["DefinitionString"]))
    return definition


def statements_of(monitored: Any) -> dict[str, dict[str, Any]]:
    """What the machine's role may do, by action."""
    role = monitored.one("AWS::IAM::Role", below="MachineRole")
    (policy,) = role["Policies"]
    found = monitored.deployed(policy["PolicyDocument"]["Statement"])
    return {str(statement["Action"]): statement for statement in found}


def schedule_of(monitored: Any) -> tuple[str, str]:
    """Logical ID of the schedule of the checks, and its ARN."""
    (name,) = monitored.template.find_resources("AWS::Scheduler::Schedule")
    return name, f"{name}.Arn"


class TestDefinition:
    def test_waits_looks_stops_and_looks_again(self, define: Any) -> None:
        states = machine_of(define())["States"]
        assert states["WaitForDeadline"]["Next"] == "Look"
        assert states["HasEnded"]["Choices"][0]["Next"] == "Ended"
        assert states["HasEnded"]["Default"] == "Stop"
        assert states["Stop"]["Arguments"]["Reason"] == OVERDUE_REASON
        assert states["Stop"]["Catch"][0]["Next"] == "CountAsOverdue"
        assert states["Stop"]["Next"] == "Pause"
        assert states["Pause"]["Next"] == "LookAgain"
        assert states["HasEndedNow"]["Default"] == "CountAsOverdue"
        assert states["CountAsOverdue"]["Next"] == "Pause"

    def test_looks_in_the_end_whether_runs_are_checked(self, define: Any, evaluate: Any) -> None:
        monitored = define()
        states = machine_of(monitored)["States"]
        (target,) = monitored.one("AWS::Events::Rule", below="WatchRule")["Targets"]
        schedule, arn = schedule_of(monitored)
        given = json.loads(
            monitored.deployed(target["InputTransformer"]["InputTemplate"]).replace(
                "<detail>", "{}"
            )
        )
        assert given == {"checks": schedule, "detail": {}}
        name = states["Ended"]["Arguments"]["Name"]
        assert evaluate(name, {"context": {"Execution": {"Input": given}}}) == schedule
        choice = states[states["Ended"]["Next"]]
        (are_on,) = choice["Choices"]
        assert evaluate(are_on["Condition"], {"input": {"State": "ENABLED"}})
        assert not evaluate(are_on["Condition"], {"input": {"State": "DISABLED"}})
        assert states[are_on["Next"]]["Type"] == "Succeed"
        assert states[choice["Default"]]["Type"] == "Fail"
        policy = monitored.one("AWS::IAM::Policy", below="MissedRun")
        (role,) = policy["Roles"]
        assert role["Ref"].startswith("SnapshotMonitoringMachineRole")
        (look,) = policy["PolicyDocument"]["Statement"]
        assert (look["Action"], monitored.deployed(look["Resource"])) == (
            "scheduler:GetSchedule",
            arn,
        )

    @pytest.mark.parametrize("enabled", [False, True])
    def test_looks_for_no_checks_where_none_are_due(self, define: Any, enabled: bool) -> None:  # noqa: FBT001
        settings = SnapshotMonitoring(missed_run_alarm=not enabled)
        states = machine_of(define(monitoring=settings, enabled=enabled))["States"]
        assert states["Ended"] == {"Type": "Succeed"}

    def test_stops_nothing_if_told_so(self, define: Any) -> None:
        left = define(monitoring=SnapshotMonitoring(stop_overdue=False))
        states = machine_of(left)["States"]
        assert states["WaitForDeadline"]["Next"] == "LookAgain"
        assert "Stop" not in states
        assert "ecs:StopTask" not in statements_of(left)
        assert left.resources("AWS::Events::Rule", below="Overdue") == {}
        description = left.one("AWS::CloudWatch::Alarm", below="Hang")["AlarmDescription"]
        assert "is left to run, as stop_overdue is False" in description

    def test_names_every_state_that_it_goes_to(self, define: Any) -> None:
        for settings in (
            SnapshotMonitoring(),
            SnapshotMonitoring(stop_overdue=False, missed_run_alarm=False),
            SnapshotMonitoring(retry_after=Duration.minutes(5)),
        ):
            machine = machine_of(define(monitoring=settings))
            states = machine["States"]
            reached = {machine["StartAt"]}
            for state in states.values():
                branches = [*state.get("Choices", ()), *state.get("Catch", ())]
                reached |= {each["Next"] for each in branches}
                reached |= {state[key] for key in ("Next", "Default") if key in state}
            assert reached == set(states)

    @pytest.mark.parametrize(
        ("environment", "seconds"),
        [
            ([], 1020),
            ([("SCHEDULED_AT", "2026-03-06T10:00:00Z")], 1020),
            # A run by hand may be given more time, or less.
            ([("MAX_RUNTIME_SECONDS", "7200")], 7320),
            ([("SEED", "7"), ("MAX_RUNTIME_SECONDS", "60")], 180),
            # The worker refuses these, and ends.
            ([("MAX_RUNTIME_SECONDS", "")], 1020),
            ([("MAX_RUNTIME_SECONDS", "an hour")], 1020),
        ],
    )
    def test_waits_as_long_as_the_run_may_take_and_two_minutes(
        self, define: Any, evaluate: Any, environment: list[tuple[str, str]], seconds: int
    ) -> None:
        text = machine_of(define())["States"]["WaitForDeadline"]["Seconds"]
        variables = [{"name": name, "value": value} for name, value in environment]
        override = {"name": "bixarena-worker", "environment": variables}
        sidecar = {
            "name": "sidecar",
            "environment": [{"name": "MAX_RUNTIME_SECONDS", "value": "5"}],
        }
        for overrides in (
            {"containerOverrides": [sidecar, override]},
            {"containerOverrides": [override]},
        ):
            event = {"detail": {"overrides": overrides}}
            assert evaluate(text, {"input": event}) == seconds

    def test_waits_as_long_for_a_run_without_overrides(self, define: Any, evaluate: Any) -> None:
        text = machine_of(define())["States"]["WaitForDeadline"]["Seconds"]
        details: list[Any] = [{"overrides": {"containerOverrides": []}}, {}]
        for detail in details:
            assert evaluate(text, {"input": {"detail": detail}}) == 1020

    @pytest.mark.parametrize(
        ("tasks", "has_ended"),
        [
            ([{"LastStatus": "RUNNING"}], False),
            ([{"LastStatus": "DEPROVISIONING"}], False),
            ([{"LastStatus": "STOPPED"}], True),
            # ECS forgets a stopped task after an hour.
            ([], True),
        ],
    )
    def test_sees_whether_a_run_has_ended(
        self, define: Any, evaluate: Any, tasks: list[dict[str, str]], *, has_ended: bool
    ) -> None:
        states = machine_of(define())["States"]
        for name in ("HasEnded", "HasEndedNow"):
            (choice,) = states[name]["Choices"]
            answer = {"Tasks": tasks, "Failures": []}
            assert evaluate(choice["Condition"], {"input": answer}) is has_ended

    def test_may_stop_runs_of_this_task_only(self, define: Any) -> None:
        stop = statements_of(define())["ecs:StopTask"]
        assert stop["Condition"] == {
            "ArnEquals": {"ecs:cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/arena"},
            "StringEquals": {f"aws:ResourceTag/{RUN_TAG}": "Arena/Snapshot/08B737AA"},
        }

    def test_writes_metrics_of_this_task_only(self, define: Any) -> None:
        put = statements_of(define())["cloudwatch:PutMetricData"]
        assert put["Condition"] == {
            "StringEquals": {"cloudwatch:namespace": "Bixarena/Arena/Snapshot"}
        }

    def test_waits_for_the_longest_run_time_that_the_worker_takes(
        self, define: Any, evaluate: Any
    ) -> None:
        states = machine_of(define(max_runtime=Duration.days(1)))["States"]
        assert evaluate(states["WaitForDeadline"]["Seconds"], {"input": {}}) == 86_400 + 120

    def test_refuses_a_run_time_that_is_a_token(self, define: Any) -> None:
        with pytest.raises(ValueError, match="max_runtime is a token"):
            define(max_runtime=Duration.seconds(Token.as_number({"Ref": "Seconds"})))


@dataclass(frozen=True)
class Deployed:
    """The stack with everything in a hurry, and a queue that hears what the topic hears."""

    aws: LocalAws
    outputs: dict[str, str]
    inbox: Inbox
    machine_arn: str

    def start(self, scheduled_at: datetime) -> str:
        (task_arn,) = self.aws.fire(self.outputs["RuleName"], scheduled_at=scheduled_at)
        return task_arn

    def ended(self, task_arn: str) -> dict[str, Any]:
        return dict(
            self.aws.wait_for_task(self.outputs["ClusterArn"], task_arn, timeout_seconds=60)
        )

    def alarm(self, name: str) -> dict[str, Any]:
        alarms = self.aws.session.client("cloudwatch").describe_alarms()["MetricAlarms"]
        (found,) = (dict(each) for each in alarms if name in each["AlarmName"])
        return found

    def overdue(self) -> int:
        """How often an overdue run was counted; the alarm here does not end by itself."""
        found = self.aws.session.client("cloudwatch").get_metric_statistics(
            Namespace="Bixarena/Arena/Snapshot",
            MetricName=Metric.OVERDUE,
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=60,
            Statistics=["SampleCount"],
        )
        return int(sum(each["SampleCount"] for each in found["Datapoints"]))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def executions(self, *, status: str) -> int:
        client = self.aws.session.client("stepfunctions")
        found = client.list_executions(stateMachineArn=self.machine_arn, statusFilter=status)
        return len(found["executions"])

    def wait_for_the_watch(self) -> None:
        self.wait_for(lambda: self.executions(status="RUNNING") == 0)

    def put_outcome(self) -> None:
        """What the metric filter does, of which there is none here."""
        self.aws.session.client("cloudwatch").put_metric_data(
            Namespace="Bixarena/Arena/Snapshot",
            MetricData=[{"MetricName": "Outcomes", "Value": 1}],
        )


@pytest.fixture(scope="module")
def deployed(define: Any) -> Iterator[Deployed]:
    with LocalAws.start(images={WORKER: [sys.executable, "-c", PROGRAM]}) as aws:
        found = define_neighbours(aws, NOWHERE)
        monitored = define(
            vpc_id=found["vpc_id"],
            subnet_id=found["private_subnet_ids"].partition(",")[0],
            cluster_name=found["cluster_name"],
            stop_timeout=Duration.seconds(2),
        )
        client = aws.session.client("cloudformation")
        aws.session.client("ssm").put_parameter(
            Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
        )
        template = json.dumps(monitored.template.to_json(), separators=(",", ":"))
        client.create_stack(StackName="Arena", TemplateBody=template)
        (stack,) = client.describe_stacks(StackName="Arena")["Stacks"]
        outputs = {
            output["OutputKey"].removeprefix("SnapshotOutputs")[:-8]: output["OutputValue"]
            for output in stack["Outputs"]
        }
        inbox = Inbox(aws, outputs["AlertTopicArn"])
        yield Deployed(aws, outputs, inbox, hurry(aws))


def hurry(aws: LocalAws) -> str:
    """Let the state machine wait a second where it waits for minutes, and return its ARN."""
    client = aws.session.client("stepfunctions")
    (machine,) = client.list_state_machines()["stateMachines"]
    arn = str(machine["stateMachineArn"])
    definition = json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"])
    for state in definition["States"].values():
        if "Seconds" in state:
            # Longer than a container gets to end.
            state["Seconds"] = 5 if state["Next"] == "LookAgain" else 1
        for retry in state.get("Retry", ()):
            retry["MaxAttempts"] = 0
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    return arn


@pytest.mark.slow
class TestDeployed:
    def test_stops_a_run_that_hangs_and_reports_it_once_though_a_good_run_follows(
        self, deployed: Deployed
    ) -> None:
        before = deployed.overdue()
        hanging, good = deployed.start(HANGS), deployed.start(ENDS)
        assert deployed.ended(good)["containers"][0]["exitCode"] == 0
        task = deployed.ended(hanging)
        assert task["stoppedReason"] == OVERDUE_REASON
        assert task["containers"][0]["exitCode"] == KILLED
        deployed.wait_for_the_watch()
        (alert,) = deployed.inbox.take(at_least=1)
        assert "a run failed: it had not ended by its deadline and was stopped" in alert
        assert f"Run: {hanging.rpartition('/')[2]}, scheduled for " in alert
        assert deployed.overdue() == before

    def test_leaves_a_run_alone_that_ends_in_time(self, deployed: Deployed) -> None:
        failed = deployed.executions(status="FAILED")
        task = deployed.ended(deployed.start(ENDS))
        assert task["stoppedReason"] == "Essential container in task exited"
        deployed.wait_for_the_watch()
        assert deployed.executions(status="FAILED") == failed
        assert deployed.inbox.take() == []

    def test_reports_a_run_that_it_cannot_stop_until_it_ends(self, deployed: Deployed) -> None:
        failed = deployed.executions(status="FAILED")
        iam = deployed.aws.session.client("iam")
        (role,) = (
            each["RoleName"]
            for each in iam.list_roles()["Roles"]
            if "MachineRole" in each["RoleName"]
        )
        policy = iam.get_role_policy(RoleName=role, PolicyName="Default")
        document: Any = policy["PolicyDocument"]
        allowed = [each for each in document["Statement"] if each["Action"] != "ecs:StopTask"]
        assert len(allowed) < len(document["Statement"])
        iam.put_role_policy(
            RoleName=role,
            PolicyName="Default",
            PolicyDocument=json.dumps({**document, "Statement": allowed}),
        )
        try:
            hanging = deployed.start(HANGS)
            deployed.wait_for(lambda: deployed.alarm("Hang")["StateValue"] == "ALARM")
            (alert,) = deployed.inbox.take(at_least=1)
            assert "a run has not ended within" in alert
            assert "could not be stopped" in alert
            assert deployed.executions(status="RUNNING") == 1
        finally:
            iam.put_role_policy(
                RoleName=role, PolicyName="Default", PolicyDocument=json.dumps(document)
            )
        deployed.aws.session.client("ecs").stop_task(
            cluster=deployed.outputs["ClusterArn"], task=hanging
        )
        deployed.ended(hanging)
        deployed.wait_for_the_watch()
        assert deployed.executions(status="FAILED") == failed
        # Somebody stopped it: that is no failure.
        assert deployed.inbox.take() == []

    def test_reports_a_run_without_an_outcome_until_there_is_one(self, deployed: Deployed) -> None:
        failed = deployed.executions(status="FAILED")
        schedules = deployed.aws.session.client("scheduler").list_schedules()["Schedules"]
        ((name),) = (each["Name"] for each in schedules)
        deployed.aws.fire_schedule(name, scheduled_at=datetime.now(UTC))
        deployed.wait_for(lambda: deployed.alarm("MissedRun")["StateValue"] == "ALARM")
        (alert,) = deployed.inbox.take(at_least=1)
        assert "no snapshot in time" in alert
        deployed.put_outcome()
        assert deployed.alarm("MissedRun")["StateValue"] == "OK"
        deployed.wait_for_the_watch()
        # The next run has one: its check finds it, and nobody is shown.
        due = datetime.now(UTC)
        deployed.put_outcome()
        deployed.aws.fire_schedule(name, scheduled_at=due)
        deployed.wait_for_the_watch()
        assert deployed.executions(status="FAILED") == failed
        assert deployed.alarm("MissedRun")["StateValue"] == "OK"
        assert deployed.inbox.take() == []

    def test_reports_after_a_run_that_runs_are_not_checked(self, deployed: Deployed) -> None:
        failed = deployed.executions(status="FAILED")
        client = deployed.aws.session.client("scheduler")
        ((name),) = (each["Name"] for each in client.list_schedules()["Schedules"])
        known = client.get_schedule(Name=name)
        fields = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")
        same = {field: known[field] for field in fields}
        client.update_schedule(**{**same, "State": "DISABLED"})
        try:
            deployed.ended(deployed.start(ENDS))
            deployed.wait_for_the_watch()
        finally:
            client.update_schedule(**same)
        assert deployed.executions(status="FAILED") == failed + 1
