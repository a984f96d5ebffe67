from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local_aws.conftest import Deployed, Template

    from local_aws import LocalAws

    Deploy = Callable[[Template], Deployed]


def test_registers_every_property_of_a_task_definition(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    container["DockerLabels"] = {"Owner": "Arena"}
    container["PortMappings"] = [{"ContainerPort": 80, "AppProtocol": "http"}]
    container["LinuxParameters"] = {"InitProcessEnabled": True}
    definition = template["Resources"]["TaskDefinition"]["Properties"]
    definition["EphemeralStorage"] = {"SizeInGiB": 30}
    definition["Volumes"] = [{"Name": "Scratch"}]
    stack = deploy(template)
    found = aws.session.client("ecs").describe_task_definition(
        taskDefinition=stack.outputs["TaskDefinition"]
    )["taskDefinition"]
    assert found["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert found["ephemeralStorage"]["sizeInGiB"] == 30
    assert found["volumes"] == [{"name": "Scratch"}]
    [described] = found["containerDefinitions"]
    assert described["secrets"][0]["valueFrom"] == f"{stack.outputs['Secret']}:password::"
    assert described["logConfiguration"]["options"]["awslogs-stream-prefix"] == "snapshot"
    assert described["dockerLabels"] == {"Owner": "Arena"}
    assert described["portMappings"] == [{"containerPort": 80, "appProtocol": "http"}]
    assert described["linuxParameters"]["initProcessEnabled"] is True


def test_says_why_a_task_definition_is_refused(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"] = []
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        deploy(template)
    cloudformation = aws.session.client("cloudformation")
    stack_name = cloudformation.describe_stacks()["Stacks"][-1]["StackName"]
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events]
    assert any("must contain at least one container definition" in each for each in reasons)


def test_registers_a_new_revision_when_a_nested_property_changes(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    stack = deploy(template)
    container["Secrets"][0]["Name"] = "PASSPHRASE"
    stack.update(template)
    found = aws.session.client("ecs").describe_task_definition(
        taskDefinition=f"{stack.name}-family"
    )["taskDefinition"]
    assert found["revision"] == 2
    assert found["containerDefinitions"][0]["secrets"][0]["name"] == "PASSPHRASE"
    assert stack.run()["taskDefinitionArn"].endswith(":2")


def test_refers_to_a_secret_by_its_arn_through_updates_and_replacement(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    secrets = aws.session.client("secretsmanager")
    stack = deploy(template)
    arn = stack.outputs["Secret"]
    assert arn.startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:")

    properties = template["Resources"]["Secret"]["Properties"]
    properties["SecretString"] = "changed"
    stack.update(template)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "changed"

    properties["Name"] = f"{stack.name}-renamed"
    stack.update(template)
    renamed = secrets.describe_secret(SecretId=properties["Name"])["ARN"]
    assert renamed != arn
    with pytest.raises(ClientError, match="can't find the specified secret"):
        secrets.get_secret_value(SecretId=arn)

    aws.session.client("cloudformation").delete_stack(StackName=stack.name)
    with pytest.raises(ClientError, match="can't find the specified secret"):
        secrets.get_secret_value(SecretId=renamed)


def test_lists_a_rules_target_as_the_events_api_does(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    tags = [{"Key": "team", "Value": "arena"}]
    (given,) = template["Resources"]["Rule"]["Properties"]["Targets"]
    given["EcsParameters"]["TagList"] = tags
    stack = deploy(template)
    targets = aws.session.client("events").list_targets_by_rule(Rule=stack.outputs["RuleName"])
    [target] = targets["Targets"]
    network = target["EcsParameters"]["NetworkConfiguration"]
    assert network["awsvpcConfiguration"] == {"Subnets": ["subnet-0123456789abcdef0"]}
    assert target["EcsParameters"]["Tags"] == tags
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}
    assert target["DeadLetterConfig"]["Arn"].endswith(
        stack.outputs["DeadLetters"].rpartition("/")[2]
    )


def test_keeps_a_topics_key_when_something_else_of_it_changes(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "alias/aws/sns"}}
    template["Resources"]["Topic"] = topic
    template["Outputs"]["Topic"] = {"Value": {"Ref": "Topic"}}
    stack = deploy(template)
    topic["Properties"] = {"KmsMasterKeyId": "alias/ours", "DisplayName": "Alerts"}
    stack.update(template)
    attributes = aws.session.client("sns").get_topic_attributes(TopicArn=stack.outputs["Topic"])
    assert attributes["Attributes"]["KmsMasterKeyId"] == "alias/ours"


def test_creates_and_deletes_what_watches_a_task(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    template["Resources"] |= {
        "Published": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": {"Ref": "Logs"},
                "FilterPattern": '{ $.event = "snapshot_published" }',
                "MetricTransformations": [
                    {
                        "MetricName": "SnapshotsPublished",
                        "MetricNamespace": "BixArena",
                        "MetricValue": "1",
                        "Dimensions": [{"Key": "Leaderboard", "Value": "$.leaderboard"}],
                    }
                ],
            },
        },
        "Missed": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "BixArena",
                "MetricName": "SnapshotsPublished",
                "Statistic": "Sum",
                "Period": 3600,
                "EvaluationPeriods": 26,
                "Threshold": 1,
                "ComparisonOperator": "LessThanThreshold",
                "TreatMissingData": "breaching",
            },
        },
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardBody": '{"widgets": []}'},
        },
    }
    template["Outputs"] |= {
        "Alarm": {"Value": {"Ref": "Missed"}},
        "Dashboard": {"Value": {"Ref": "Dashboard"}},
    }
    stack = deploy(template)
    logs, cloudwatch = aws.session.client("logs"), aws.session.client("cloudwatch")
    filters = logs.describe_metric_filters(logGroupName=stack.outputs["LogGroupName"])
    assert len(filters["metricFilters"]) == 1
    alarms = cloudwatch.describe_alarms(AlarmNames=[stack.outputs["Alarm"]])["MetricAlarms"]
    assert [each["TreatMissingData"] for each in alarms] == ["breaching"]
    assert cloudwatch.get_dashboard(DashboardName=stack.outputs["Dashboard"])

    aws.session.client("cloudformation").delete_stack(StackName=stack.name)
    assert cloudwatch.describe_alarms(AlarmNames=[stack.outputs["Alarm"]])["MetricAlarms"] == []
    assert (
        cloudwatch.list_dashboards(DashboardNamePrefix=stack.outputs["Dashboard"])[
            "DashboardEntries"
        ]
        == []
    )
    groups = logs.describe_log_groups(logGroupNamePrefix=stack.outputs["LogGroupName"])
    assert groups["logGroups"] == []
