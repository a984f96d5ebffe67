"""Each alarm by its name, with actions of its own, and the metrics behind them."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from bixarena_constructs import (
    ScheduledSnapshotTask,
    SnapshotMonitoring,
    SnapshotTask,
    TaskMonitoring,
)
from bixarena_constructs.cdk.metric_options import MetricOptions

if TYPE_CHECKING:
    from aws_cdk import aws_ecs as ecs

NAMES = {
    "dead_letters_alarm": "DeliveryDeadLetters",
    "failed_invocations_alarm": "DeliveryFailedInvocations",
    "hang_alarm": "WatchHang",
    "lost_dead_letters_alarm": "DeliveryLostDeadLetters",
    "missed_run_alarm": "MissedRunAlarm",
    "no_new_votes_alarm": "NoNewVotesAlarm",
    "watch_failed_alarm": "WatchFailed",
}


def monitoring_of(stack: Stack, cluster: ecs.ICluster, **settings: Any) -> TaskMonitoring:
    task = ScheduledSnapshotTask(
        stack, "Snapshot", cluster=cluster, monitoring=SnapshotMonitoring(**settings)
    )
    assert task.monitoring is not None
    return task.monitoring


def alarms_of(stack: Stack) -> dict[str, dict[str, Any]]:
    """Properties of all alarms, by logical id without its hash."""
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    return {name[:-8]: alarm["Properties"] for name, alarm in found.items()}


def test_knows_each_alarm_by_its_name(stack: Stack, cluster: ecs.ICluster) -> None:
    monitoring = monitoring_of(stack, cluster, no_new_votes=Duration.days(2))
    named = {name: getattr(monitoring, name) for name in NAMES}
    assert set(named.values()) == set(monitoring.alarms)
    for name, logical_id in NAMES.items():
        element = named[name].node.default_child
        assert stack.get_logical_id(element)[:-8] == f"SnapshotMonitoring{logical_id}"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_has_no_setter_for_an_alarm(stack: Stack, cluster: ecs.ICluster, name: str) -> None:
    with pytest.raises(AttributeError, match=r"setter|can't set"):
        setattr(monitoring_of(stack, cluster), name, None)


def test_adds_actions_to_one_alarm_only(stack: Stack, cluster: ecs.ICluster) -> None:
    monitoring = monitoring_of(stack, cluster)
    pager = sns.Topic.from_topic_arn(stack, "Pager", "arn:aws:sns:us-east-1:111122223333:pager")
    assert monitoring.missed_run_alarm is not None
    monitoring.missed_run_alarm.add_alarm_action(actions.SnsAction(pager))
    monitoring.missed_run_alarm.add_ok_action(actions.SnsAction(monitoring.topic))
    alarms = alarms_of(stack)
    missed = alarms.pop("SnapshotMonitoringMissedRunAlarm")
    assert missed["AlarmActions"][1] == "arn:aws:sns:us-east-1:111122223333:pager"
    assert missed["OKActions"] == missed["AlarmActions"][:1]
    assert all(len(alarm["AlarmActions"]) == 1 for alarm in alarms.values())
    assert not any("OKActions" in alarm for alarm in alarms.values())


def test_has_no_alarm_that_the_settings_leave_out(stack: Stack, cluster: ecs.ICluster) -> None:
    monitoring = monitoring_of(stack, cluster, missed_run_alarm=False)
    assert monitoring.missed_run_alarm is None
    assert monitoring.no_new_votes_alarm is None
    assert None not in monitoring.alarms


def test_has_no_alarm_on_what_scheduler_does_not_count(
    stack: Stack, cluster: ecs.ICluster
) -> None:
    task = SnapshotTask(stack, "Task", cluster=cluster)
    schedule = scheduler.Schedule(
        stack,
        "Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
        target=task.schedule_target(),
    )
    monitoring = TaskMonitoring(stack, "Monitoring", task=task, trigger=schedule)
    assert monitoring.failed_invocations_alarm is None
    assert monitoring.lost_dead_letters_alarm is None
    assert monitoring.dead_letters_alarm in monitoring.alarms


@pytest.mark.parametrize(
    ("method", "metric_name", "statistic"),
    [
        ("metric_outcomes", "Outcomes", "Sum"),
        ("metric_without_new_votes", "WithoutNewVotes", "Maximum"),
    ],
)
def test_shows_the_metrics_of_runs(
    stack: Stack, cluster: ecs.ICluster, method: str, metric_name: str, statistic: str
) -> None:
    monitoring = monitoring_of(stack, cluster, no_new_votes=Duration.days(2))
    metric = getattr(monitoring, method)()
    assert (metric.metric_name, metric.statistic) == (metric_name, statistic)
    recorded = {
        (each["MetricNamespace"], each["MetricName"])
        for found in Template.from_stack(stack).find_resources("AWS::Logs::MetricFilter").values()
        for each in found["Properties"]["MetricTransformations"]
    }
    assert (stack.resolve(metric.namespace), metric.metric_name) in [
        (namespace, name) for namespace, name in recorded
    ]


def test_shows_the_metric_that_the_watch_writes(stack: Stack, cluster: ecs.ICluster) -> None:
    monitoring = monitoring_of(stack, cluster)
    metric = monitoring.metric_overdue_runs()
    watched = alarms_of(stack)["SnapshotMonitoringWatchHang"]
    assert metric.metric_name == watched["MetricName"]
    assert stack.resolve(metric.namespace) == watched["Namespace"]
    assert metric.statistic == watched["Statistic"] == "Maximum"


METHODS = (
    "metric_dead_letters",
    "metric_failed_invocations",
    "metric_invocations",
    "metric_lost_dead_letters",
    "metric_outcomes",
    "metric_overdue_runs",
    "metric_without_new_votes",
)


@pytest.mark.parametrize("method", METHODS)
def test_takes_every_option_of_a_metric(stack: Stack, cluster: ecs.ICluster, method: str) -> None:
    task = ScheduledSnapshotTask(
        stack, "Snapshot", cluster=cluster, monitoring=SnapshotMonitoring()
    )
    owner = task if hasattr(task, method) else task.monitoring
    options = MetricOptions(
        account="111122223333",
        color="#ff0000",
        dimensions_map={"Queue": "other"},
        label="mine",
        period=Duration.hours(1),
        region="eu-west-1",
        statistic="Maximum",
        unit=cloudwatch.Unit.COUNT,
    )
    metric = getattr(owner, method)(**options)
    found = {name: getattr(metric, name) for name in ("account", "color", "label", "region")}
    assert found == {name: options[name] for name in found}  # type: ignore[literal-required] # its own
    assert metric.dimensions == {"Queue": "other"}
    assert (metric.period.to_hours(), metric.statistic) == (1, "Maximum")


def test_knows_the_options_that_the_cdk_has() -> None:
    ours = typing.get_type_hints(MetricOptions)
    theirs = {name for name in vars(cloudwatch.MetricOptions) if not name.startswith("_")}
    # An early release has fewer.
    assert theirs <= set(ours)


@pytest.mark.parametrize("method", METHODS)
def test_refuses_an_option_of_the_wrong_kind(
    stack: Stack, cluster: ecs.ICluster, method: str
) -> None:
    task = ScheduledSnapshotTask(
        stack, "Snapshot", cluster=cluster, monitoring=SnapshotMonitoring()
    )
    metric = getattr(task if hasattr(task, method) else task.monitoring, method)
    with pytest.raises(TypeError, match=r"^period is 300; it must be an aws_cdk\.Duration "):
        metric(period=300)
    with pytest.raises(TypeError, match="unexpected keyword argument 'perid'"):
        metric(perid=Duration.minutes(5))
