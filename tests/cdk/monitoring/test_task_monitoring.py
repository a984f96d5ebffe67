"""What the prop ``monitoring`` adds to a template, and who may do what."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template
from cfnlint.api import lint

from bixarena_constructs import (
    ExitCode,
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    WorkerSignals,
)
from bixarena_constructs.cdk.monitoring.message import TROUBLESHOOTING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = SnapshotMonitoring(retry_after=Duration.minutes(10), dashboard=True)
EXPECTED_BY_DEFAULT = {
    "AWS::CloudWatch::Alarm": 6,
    "AWS::Events::Rule": 11,
    "AWS::IAM::Role": 2,
    "AWS::IAM::Policy": 1,
    "AWS::KMS::Key": 1,
    "AWS::Logs::LogGroup": 1,
    "AWS::Logs::MetricFilter": 1,
    "AWS::Logs::ResourcePolicy": 1,
    "AWS::SNS::Topic": 1,
    "AWS::SNS::TopicPolicy": 1,
    "AWS::Scheduler::Schedule": 1,
    "AWS::StepFunctions::StateMachine": 1,
}


def added(monitored: Any) -> Counter[str]:
    resources = monitored.template.to_json()["Resources"].items()
    return Counter(
        resource["Type"]
        for name, resource in resources
        if "Monitoring" in name or "HistoryPolicy" in name
    )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_adds_what_the_docs_say(define: Any) -> None:
    assert added(define()) == EXPECTED_BY_DEFAULT


def test_adds_a_retry_and_a_dashboard_only_if_asked(define: Any) -> None:
    more = added(define(monitoring=ALL)) - added(define())
    assert more == {
        "AWS::CloudWatch::Dashboard": 1,
        "AWS::Events::Rule": 3,
    }


def test_mails_alerts_to_an_address(define: Any) -> None:
    monitored = define(monitoring=SnapshotMonitoring(email="team@example.org"))
    monitored.template.has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "team@example.org"}
    )
    with pytest.raises(ValueError, match=r"email is 'team'; it must be an address such as"):
        SnapshotMonitoring(email="team")


def test_defines_no_topic_or_key_beside_one_of_the_users(define: Any) -> None:
    first = define()
    topic = sns.Topic(first.stack, "Mine")
    task = ScheduledSnapshotTask(
        first.stack,
        "Second",
        cluster=first.task.cluster,
        image="ghcr.io/arena/worker:1",
        monitoring=SnapshotMonitoring(topic=topic),
    )
    assert task.monitoring is not None
    assert task.monitoring.topic is topic
    # The first task's; and one policy of histories serves both.
    template = first.template
    template.resource_count_is("AWS::KMS::Key", 1)
    template.resource_count_is("AWS::SNS::Topic", 2)
    template.resource_count_is("AWS::Logs::ResourcePolicy", 1)


def test_is_not_there_by_default(define: Any) -> None:
    task = ScheduledSnapshotTask(
        define().stack, "Bare", cluster=define().task.cluster, image="ghcr.io/arena/worker:1"
    )
    assert task.monitoring is None


@pytest.mark.slow
def test_passes_cfn_lint_and_names_nothing_physically(define: Any) -> None:
    monitored = define(monitoring=ALL)
    template = monitored.template.to_json()
    findings = lint(json.dumps(template), regions=["us-east-1"])
    assert findings == []
    names = ("AlarmName", "DashboardName", "LogGroupName", "Name", "StateMachineName", "TopicName")
    for logical_id, resource in template["Resources"].items():
        if "Monitoring" in logical_id and resource["Type"] != "AWS::Logs::MetricFilter":
            assert not [name for name in names if name in resource.get("Properties", {})]


def test_lets_its_own_alarms_and_machine_publish_and_nobody_else(define: Any) -> None:
    monitored = define()
    (policy,) = monitored.resources("AWS::SNS::TopicPolicy").values()
    allowed = {
        statement["Principal"]["Service"]: {
            source["Fn::GetAtt"][0]
            for source in statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        }
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    alarms = set(monitored.template.find_resources("AWS::CloudWatch::Alarm"))
    assert allowed == {"cloudwatch.amazonaws.com": alarms}
    topic = next(iter(monitored.template.find_resources("AWS::SNS::Topic")))
    (policy,) = monitored.one("AWS::IAM::Role", below="MachineRole")["Policies"]
    log, publish, key = policy["PolicyDocument"]["Statement"][:3]
    assert (publish["Action"], publish["Resource"]) == ("sns:Publish", {"Ref": topic})
    assert key["Condition"] == {"StringLike": {"kms:ViaService": "sns.us-east-1.amazonaws.com*"}}
    assert log["Action"] == "logs:GetLogEvents"
    assert log["Resource"]["Fn::GetAtt"][1] == "Arn"
    assert log["Resource"]["Fn::GetAtt"][0].startswith("SnapshotLogGroup")


def test_lets_both_services_use_the_key(define: Any) -> None:
    key = define().one("AWS::KMS::Key")
    users = {
        statement["Principal"]["Service"]: statement
        for statement in key["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    }
    for statement in users.values():
        assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert users["cloudwatch.amazonaws.com"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "000000000000"}
    }
    # A condition on the source would shut EventBridge out.
    assert "Condition" not in users["events.amazonaws.com"]
    assert key["EnableKeyRotation"] is True


def test_tells_the_topic_of_alarms_and_nobody_of_their_end(define: Any) -> None:
    for alarm in define().resources("AWS::CloudWatch::Alarm").values():
        assert len(alarm["AlarmActions"]) == 1
        assert "OKActions" not in alarm
        assert "InsufficientDataActions" not in alarm
        assert alarm["AlarmDescription"].startswith("Arena/Snapshot: ")
        assert alarm["AlarmDescription"].endswith(TROUBLESHOOTING)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("FailedInvocations", "FailedInvocations"),
        ("DeadLetters", "ApproximateNumberOfMessagesVisible"),
        ("LostDeadLetters", "InvocationsFailedToBeSentToDlq"),
    ],
)
def test_watches_the_delivery_of_the_schedules_events(define: Any, name: str, metric: str) -> None:
    alarms = define().resources("AWS::CloudWatch::Alarm", below="Delivery")
    alarm = alarms[f"SnapshotMonitoringDelivery{name}"]
    assert alarm["MetricName"] == metric
    (dimension,) = alarm["Dimensions"]
    assert dimension["Name"] == ("QueueName" if name == "DeadLetters" else "RuleName")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "GreaterThanOrEqualToThreshold",
        1,
    )
    assert alarm["EvaluationPeriods"] == 1
    assert alarm["TreatMissingData"] == "notBreaching"


def test_keeps_the_history_for_three_months_unless_told(define: Any) -> None:
    history = define().one("AWS::Logs::LogGroup", below="History")
    assert history["RetentionInDays"] == 90
    shown = SnapshotMonitoring(history_retention=logs.RetentionDays.ONE_YEAR)
    assert define(monitoring=shown).one("AWS::Logs::LogGroup", below="History") == {
        "RetentionInDays": 365
    }


def test_lets_rules_write_to_the_histories_of_the_stack_alone(define: Any) -> None:
    monitored = define()
    policy = monitored.deployed(monitored.one("AWS::Logs::ResourcePolicy")["PolicyDocument"])
    group = next(
        name
        for name in monitored.template.find_resources("AWS::Logs::LogGroup")
        if "History" in name
    )
    create, put = json.loads(policy)["Statement"]
    for statement in (create, put):
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Resource"].endswith(":log-group:Arena-*"), statement["Resource"]
    assert create["Action"] == "logs:CreateLogStream"
    assert put["Action"] == "logs:PutLogEvents"
    assert put["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":rule/*")
    (target,) = monitored.one("AWS::Events::Rule", below="History")["Targets"]
    assert monitored.deployed(target["Arn"]).endswith(f":log-group:{group}")


def test_one_policy_has_room_for_the_histories_of_all_tasks() -> None:
    stack = Stack()
    cluster = ecs.Cluster(stack, "Cluster", vpc=ec2.Vpc(stack, "Vpc", max_azs=1))
    for number in range(3):
        ScheduledSnapshotTask(
            stack, f"Task{number}", cluster=cluster, monitoring=SnapshotMonitoring()
        )
    policies = Template.from_stack(stack).find_resources("AWS::Logs::ResourcePolicy")
    ((_, policy),) = policies.items()
    assert str(policy["Properties"]["PolicyDocument"]).count("Effect") == 2


def test_tells_the_command_line_where_to_look(define: Any) -> None:
    outputs = {
        name.removeprefix("SnapshotOutputs")[:-8]: output["Value"]
        for name, output in define().template.to_json()["Outputs"].items()
    }
    assert "Ref" in outputs["AlertTopicArn"]
    assert "Ref" in outputs["HistoryLogGroupName"]
    separator, names = outputs["AlarmNames"]["Fn::Join"]
    references: Iterable[str] = [one["Ref"] for one in names if isinstance(one, dict)]
    assert separator == ""
    assert len(list(references)) == 6


def test_warns_where_an_imported_topics_policy_cannot_be_changed(define: Any) -> None:
    stack = define().stack
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:000000000000:alerts")
    ScheduledSnapshotTask(
        stack,
        "Second",
        cluster=define().task.cluster,
        image="ghcr.io/arena/worker:1",
        monitoring=SnapshotMonitoring(topic=topic),
    )
    Annotations.from_stack(stack).has_warning(
        "/Arena/Topic", Match.string_like_regexp("bixarena-constructs:alertTopicPolicy")
    )


class TestMessage:
    RUN = "0f4c2be0a3c14bb2a65dbeef3ad6c1f4"

    @pytest.fixture
    def states(self, define: Any) -> dict[str, Any]:
        monitored = define(monitoring=SnapshotMonitoring(retry_after=Duration.minutes(10)))
        machine = monitored.one("AWS::StepFunctions::StateMachine")
        states = json.loads(monitored.deployed(machine["DefinitionString"]))["States"]
        assert isinstance(states, dict)
        return states

    @pytest.fixture
    def alert(self, define: Any, states: dict[str, Any], evaluate: Any) -> Any:
        """Returns the lines of the alert of an event, by the rule that matched it."""
        monitored = define(monitoring=SnapshotMonitoring(retry_after=Duration.minutes(10)))
        rules = monitored.resources("AWS::Events::Rule", below="Failures")

        def written(cause: str, *, error: str = "", **detail: Any) -> list[str]:
            (target,) = rules[f"SnapshotMonitoringFailures{cause}"]["Targets"]
            transformer = target["InputTransformer"]
            assert transformer["InputPathsMap"] == {"detail": "$.detail"}
            event = self.detail() | detail
            given = json.loads(transformer["InputTemplate"].replace("<detail>", json.dumps(event)))
            given_and_read = {
                "context": {"Execution": {"Input": given}},
                "input": {"Error": error},
            }
            text = evaluate(states["SendAlert"]["Arguments"]["Message"], given_and_read)
            return str(text).splitlines()

        return written

    def detail(self, **variables: str) -> dict[str, Any]:
        """What the event of a run's end has that an alert names."""
        at = {"SCHEDULED_AT": "2026-03-06T10:00:00Z"}
        environment = [{"name": each, "value": value} for each, value in (variables or at).items()]
        return {
            "overrides": {
                "containerOverrides": [
                    {"name": "bixarena-worker", "environment": environment},
                    {"name": "agent"},
                ]
            },
            "startedBy": "events-rule/Arena-Snapshot",
            "stopCode": "EssentialContainerExited",
            "stoppedAt": "2026-03-06T10:01:12.345Z",
            "stoppedReason": "Essential container in task exited",
            "taskArn": f"arn:aws:ecs:us-east-1:000000000000:task/arena/{self.RUN}",
        }

    def test_says_what_failed_why_and_what_to_do(self, alert: Any) -> None:
        what, error, reason, retry, _, run, log, or_log, again, or_again, _, page = alert(
            "ExitCode4", error="The worker says: could not connect to 10.0.0.7"
        )
        assert what == (
            "Arena/Snapshot: a run failed: PostgreSQL was out of reach, or refused the worker "
            "(exit code 4)."
        )
        assert error == "The worker says: could not connect to 10.0.0.7"
        assert reason == "Stopped reason: Essential container in task exited"
        assert retry.startswith("It is started again in 10 minutes;")
        assert run == (
            f"Run: {self.RUN}, scheduled for 2026-03-06T10:00:00Z, started by "
            "events-rule/Arena-Snapshot, stopped at 2026-03-06T10:01:12.345Z"
        )
        assert log == f"Its log: bixarena logs Arena --task Snapshot --run {self.RUN}"
        assert or_log.startswith("Or: aws logs tail SnapshotLogGroup")
        stream = f"--log-stream-names bixarena-worker/bixarena-worker/{self.RUN}"
        assert or_log.endswith(f"--region us-east-1 --since 1w {stream}")
        assert again == (
            "Run it again: bixarena run Arena --task Snapshot --scheduled-at 2026-03-06T10:00:00Z"
        )
        assert page.endswith(TROUBLESHOOTING)
        command = shlex.split(or_again.removeprefix("Or: "))
        assert command[:3] == ["aws", "ecs", "run-task"]
        assert json.loads(command[command.index("--overrides") + 1]) == {
            "containerOverrides": [
                {
                    "name": "bixarena-worker",
                    "environment": [{"name": "SCHEDULED_AT", "value": "2026-03-06T10:00:00Z"}],
                }
            ]
        }

    @pytest.mark.parametrize("variables", [{"DRY_RUN": "1"}, {"SCHEDULED_AT": "'; rm -rf ~"}])
    def test_gives_no_time_that_the_run_had_none_of(
        self, alert: Any, variables: dict[str, str]
    ) -> None:
        lines = alert("ExitCode2", **self.detail(**variables))
        assert not [line for line in lines if "scheduled" in line or "overrides" in line]
        assert "Run it again: bixarena run Arena --task Snapshot" in lines

    def test_names_no_log_of_a_run_that_never_started(self, alert: Any) -> None:
        lines = alert("NeverStarted", stopCode="TaskFailedToStart")
        assert not [line for line in lines if "logs" in line]

    def test_announces_a_retry_where_there_will_be_one(self, alert: Any, define: Any) -> None:
        causes = define().resources("AWS::Events::Rule", below="Failures")
        names = [name.removeprefix("SnapshotMonitoringFailures") for name in causes]
        announced = {name for name in names if any("started again in" in x for x in alert(name))}
        assert announced == {"NeverStarted", "Interrupted", "ExitCode4"}
        by_hand = alert("ExitCode4", startedBy="bixarena-run")
        assert not [line for line in by_hand if "started again in" in line]

    @pytest.mark.parametrize(
        ("lines", "error"),
        [
            ([], ""),
            (["Traceback", "KeyError: 1"], "The worker says: KeyError: 1"),
            (
                ['{"event": "run_failed", "error": "no \\"vote\\""}', "bye"],
                'The worker says: no "vote"',
            ),
            (
                ['{"error": "first"}', '{"event": "x", "error":"last"}'],
                "The worker says: last",
            ),
            (["x" * 2000], f"The worker says: {'x' * 1000}"),
        ],
    )
    def test_quotes_the_workers_last_error_or_line(
        self, states: dict[str, Any], evaluate: Any, lines: list[str], error: str
    ) -> None:
        events = [{"Message": line, "Timestamp": 1} for line in lines]
        read = states["ReadLog"]["Output"]["Error"]
        assert evaluate(read, {"result": {"Events": events}}) == error

    def test_sends_the_alert_also_where_the_log_cannot_be_read(
        self, states: dict[str, Any]
    ) -> None:
        read = states["ReadLog"]
        assert read["Catch"] == [
            {"ErrorEquals": ["States.ALL"], "Output": {"Error": ""}, "Next": read["Next"]}
        ]
        # The topic hears of it within seconds.
        assert sum(each["IntervalSeconds"] * each["MaxAttempts"] for each in read["Retry"]) == 1

    def test_has_a_subject_that_sns_takes(self, define: Any) -> None:
        meaning = "die Datenbank läuft nicht, " + "und das schon lange " * 7
        signals = WorkerSignals(exit_codes={75: ExitCode(meaning=meaning)})
        monitored = define(monitoring=SnapshotMonitoring(signals=signals))
        for rule in monitored.resources("AWS::Events::Rule", below="Failures").values():
            template = rule["Targets"][0]["InputTransformer"]["InputTemplate"]
            subject = json.loads(template.replace("<detail>", "{}"))["subject"]
            assert subject.startswith("Arena/Snapshot: a run failed: ")
            assert subject.isascii()
            assert len(subject) <= 100


class TestRetry:
    @pytest.fixture
    def retried(self, define: Any) -> Any:
        return define(monitoring=SnapshotMonitoring(retry_after=Duration.minutes(10)))

    @pytest.fixture
    def machine(self, retried: Any) -> dict[str, Any]:
        properties = retried.one("AWS::StepFunctions::StateMachine")
        states = json.loads(retried.deployed(properties["DefinitionString"]))
        assert isinstance(states, dict)
        return states

    def test_waits_and_then_runs_the_task_once(self, machine: dict[str, Any]) -> None:
        assert machine["QueryLanguage"] == "JSONata"
        wait = machine["States"]["WaitToRunAgain"]
        assert (wait["Type"], wait["Seconds"]) == ("Wait", 600)
        run = machine["States"][wait["Next"]]
        assert run["End"] is True
        assert run["Resource"] == "arn:aws:states:::aws-sdk:ecs:runTask"
        assert run["Arguments"]["StartedBy"] == "bixarena-retry"
        (tag,) = run["Arguments"]["Tags"]
        assert tag["Key"] == "bixarena-constructs:task"
        # The failed task's id: an event that arrives twice starts one task.
        token = run["Arguments"]["ClientToken"]
        assert token == "{% $split($states.input.detail.taskArn, '/')[-1] %}"

    def test_may_run_this_task_in_this_cluster_and_pass_its_roles(self, retried: Any) -> None:
        (policy,) = retried.one("AWS::IAM::Role", below="MachineRole")["Policies"]
        run, tag, pass_roles = policy["PolicyDocument"]["Statement"][-3:]
        assert run["Action"] == "ecs:RunTask"
        assert "Ref" in run["Resource"]
        assert "ecs:cluster" in run["Condition"]["ArnEquals"]
        assert tag["Action"] == "ecs:TagResource"
        assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
        assert pass_roles["Action"] == "iam:PassRole"
        assert len(pass_roles["Resource"]) == 2
        assert "*" not in listed(run["Resource"]) + listed(pass_roles["Resource"])

    @pytest.mark.parametrize("seconds", [59, 86_401])
    def test_refuses_a_delay_out_of_bounds(self, define: Any, seconds: int) -> None:
        settings = SnapshotMonitoring(
            retry_after=Duration.seconds(seconds), missed_run_alarm=False
        )
        with pytest.raises(ValueError, match=r"retry_after is .* seconds from 60 to 86400"):
            define(monitoring=settings)


def test_shows_on_the_dashboard_what_is_known(define: Any) -> None:
    monitored = define(monitoring=SnapshotMonitoring(dashboard=True))
    body = json.loads(
        monitored.deployed(monitored.one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    )
    titles = [widget["properties"]["title"] for widget in body["widgets"]]
    assert titles == [
        "Arena/Snapshot",
        "Runs a day",
        "Seconds and snapshots of a run",
        "Leaderboards",
        "Last tasks that ended",
        "Last errors",
    ]
    assert len(body["widgets"][0]["properties"]["alarms"]) == 6
