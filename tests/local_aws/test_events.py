from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_aws.conftest import Deployed, Template

    from local_aws import LocalAws

    Deploy = Callable[[Template], Deployed]

_SCHEDULED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_EXIT_1 = ["python", "-c", "raise SystemExit(1)"]
_FAILED: dict[str, Any] = {
    "source": ["aws.ecs"],
    "detail-type": ["ECS Task State Change"],
    "detail": {
        "clusterArn": [{"Fn::GetAtt": ["Cluster", "Arn"]}],
        "group": [{"Fn::Sub": "family:${AWS::StackName}-family"}],
        "lastStatus": ["STOPPED"],
        "containers": {"name": ["worker"], "exitCode": [{"anything-but": [0]}]},
    },
}
_ALL_STATES = {"source": ["aws.ecs"], "detail": {"clusterArn": _FAILED["detail"]["clusterArn"]}}


def _add_queue(template: Template, *, sender: str) -> None:
    """Add a queue with the output "Inbox" that a service may send to."""
    template["Resources"]["Inbox"] = {"Type": "AWS::SQS::Queue"}
    template["Resources"]["InboxPolicy"] = {
        **template["Resources"]["DeadLettersPolicy"],
        "Properties": {
            "Queues": [{"Ref": "Inbox"}],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": sender},
                        "Action": "sqs:SendMessage",
                        "Resource": {"Fn::GetAtt": ["Inbox", "Arn"]},
                    }
                ],
            },
        },
    }
    template["Outputs"]["Inbox"] = {"Value": {"Ref": "Inbox"}}


def _add_rule(template: Template, pattern: dict[str, Any], target: object, **more: object) -> None:
    template["Resources"]["States"] = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": pattern,
            "Targets": [{"Id": "Target", "Arn": target, **more}],
        },
    }


def _add_encrypted_topic(template: Template, *, key_lets_in: str = "events.amazonaws.com") -> None:
    """Add an encrypted topic that EventBridge and alarms may publish to, with a queue on it."""
    principals = ["events.amazonaws.com", "cloudwatch.amazonaws.com"]
    _add_queue(template, sender="sns.amazonaws.com")
    template["Resources"] |= {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "KeyPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": [key_lets_in, "cloudwatch.amazonaws.com"]},
                            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                            "Resource": "*",
                        }
                    ],
                }
            },
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "KmsMasterKeyId": {"Ref": "Key"},
                "Subscription": [
                    {"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Inbox", "Arn"]}}
                ],
            },
        },
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": principals},
                            "Action": "sns:Publish",
                            "Resource": {"Ref": "Topic"},
                        }
                    ],
                },
            },
        },
    }


def test_hands_a_targets_input_the_schedulers_event(deploy: Deploy, template: Template) -> None:
    _add_queue(template, sender="events.amazonaws.com")
    targets = template["Resources"]["Rule"]["Properties"]["Targets"]
    targets.append({"Id": "Inbox", "Arn": {"Fn::GetAtt": ["Inbox", "Arn"]}})
    stack = deploy(template)
    stack.fire()
    [message] = stack.messages("Inbox", number=1)
    event = json.loads(message["Body"])
    assert event.pop("id")
    [rule_arn] = event.pop("resources")
    assert rule_arn.endswith(f":rule/{stack.outputs['RuleName']}")
    assert event == {
        "version": "0",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-03-01T12:00:00Z",
        "region": "us-east-1",
        "detail-type": "Scheduled Event",
        "detail": {},
    }


def test_tells_the_scheduled_time_in_utc(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    container["Command"] = ["python", "-c", "import os; print(os.environ['SCHEDULED_AT'])"]
    stack = deploy(template)
    tokyo = _SCHEDULED_AT.astimezone(timezone(timedelta(hours=9)))
    [task_arn] = aws.fire(stack.outputs["RuleName"], scheduled_at=tokyo)
    aws.wait_for_task(stack.cluster, task_arn)
    assert stack.lines() == ["2026-03-01T12:00:00Z"]


def test_starts_nothing_for_a_disabled_rule(deploy: Deploy, template: Template) -> None:
    template["Resources"]["Rule"]["Properties"]["State"] = "DISABLED"
    assert deploy(template).fire() == []


def test_starts_as_many_tasks_as_the_target_says_in_the_rules_name(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    rule = template["Resources"]["Rule"]["Properties"]
    rule["Name"] = "a-rule-with-a-name-that-is-long-enough-to-be-cut"
    rule["Targets"][0]["EcsParameters"]["TaskCount"] = 2
    stack = deploy(template)
    tasks = [aws.wait_for_task(stack.cluster, task_arn) for task_arn in stack.fire()]
    assert [task["startedBy"] for task in tasks] == ["events-rule/a-rule-with-a-name-that-"] * 2


def test_refuses_to_fire_what_is_no_scheduled_rule(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    _add_rule(template, _ALL_STATES, {"Fn::GetAtt": ["DeadLetters", "Arn"]})
    template["Outputs"]["States"] = {"Value": {"Ref": "States"}}
    states = deploy(template).outputs["States"]
    with pytest.raises(LocalAwsError, match=f"{states} did not fire: .*one scheduled rule"):
        aws.fire(states, scheduled_at=_SCHEDULED_AT)
    with pytest.raises(ClientError, match="Rule nothing does not exist"):
        aws.fire("nothing", scheduled_at=_SCHEDULED_AT)


def test_tells_every_change_of_a_tasks_state(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["Command"] = _EXIT_1
    _add_queue(template, sender="events.amazonaws.com")
    _add_rule(template, _ALL_STATES, {"Fn::GetAtt": ["Inbox", "Arn"]})
    stack = deploy(template)
    task = stack.run()
    events = [json.loads(message["Body"]) for message in stack.messages("Inbox", number=5)]
    details = [event["detail"] for event in events]
    shown = [(each["version"], each["lastStatus"], each["desiredStatus"]) for each in details]
    assert shown == [
        (1, "PROVISIONING", "RUNNING"),
        (2, "PENDING", "RUNNING"),
        (3, "RUNNING", "RUNNING"),
        (4, "DEPROVISIONING", "STOPPED"),
        (5, "STOPPED", "STOPPED"),
    ]
    assert events[-1]["resources"] == [task["taskArn"]]
    assert events[-1]["detail-type"] == "ECS Task State Change"
    last = details[-1]
    assert (last["containers"][0]["name"], last["containers"][0]["exitCode"]) == ("worker", 1)
    assert last["group"] == f"family:{stack.name}-family"
    same = ("taskArn", "taskDefinitionArn", "clusterArn", "stopCode", "stoppedReason", "startedBy")
    assert {key: last[key] for key in same} == {key: task[key] for key in same}  # type: ignore[literal-required] # listed above
    assert "stopCode" not in details[0]
    assert "containerInstanceArn" not in last


def test_alerts_once_for_a_failed_run_through_an_encrypted_topic(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["Command"] = _EXIT_1
    _add_encrypted_topic(template)
    transformer = {
        "InputPathsMap": {"reason": "$.detail.stoppedReason", "group": "$.detail.group"},
        "InputTemplate": '"<group> failed: <reason>"',
    }
    _add_rule(template, _FAILED, {"Ref": "Topic"}, InputTransformer=transformer)
    stack = deploy(template)
    stack.run()
    [message] = stack.messages("Inbox", number=2, wait_seconds=0)
    notification = json.loads(message["Body"])
    assert notification["Type"] == "Notification"
    assert json.loads(notification["Message"]) == (
        f"family:{stack.name}-family failed: Essential container in task exited"
    )


def test_does_not_alert_for_a_run_that_went_well(deploy: Deploy, template: Template) -> None:
    _add_encrypted_topic(template)
    _add_rule(template, _FAILED, {"Ref": "Topic"})
    stack = deploy(template)
    stack.run()
    assert stack.messages("Inbox", number=1, wait_seconds=0) == []


def _shut_out_by_the_key(template: Template) -> None:
    _add_encrypted_topic(template, key_lets_in="s3.amazonaws.com")


def _shut_out_by_the_key_of_sns(template: Template) -> None:
    _add_encrypted_topic(template)
    template["Resources"]["Topic"]["Properties"]["KmsMasterKeyId"] = "alias/aws/sns"


def _shut_out_by_the_default_policy(template: Template) -> None:
    _add_encrypted_topic(template)
    del template["Resources"]["TopicPolicy"]


def _shut_out_by_the_queue(template: Template) -> None:
    _add_encrypted_topic(template)
    del template["Resources"]["InboxPolicy"]


@pytest.mark.parametrize(
    "shut_out",
    [
        _shut_out_by_the_key,
        _shut_out_by_the_key_of_sns,
        _shut_out_by_the_default_policy,
        _shut_out_by_the_queue,
    ],
)
def test_does_not_publish_where_a_policy_shuts_the_service_out(
    deploy: Deploy,
    template: Template,
    container: Template,
    shut_out: Callable[[Template], None],
) -> None:
    container["Command"] = _EXIT_1
    shut_out(template)
    _add_rule(template, _FAILED, {"Ref": "Topic"})
    stack = deploy(template)
    stack.run()
    assert stack.messages("Inbox", number=1, wait_seconds=0) == []


@pytest.mark.parametrize(("let_in", "number"), [(True, 1), (False, 0)])
def test_publishes_an_alarm_where_the_topic_lets_it_in(
    deploy: Deploy, template: Template, aws: LocalAws, *, let_in: bool, number: int
) -> None:
    _add_encrypted_topic(template)
    if not let_in:
        statement = template["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"][0]
        statement["Principal"] = {"Service": "events.amazonaws.com"}
    template["Resources"]["Alarm"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/Events",
            "MetricName": "FailedInvocations",
            "Dimensions": [{"Name": "RuleName", "Value": {"Ref": "Rule"}}],
            "Statistic": "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": "Topic"}],
        },
    }
    template["Outputs"]["Alarm"] = {"Value": {"Ref": "Alarm"}}
    stack = deploy(template)
    aws.session.client("cloudwatch").set_alarm_state(
        AlarmName=stack.outputs["Alarm"], StateValue="ALARM", StateReason="a test"
    )
    messages = stack.messages("Inbox", number=number, wait_seconds=0)
    names = [json.loads(json.loads(each["Body"])["Message"])["AlarmName"] for each in messages]
    assert names == [stack.outputs["Alarm"]] * number


def test_keeps_events_in_a_log_group(deploy: Deploy, template: Template) -> None:
    template["Resources"]["History"] = {"Type": "AWS::Logs::LogGroup"}
    template["Outputs"]["LogGroupName"] = {"Value": {"Ref": "History"}}
    group = "arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:${History}"
    _add_rule(template, _ALL_STATES, {"Fn::Sub": group}, InputPath="$.detail.lastStatus")
    stack = deploy(template)
    stack.run()
    states = ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"]
    assert sorted(stack.lines()) == sorted(json.dumps(each) for each in states)


def test_keeps_the_whole_event_where_the_input_path_leads_nowhere(
    deploy: Deploy, template: Template
) -> None:
    template["Resources"]["History"] = {"Type": "AWS::Logs::LogGroup"}
    template["Outputs"]["LogGroupName"] = {"Value": {"Ref": "History"}}
    group = {"Fn::GetAtt": ["History", "Arn"]}
    _add_rule(template, _ALL_STATES, group, InputPath="$.detail.lastStatus.nothing")
    stack = deploy(template)
    stack.run()
    assert {json.loads(line)["source"] for line in stack.lines()} == {"aws.ecs"}


def _deny(statement: int) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        policy = template["Resources"]["EventsRole"]["Properties"]["Policies"][0]
        del policy["PolicyDocument"]["Statement"][statement]

    return change


def _other_cluster(template: Template) -> None:
    policy = template["Resources"]["EventsRole"]["Properties"]["Policies"][0]
    run = policy["PolicyDocument"]["Statement"][0]
    run["Condition"] = {
        "ArnEquals": {"ecs:cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/x"}
    }


def _no_json(template: Template) -> None:
    target = template["Resources"]["Rule"]["Properties"]["Targets"][0]
    target["InputTransformer"]["InputTemplate"] = '{"containerOverrides": <time>'


def _no_network(template: Template) -> None:
    target = template["Resources"]["Rule"]["Properties"]["Targets"][0]
    del target["EcsParameters"]["NetworkConfiguration"]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (_deny(0), "NO_PERMISSIONS", "ecs:RunTask"),
        (_deny(1), "NO_PERMISSIONS", "iam:PassRole"),
        (_other_cluster, "NO_PERMISSIONS", "ecs:RunTask"),
        (_no_json, "INVALID_JSON", "not JSON"),
        (_no_network, "ERROR_FROM_TARGET", "Network Configuration must be provided"),
    ],
)
def test_sends_an_event_that_started_no_task_to_the_dead_letters(
    deploy: Deploy,
    template: Template,
    change: Callable[[Template], None],
    code: str,
    message: str,
) -> None:
    change(template)
    stack = deploy(template)
    assert stack.fire() == []
    [letter] = stack.messages("DeadLetters", number=1)
    attributes = {
        name: value["StringValue"] for name, value in letter["MessageAttributes"].items()
    }
    assert attributes["ERROR_CODE"] == code
    assert message in attributes["ERROR_MESSAGE"]
    assert attributes["RULE_ARN"].endswith(stack.outputs["RuleName"])
    assert attributes["TARGET_ARN"].endswith(f":cluster/{stack.cluster}")
    assert json.loads(letter["Body"])["time"] == "2026-03-01T12:00:00Z"
    assert _counted(stack) == {"FailedInvocations": 1, "InvocationsSentToDlq": 1}


def test_loses_a_dead_letter_whose_queue_shuts_eventbridge_out(
    deploy: Deploy, template: Template
) -> None:
    _deny(0)(template)
    del template["Resources"]["DeadLettersPolicy"]
    stack = deploy(template)
    assert stack.fire() == []
    assert stack.messages("DeadLetters", number=1, wait_seconds=0) == []
    assert _counted(stack) == {"FailedInvocations": 1, "InvocationsFailedToBeSentToDlq": 1}


def test_counts_a_failed_invocation_without_a_dead_letter_queue(
    deploy: Deploy, template: Template
) -> None:
    _deny(0)(template)
    del template["Resources"]["Rule"]["Properties"]["Targets"][0]["DeadLetterConfig"]
    stack = deploy(template)
    assert stack.fire() == []
    assert _counted(stack) == {"FailedInvocations": 1}


def _counted(stack: Deployed) -> dict[str, float]:
    """Return the sums of what EventBridge counts for the stack's rule, where there are any."""
    cloudwatch = stack.aws.session.client("cloudwatch")
    now = datetime.now(UTC)
    sums = {
        name: cloudwatch.get_metric_statistics(
            Namespace="AWS/Events",
            MetricName=name,
            Dimensions=[{"Name": "RuleName", "Value": stack.outputs["RuleName"]}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=1200,
            Statistics=["Sum"],
        )["Datapoints"]
        for name in (
            "FailedInvocations",
            "InvocationsSentToDlq",
            "InvocationsFailedToBeSentToDlq",
        )
    }
    return {name: sum(each["Sum"] for each in points) for name, points in sums.items() if points}
