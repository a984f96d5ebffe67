"""The monitoring of tasks that this library does not schedule, or does not even define."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_cdk import CfnParameter, Duration, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from bixarena_constructs import (
    ExitCode,
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    TaskMonitoring,
    WorkerSignals,
)

# `Any`: CloudFormation's JSON, and any prop.
Json = dict[str, Any]
SIGNALS = WorkerSignals(
    outcome=logs.FilterPattern.literal("good"),
    exit_codes={75: ExitCode(meaning="try later", is_transient=True)},
)
RUN = Duration.minutes(5)
HOUR = 3600
# What says when a schedule fires.
WHEN = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate")


def define_pattern(
    stack: Stack, cluster: ecs.ICluster, **props: Any
) -> ecs_patterns.ScheduledFargateTask:
    return ecs_patterns.ScheduledFargateTask(
        stack,
        "Bare",
        **{
            "cluster": cluster,
            "schedule": appscaling.Schedule.rate(Duration.hours(6)),
            "scheduled_fargate_task_image_options": (
                ecs_patterns.ScheduledFargateTaskImageOptions(
                    image=ecs.ContainerImage.from_registry("example/cleaner")
                )
            ),
            **props,
        },
    )


def define_task(stack: Stack, cluster: ecs.ICluster) -> SnapshotTask:
    return SnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image="ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0",
    )


def define_schedule(
    stack: Stack, task: SnapshotTask, *, expression: str = "cron(0 10 * * ? *)", **props: Any
) -> scheduler.Schedule:
    zone = props.pop("time_zone", TimeZone.EUROPE_BERLIN)
    return scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.expression(expression, zone),
        target=task.schedule_target(),
        **props,
    )


def alarms_of(stack: Stack) -> dict[str, Json]:
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    return {
        name.removeprefix("Monitoring").removeprefix("Delivery")[:-8].removesuffix("Alarm"): one[
            "Properties"
        ]
        for name, one in found.items()
    }


def wait_of(stack: Stack) -> int:
    """How many seconds after a run was due its outcome is asked for."""
    (machine,) = (
        Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine").values()
    )
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "token" for part in parts)
    return int(json.loads(text)["States"]["WaitForOutcome"]["Seconds"])


class TestBarePattern:
    def test_is_watched_in_one_line(self, stack: Stack, cluster: ecs.ICluster) -> None:
        pattern = define_pattern(stack, cluster)
        TaskMonitoring(stack, "Monitoring", task=pattern, max_runtime=RUN)
        alarms = alarms_of(stack)
        assert alarms.keys() == {"FailedInvocations", "MissedRun", "WatchFailed", "WatchHang"}
        (rule,) = (
            name
            for name in Template.from_stack(stack).find_resources("AWS::Events::Rule")
            if name.startswith("BareScheduledEventRule")
        )
        assert alarms["FailedInvocations"]["Dimensions"] == [
            {"Name": "RuleName", "Value": {"Ref": rule}}
        ]
        # From half an interval on: EventBridge's own 24 hours for a start, 5 minutes, and 10.
        assert wait_of(stack) == 9 * HOUR + 24 * HOUR + 15 * 60

    def test_is_read_by_its_own_signals(self, stack: Stack, cluster: ecs.ICluster) -> None:
        pattern = define_pattern(stack, cluster)
        settings = SnapshotMonitoring(signals=SIGNALS)
        TaskMonitoring(stack, "Monitoring", task=pattern, max_runtime=RUN, settings=settings)
        template = Template.from_stack(stack)
        (log_group,) = (
            name
            for name in template.find_resources("AWS::Logs::LogGroup")
            if name.startswith("Bare")
        )
        filters = template.find_resources("AWS::Logs::MetricFilter").values()
        assert {
            one["Properties"]["FilterPattern"]
            for one in filters
            if one["Properties"]["LogGroupName"] == {"Ref": log_group}
        } == {"good"}
        rules = template.find_resources("AWS::Events::Rule").values()
        patterns = [
            one["Properties"]["EventPattern"]["detail"]["containers"]
            for one in rules
            if "containers" in one["Properties"].get("EventPattern", {}).get("detail", {})
        ]
        assert {"name": ["ScheduledContainer"], "exitCode": [75]} in patterns

    def test_is_retried_as_its_rule_starts_it(self, stack: Stack, cluster: ecs.ICluster) -> None:
        pattern = define_pattern(
            stack,
            cluster,
            platform_version=ecs.FargatePlatformVersion.VERSION1_4,
            tags=[targets.Tag(key="team", value="arena")],
            propagate_tags=ecs.PropagatedTagSource.TASK_DEFINITION,
        )
        settings = SnapshotMonitoring(signals=SIGNALS, retry_after=Duration.minutes(10))
        TaskMonitoring(stack, "Monitoring", task=pattern, max_runtime=RUN, settings=settings)
        template = Template.from_stack(stack)
        (machine,) = template.find_resources("AWS::StepFunctions::StateMachine").values()
        parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else json.dumps(part) for part in parts)
        for expected in (
            '"PlatformVersion":"1.4.0"',
            '"Tags":[{"Key":"team","Value":"arena"}]',
            '"PropagateTags":"TASK_DEFINITION"',
            '"Subnets":["subnet-private-1","subnet-private-2"]',
            '"Name":"ScheduledContainer"',
        ):
            assert expected in text

    def test_says_what_else_it_must_know(self, stack: Stack, cluster: ecs.ICluster) -> None:
        pattern = define_pattern(stack, cluster)
        with pytest.raises(ValueError, match=r"max_runtime is missing; .*Stack/Bare may take"):
            TaskMonitoring(stack, "Monitoring", task=pattern)

    def test_must_log_to_cloudwatch(self, stack: Stack, cluster: ecs.ICluster) -> None:
        options = ecs_patterns.ScheduledFargateTaskImageOptions(
            image=ecs.ContainerImage.from_registry("example/cleaner"),
            log_driver=ecs.LogDrivers.splunk(
                secret_token=ecs.Secret.from_secrets_manager(_secret(stack)), url="https://s"
            ),
        )
        pattern = define_pattern(stack, cluster, scheduled_fargate_task_image_options=options)
        with pytest.raises(ValueError, match="ScheduledContainer does not log to CloudWatch"):
            TaskMonitoring(stack, "Monitoring", task=pattern, max_runtime=RUN)

    def test_gives_no_command_of_a_stack_that_has_no_outputs_of_it(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        TaskMonitoring(stack, "Monitoring", task=define_pattern(stack, cluster), max_runtime=RUN)
        template = json.dumps(Template.from_stack(stack).to_json())
        assert "aws ecs run-task" in template
        assert "bixarena run" not in template


class TestSchedule:
    def test_is_watched_with_its_queue(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define_task(stack, cluster)
        TaskMonitoring(stack, "Monitoring", task=task, trigger=define_schedule(stack, task))
        alarms = alarms_of(stack)
        # AWS counts failed starts by group, and the default group has those of others too.
        assert alarms.keys() == {"DeadLetters", "MissedRun", "WatchFailed", "WatchHang"}

    def test_in_a_group_of_its_own_is_watched_by_its_metrics(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define_task(stack, cluster)
        group = scheduler.ScheduleGroup(stack, "Group", schedule_group_name="snapshots")
        schedule = define_schedule(stack, task, schedule_group=group)
        TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)
        alarms = alarms_of(stack)
        assert alarms["FailedInvocations"]["Namespace"] == "AWS/Scheduler"
        assert alarms["FailedInvocations"]["MetricName"] == "TargetErrorCount"
        (dimension,) = alarms["LostDeadLetters"]["Dimensions"]
        assert dimension["Name"] == "ScheduleGroup"

    @pytest.mark.parametrize(
        ("expression", "time_zone"),
        [
            ("cron(0 10 * * ? *)", TimeZone.EUROPE_BERLIN),
            ("cron(0 10 * * ? *)", TimeZone.ETC_UTC),
            ("rate(1 day)", TimeZone.EUROPE_BERLIN),
        ],
    )
    def test_is_checked_at_the_same_times_in_the_same_time_zone(
        self, stack: Stack, cluster: ecs.ICluster, expression: str, time_zone: TimeZone
    ) -> None:
        task = define_task(stack, cluster)
        dates = {
            "start": datetime(2026, 3, 1, tzinfo=UTC),
            "end": datetime(2026, 12, 1, tzinfo=UTC),
        }
        schedule = define_schedule(
            stack, task, expression=expression, time_zone=time_zone, **dates
        )
        TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)
        found = Template.from_stack(stack).find_resources("AWS::Scheduler::Schedule").values()
        of_task, of_checks = (
            {key: one["Properties"].get(key) for key in WHEN}
            for one in sorted(found, key=lambda one: "EcsParameters" not in str(one))
        )
        assert of_task == of_checks
        assert of_task["EndDate"].startswith("2026-12-01")
        assert time_zone.timezone_name in alarms_of(stack)["MissedRun"]["AlarmDescription"]

    def test_allows_for_a_flexible_window(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define_task(stack, cluster)
        window = scheduler.TimeWindow.flexible(Duration.hours(4))
        schedule = define_schedule(stack, task, time_window=window)
        TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)
        assert wait_of(stack) == 4 * HOUR + 85 * 60

    def test_is_not_watched_while_it_is_disabled(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define_task(stack, cluster)
        schedule = define_schedule(stack, task, enabled=False)
        TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)
        assert alarms_of(stack)["MissedRun"]["ActionsEnabled"] is False

    def test_retries_runs_of_the_schedule(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define_task(stack, cluster)
        TaskMonitoring(
            stack,
            "Monitoring",
            task=task,
            trigger=define_schedule(stack, task),
            settings=SnapshotMonitoring(retry_after=Duration.minutes(10)),
        )
        rules = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
        started_by = [
            one["Properties"]["EventPattern"]["detail"].get("startedBy") for one in rules
        ]
        assert [{"prefix": "chronos-schedule/"}] in started_by

    def test_adds_its_outputs_to_those_of_the_task(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define_task(stack, cluster)
        TaskMonitoring(stack, "Monitoring", task=task, trigger=define_schedule(stack, task))
        outputs = Template.from_stack(stack).to_json()["Outputs"]
        for name in ("AlertTopicArn", "AlarmNames", "HistoryLogGroupName"):
            assert any(key.startswith(f"SnapshotOutputs{name}") for key in outputs)

    def test_must_come_again(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define_task(stack, cluster)
        schedule = define_schedule(stack, task, expression="at(2026-03-06T10:00:00)")
        with pytest.raises(ValueError, match="at"):
            TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)


def test_watches_any_task_definition(stack: Stack, cluster: ecs.ICluster) -> None:
    definition = ecs.FargateTaskDefinition(stack, "Definition")
    definition.add_container(
        "program",
        image=ecs.ContainerImage.from_registry("example/program"),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="program"),
    )
    schedule = scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.hours(1)),
        target=scheduler_targets.EcsRunFargateTask(
            cluster,
            task_definition=definition,
            dead_letter_queue=sqs.Queue(stack, "Queue"),
        ),
    )
    TaskMonitoring(
        stack, "Monitoring", task=definition, trigger=schedule, max_runtime=Duration.minutes(1)
    )
    assert alarms_of(stack).keys() == {"DeadLetters", "MissedRun", "WatchFailed", "WatchHang"}


def test_refuses_a_trigger_that_starts_another_task(stack: Stack, cluster: ecs.ICluster) -> None:
    other = ScheduledSnapshotTask(stack, "Other", cluster=cluster)
    task = define_task(stack, cluster)
    with pytest.raises(ValueError, match="trigger starts another task than Stack/Snapshot; name"):
        TaskMonitoring(stack, "Monitoring", task=task, trigger=other.event_rule)


def test_knows_how_a_scheduled_task_is_started(stack: Stack, cluster: ecs.ICluster) -> None:
    task = ScheduledSnapshotTask(
        stack,
        "Snapshot",
        cluster=cluster,
        image="ghcr.io/sage-bionetworks/bixarena-constructs-worker:0.1.0",
        max_event_age=Duration.hours(5),
    )
    TaskMonitoring(stack, "Monitoring", task=task)
    alarms = alarms_of(stack)
    assert alarms.keys() >= {"DeadLetters", "FailedInvocations", "LostDeadLetters"}
    assert wait_of(stack) == 5 * HOUR + 25 * 60


class TestRefused:
    def test_is_a_second_monitoring_of_a_task(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define_task(stack, cluster)
        schedule = define_schedule(stack, task)
        TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)
        with pytest.raises(ValueError, match=r"Stack/Snapshot has the outputs .* already"):
            TaskMonitoring(stack, "Second", task=task, trigger=schedule)

    def test_is_a_task_without_a_trigger(self, stack: Stack, cluster: ecs.ICluster) -> None:
        task = define_task(stack, cluster)
        with pytest.raises(ValueError, match=r"trigger is missing; .* starts Stack/Snapshot"):
            TaskMonitoring(stack, "Monitoring", task=task)

    def test_is_a_limit_that_the_task_has_already(
        self, stack: Stack, cluster: ecs.ICluster
    ) -> None:
        task = define_task(stack, cluster)
        schedule = define_schedule(stack, task)
        with pytest.raises(ValueError, match="max_runtime is a prop of the task"):
            TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule, max_runtime=RUN)

    def test_is_a_rule_without_a_schedule(self, stack: Stack, cluster: ecs.ICluster) -> None:
        rule = events.Rule(stack, "Rule", event_pattern=events.EventPattern(source=["aws.s3"]))
        with pytest.raises(ValueError, match="Stack/Rule/Resource has an event pattern"):
            TaskMonitoring(stack, "Monitoring", task=define_task(stack, cluster), trigger=rule)

    def test_is_an_imported_rule(self, stack: Stack, cluster: ecs.ICluster) -> None:
        rule: Any = events.Rule.from_event_rule_arn(
            stack, "Rule", "arn:aws:events:us-east-1:111122223333:rule/theirs"
        )
        with pytest.raises(TypeError, match="that the app defines"):
            TaskMonitoring(stack, "Monitoring", task=define_task(stack, cluster), trigger=rule)

    def test_is_a_schedule_of_something_else(self, stack: Stack, cluster: ecs.ICluster) -> None:
        pattern = define_pattern(stack, cluster)
        rule = events.Rule(
            stack,
            "Rule",
            schedule=events.Schedule.rate(Duration.hours(1)),
            targets=[targets.SqsQueue(sqs.Queue(stack, "Queue"))],
        )
        with pytest.raises(ValueError, match="trigger does not start an ECS task"):
            TaskMonitoring(stack, "Monitoring", task=pattern, trigger=rule, max_runtime=RUN)


def test_takes_a_schedule_that_is_a_token_with_its_longest_gap(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    expression = CfnParameter(stack, "When").value_as_string
    task = define_task(stack, cluster)
    rule = events.Rule(stack, "Rule", schedule=events.Schedule.expression(expression))
    settings = SnapshotMonitoring(longest_gap=Duration.hours(24))
    TaskMonitoring(stack, "Monitoring", task=task, trigger=rule, settings=settings)
    # From half a day on; EventBridge's own 24 hours for a start, 15 minutes, and 10.
    assert wait_of(stack) == 36 * HOUR + 24 * HOUR + 25 * 60


def _secret(stack: Stack) -> Any:
    from aws_cdk import aws_secretsmanager as secretsmanager  # noqa: PLC0415 - for one test

    return secretsmanager.Secret.from_secret_complete_arn(
        stack, "Token", "arn:aws:secretsmanager:us-east-1:111122223333:secret:splunk-AbCdEf"
    )
