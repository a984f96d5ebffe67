"""What the prop ``monitoring`` adds to a template, and who may do what."""

from __future__ import annotations

import json
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

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring
from bixarena_constructs.cdk.monitoring.message import TROUBLESHOOTING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = SnapshotMonitoring(retry_after=Duration.minutes(10), dashboard=True)
EXPECTED_BY_DEFAULT = {
    "AWS::CloudWatch::Alarm": 6,
    "AWS::Events::Rule": 11,
    "AWS::IAM::Role": 2,
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


def test_lets_its_own_rules_and_alarms_publish_and_nobody_else(define: Any) -> None:
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
    topic = next(iter(monitored.template.find_resources("AWS::SNS::Topic")))
    rules = {
        name
        for name, rule in monitored.template.find_resources("AWS::Events::Rule").items()
        if rule["Properties"]["Targets"][0]["Arn"] == {"Ref": topic}
    }
    alarms = set(monitored.template.find_resources("AWS::CloudWatch::Alarm"))
    assert allowed == {"events.amazonaws.com": rules, "cloudwatch.amazonaws.com": alarms}


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
    told = SnapshotMonitoring(history_retention=logs.RetentionDays.ONE_YEAR)
    assert define(monitoring=told).one("AWS::Logs::LogGroup", below="History") == {
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
    @pytest.fixture
    def messages(self, define: Any) -> dict[str, list[str]]:
        """The lines of each rule's message, with the event's fields by name."""
        monitored = define(monitoring=SnapshotMonitoring(retry_after=Duration.minutes(10)))
        return {
            name.removeprefix("SnapshotMonitoringFailures"): [
                json.loads(line)
                for line in monitored.deployed(
                    rule["Targets"][0]["InputTransformer"]["InputTemplate"]
                ).splitlines()
            ]
            for name, rule in monitored.resources("AWS::Events::Rule", below="Failures").items()
        }

    def test_says_what_failed_why_and_what_to_do(self, messages: dict[str, list[str]]) -> None:
        what, reason, task, log, run, command, page = messages["ExitCode2"]
        assert what == (
            "Arena/Snapshot: a run failed: the worker's settings are wrong, or there is no such "
            "leaderboard (exit code 2)."
        )
        assert reason == "Stopped reason: <detail-stoppedReason>"
        assert task == "Task: <detail-taskArn>, stopped at <detail-stoppedAt>"
        assert log.startswith("Its log: aws logs tail SnapshotLogGroup")
        assert run.startswith("Run it now: aws ecs run-task --region us-east-1 --cluster arn:aws")
        assert command == "Or: bixarena run Arena"
        assert page.endswith(TROUBLESHOOTING)

    def test_has_commands_that_survive_the_quotes_around_a_line(
        self, messages: dict[str, list[str]]
    ) -> None:
        for lines in messages.values():
            for line in lines:
                assert '"' not in line
                assert "\\" not in line

    def test_announces_a_retry_where_there_will_be_one(
        self, messages: dict[str, list[str]]
    ) -> None:
        announced = {
            name
            for name, lines in messages.items()
            if any("started again in 10 min" in x for x in lines)
        }
        assert announced == {"NeverStarted", "Interrupted", "ExitCode4"}


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
