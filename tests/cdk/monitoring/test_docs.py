"""docs/monitoring.md and docs/troubleshooting.md."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template

from bixarena_constructs import ScheduledSnapshotTask, SnapshotMonitoring, TaskMonitoring
from bixarena_constructs.cdk.monitoring.message import TROUBLESHOOTING
from bixarena_constructs.worker.contract import FAILURES

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk.aws_ecs import ICluster

DOCS = Path(__file__).parents[3] / "docs"
MONITORING = (DOCS / "monitoring.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", MONITORING, re.DOTALL)
EXPLAINED = (DOCS / "troubleshooting.md").read_text()


def test_lists_every_resource_that_monitoring_defines(define: Any) -> None:
    rows = re.findall(r"^\| (`AWS.*?) \| ([0-9]+)(?: with ([0-9]+))? \|", MONITORING, re.MULTILINE)
    shown = {
        kind: int(count)
        for cell, *counts in rows
        for kind, count in zip(re.findall(r"`(AWS::.*?)`", cell), counts, strict=False)
        if count
    }
    resources = define().template.to_json()["Resources"].items()
    assert shown == Counter(
        resource["Type"]
        for name, resource in resources
        if "Monitoring" in name or "HistoryPolicy" in name
    )


def test_watches_a_bare_pattern_as_the_page_says(stack: Stack, cluster: ICluster) -> None:
    (block,) = [each for each in BLOCKS if "pattern" in each]
    pattern = ecs_patterns.ScheduledFargateTask(
        stack,
        "Bare",
        cluster=cluster,
        schedule=appscaling.Schedule.rate(Duration.hours(6)),
        scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
            image=ecs.ContainerImage.from_registry("example/cleaner")
        ),
    )
    names = {"stack": stack, "pattern": pattern}
    exec(compile(block, "monitoring.md", "exec"), names)  # noqa: S102 - the page's own
    Template.from_stack(stack).resource_count_is("AWS::CloudWatch::Alarm", 4)


def test_takes_each_alarm_as_the_page_says(stack: Stack, cluster: ICluster) -> None:
    task = ScheduledSnapshotTask(
        stack, "Snapshot", cluster=cluster, monitoring=SnapshotMonitoring()
    )
    pager = sns.Topic(stack, "Pager")
    names = {"stack": stack, "task": task, "pager": pager, "Duration": Duration}
    blocks = [each for each in BLOCKS if "monitoring." in each]
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "monitoring.md", "exec"), names)  # noqa: S102 - the page's own
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"OKActions": Match.any_value()})
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"Threshold": 3})


def test_names_every_alarm_and_metric() -> None:
    names = {
        name
        for name in vars(TaskMonitoring)
        if name.startswith("metric_") or name.endswith("_alarm")
    }
    assert len(names) == 10
    assert [name for name in names if f"`{name}" not in MONITORING] == []


def test_tells_every_setting() -> None:
    # `topic` is shown in words: who brings one knows its name.
    names = {field.name for field in fields(SnapshotMonitoring)} - {"topic"}
    assert [name for name in names if name not in MONITORING] == []


def test_says_when_a_missed_run_of_the_default_schedule_is_reported(define: Any) -> None:
    alarm = define().one("AWS::CloudWatch::Alarm", below="MissedRun")
    (minutes,) = re.findall(r"within (\d+) minutes of its time", alarm["AlarmDescription"])
    assert f"[its time and {minutes} minutes](#no-snapshot-in-time)" in MONITORING


def test_explains_every_alarm_exit_code_and_the_page_that_alerts_name(define: Any) -> None:
    assert TROUBLESHOOTING.endswith("/docs/troubleshooting.md")
    rows = re.findall(
        r"^\| ([0-9]+) \| (.*) \| (.*) \|$", EXPLAINED.replace("`", ""), re.MULTILINE
    )
    assert rows == [(str(each.exit_code), each.meaning, each.remedy) for each in FAILURES]
    explained = re.findall(r"^\*\*(\w+)\*\*:", EXPLAINED, re.MULTILINE)
    alarms = [
        name.removeprefix("SnapshotMonitoring").removeprefix("Delivery").removesuffix("Alarm")
        for name in define(monitoring=SnapshotMonitoring(no_new_votes=Duration.days(1))).resources(
            "AWS::CloudWatch::Alarm"
        )
    ]
    assert sorted(explained) == sorted(alarms)
