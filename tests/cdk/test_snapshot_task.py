"""The task without a schedule of its own, and its target for EventBridge Scheduler."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack, TimeZone
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotTask
from bixarena_constructs.testing import normalised_template

IMAGE = "ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0"


def define(stack: Stack, cluster: ecs.ICluster, **props: Any) -> SnapshotTask:  # any prop
    return SnapshotTask(stack, "Snapshot", **{"cluster": cluster, "image": IMAGE, **props})


def put_on_schedule(stack: Stack, task: SnapshotTask, **options: Any) -> None:  # any option
    scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.cron(
            hour="10", minute="0", time_zone=TimeZone.EUROPE_BERLIN
        ),
        target=task.schedule_target(**options),
    )


def schedule_of(stack: Stack) -> dict[str, Any]:  # CloudFormation is untyped
    (found,) = Template.from_stack(stack).find_resources("AWS::Scheduler::Schedule").values()
    properties = found["Properties"]
    assert isinstance(properties, dict)
    return properties


def signature(of: type) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(of.__init__).parameters)  # type: ignore[misc]  # of a class


def test_defines_neither_a_rule_nor_a_queue(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster)
    template = Template.from_stack(stack)
    for kind in ("AWS::Events::Rule", "AWS::SQS::Queue", "AWS::Scheduler::Schedule"):
        template.resource_count_is(kind, 0)
    template.resource_count_is("AWS::ECS::TaskDefinition", 1)
    template.resource_count_is("AWS::EC2::SecurityGroup", 1)


def test_has_each_prop_as_the_scheduled_one_has_it() -> None:
    scheduled = signature(ScheduledSnapshotTask)
    for name, parameter in signature(SnapshotTask).items():
        assert scheduled[name] == parameter, name
    only_scheduled = scheduled.keys() - signature(SnapshotTask).keys()
    assert only_scheduled == {
        "dead_letter_queue",
        "enabled",
        "max_event_age",
        "monitoring",
        "retry_attempts",
        "rule_name",
        "schedule",
    }


def test_becomes_the_scheduled_one_without_a_changed_resource(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    # The generated name of a family holds the stack's.
    define(stack, cluster, family="snapshot")
    other = Stack(App.of(stack), "Other")
    ScheduledSnapshotTask(other, "Snapshot", cluster=cluster, image=IMAGE, family="snapshot")
    bare, scheduled = (Template.from_stack(one).to_json()["Resources"] for one in (stack, other))
    for logical_id, resource in bare.items():
        as_text = json.dumps(scheduled[logical_id]).replace("Other", "Stack")
        assert json.loads(as_text) == resource


class TestScheduleTarget:
    def test_starts_the_task_in_a_time_zone(self, stack: Stack, cluster: ecs.ICluster) -> None:
        put_on_schedule(stack, define(stack, cluster))
        schedule = schedule_of(stack)
        assert schedule["ScheduleExpression"] == "cron(0 10 * * ? *)"
        assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"

    def test_passes_the_scheduled_time(self, stack: Stack, cluster: ecs.ICluster) -> None:
        put_on_schedule(stack, define(stack, cluster))
        (override,) = json.loads(schedule_of(stack)["Target"]["Input"])["containerOverrides"]
        assert override == {
            "name": "bixarena-worker",
            "environment": [{"name": "SCHEDULED_AT", "value": "<aws.scheduler.scheduled-time>"}],
        }

    def test_starts_it_as_the_rule_does(self, stack: Stack, cluster: ecs.ICluster) -> None:
        props: dict[str, Any] = {
            "image": IMAGE,
            "readonly_root_filesystem": False,
            "enable_execute_command": True,
            "enable_ecs_managed_tags": True,
            "propagate_tags": ecs.PropagatedTagSource.TASK_DEFINITION,
            "task_tags": {"team": "arena"},
            "platform_version": ecs.FargatePlatformVersion.VERSION1_4,
            "subnet_selection": ec2.SubnetSelection(subnets=cluster.vpc.public_subnets),
            "assign_public_ip": True,
        }
        task = ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, **props)
        put_on_schedule(stack, task)
        by_schedule = schedule_of(stack)["Target"]["EcsParameters"]
        (rule,) = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
        by_rule = rule["Properties"]["Targets"][0]["EcsParameters"]
        assert by_schedule == {
            "EnableECSManagedTags": by_rule["EnableECSManagedTags"],
            "EnableExecuteCommand": by_rule["EnableExecuteCommand"],
            "LaunchType": by_rule["LaunchType"],
            "NetworkConfiguration": {
                "AwsvpcConfiguration": by_rule["NetworkConfiguration"]["AwsVpcConfiguration"]
            },
            "PlatformVersion": by_rule["PlatformVersion"],
            "PropagateTags": by_rule["PropagateTags"],
            "Tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in by_rule["TagList"]],
            "TaskDefinitionArn": by_rule["TaskDefinitionArn"],
        }

    def test_may_start_this_task_and_no_other(self, stack: Stack, cluster: ecs.ICluster) -> None:
        put_on_schedule(stack, define(stack, cluster))
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::IAM::Policy",
            {
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Action": "ecs:RunTask",
                                    "Resource": {
                                        "Ref": Match.string_like_regexp("ScheduledTaskDef")
                                    },
                                }
                            )
                        ]
                    )
                },
                "Roles": [{"Ref": Match.string_like_regexp("SnapshotScheduleRole")}],
            },
        )

    def test_keeps_what_could_not_be_started_in_a_queue_of_the_task(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        put_on_schedule(stack, define(stack, cluster))
        target = schedule_of(stack)["Target"]
        (queue,) = Template.from_stack(stack).find_resources("AWS::SQS::Queue")
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600

    def test_takes_a_queue_with_a_key_and_bounds(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        key = kms.Key(stack, "Key")
        queue = sqs.Queue(stack, "Queue", encryption_master_key=key)
        put_on_schedule(
            stack,
            define(stack, cluster),
            dead_letter_queue=queue,
            max_event_age=Duration.minutes(5),
            retry_attempts=3,
        )
        assert schedule_of(stack)["Target"]["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 300,
            "MaximumRetryAttempts": 3,
        }
        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Policy",
            {
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Action": Match.array_with(
                                        ["kms:Decrypt", "kms:GenerateDataKey*"]
                                    )
                                }
                            )
                        ]
                    )
                },
                "Roles": [{"Ref": Match.string_like_regexp("SnapshotScheduleRole")}],
            },
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_event_age": Duration.seconds(59)}, "max_event_age is"),
            ({"retry_attempts": 186}, "retry_attempts is 186"),
        ],
    )
    def test_refuses_what_scheduler_would(
        self, stack: Stack, cluster: ecs.ICluster, options: dict[str, Any], message: str
    ) -> None:
        task = define(stack, cluster)
        with pytest.raises(ValueError, match=message):
            task.schedule_target(**options)

    def test_refuses_a_fifo_queue(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define(stack, cluster)
        queue = sqs.Queue(stack, "Queue", fifo=True)
        with pytest.raises(ValueError, match="dead_letter_queue is a FIFO queue"):
            task.schedule_target(dead_letter_queue=queue)

    def test_shares_a_role_and_a_queue_among_the_schedules_of_a_task(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define(stack, cluster)
        for hour in ("10", "22"):
            scheduler.Schedule(
                stack,
                f"At{hour}",
                schedule=scheduler.ScheduleExpression.cron(hour=hour, minute="0"),
                target=task.schedule_target(),
            )
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::SQS::Queue", 1)
        roles = [name for name in template.find_resources("AWS::IAM::Role") if "Schedule" in name]
        assert len([name for name in roles if "ScheduleRole" in name]) == 1

    def test_refuses_a_public_address_in_subnets_that_the_vpc_does_not_know(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        subnet = ec2.Subnet.from_subnet_attributes(
            stack, "Elsewhere", subnet_id="subnet-9", availability_zone="us-east-1a"
        )
        task = define(
            stack,
            cluster,
            subnet_selection=ec2.SubnetSelection(subnets=[subnet]),
            assign_public_ip=True,
        )
        with pytest.raises(ValueError, match="not among the public ones"):
            task.schedule_target()


def test_is_started_by_whom_it_is_granted(stack: Stack, cluster: ecs.ICluster) -> None:
    role = iam.Role(stack, "Pipeline", assumed_by=iam.AccountRootPrincipal())
    define(stack, cluster).grant_run(role)
    template = normalised_template(Template.from_stack(stack).to_json())
    assert "ecs:RunTask" in json.dumps(template)
    assert "events:DescribeRule" not in json.dumps(template)


def test_gives_a_name_of_its_own_to_each_output(stack: Stack, cluster: ecs.ICluster) -> None:
    define(stack, cluster)
    outputs = Template.from_stack(stack).to_json()["Outputs"]
    assert {name.removeprefix("SnapshotOutputs")[:-8] for name in outputs} == {
        "ClusterArn",
        "ContainerName",
        "ContractVersion",
        "LogGroupName",
        "LogTailCommand",
        "RunTaskCommand",
        "TaskDefinitionArn",
        "TaskDefinitionFamily",
    }


class TestDoors:
    def test_open_what_it_defined(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define(stack, cluster)
        parts = [task.task_role, task.execution_role, *task.security_groups]
        names = ("TaskRole", "ExecutionRole", "SecurityGroup")
        inside = "Stack/Snapshot/ScheduledTaskDef"
        assert [part.node.path for part in parts] == [f"{inside}/{name}" for name in names]

    def test_open_what_it_was_given(
        self, stack: Stack, cluster: ecs.ICluster, vpc: ec2.IVpc
    ) -> None:
        given = {
            "task_role": iam.Role.from_role_name(stack, "TaskRole", "task"),
            "execution_role": iam.Role.from_role_name(stack, "ExecutionRole", "agent"),
        }
        group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
        task = define(stack, cluster, **given, security_groups=[group])
        for name, role in given.items():
            assert getattr(task, name).node.path == role.node.path
        assert task.security_groups == (group,)

    def test_open_the_pattern_inside(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = ScheduledSnapshotTask(stack, "Snapshot", cluster=cluster, image=IMAGE)
        inside = task.scheduled_task
        assert inside.event_rule.node.path == task.event_rule.node.path
        assert inside.task_definition.node.path == task.task_definition.node.path
