"""The alarm on a run that does not end, and what CloudWatch makes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration
from aws_cdk import aws_logs as logs

from bixarena_constructs import SnapshotMonitoring, WorkerSignals
from bixarena_constructs.cdk.monitoring.hang import hang_periods

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Minutes from here on.
PERIOD = 5


def in_alarm(periods: int, heard: Sequence[tuple[float, int]], *, now: int) -> bool:
    """Evaluate the alarm at a minute: the last windows of 5 minutes, which slide with it.

    A window's value is the minimum of what was heard in it, and the last known value where
    nothing was; before anything was heard there is none, which is not breaching.
    """
    value: int | None = None
    values = []
    for number in range(periods, 0, -1):
        start = now - number * PERIOD
        inside = [one for minute, one in heard if start <= minute < start + PERIOD]
        value = min(inside) if inside else value
        values.append(value)
    return all(value == 1 for value in values)


def goes_off(periods: int, heard: Sequence[tuple[float, int]], *, until: int) -> list[int]:
    states = [in_alarm(periods, heard, now=minute) for minute in range(until)]
    return [minute for minute in range(1, until) if states[minute] and not states[minute - 1]]


@pytest.mark.parametrize("limit", [1, 4, 15, 60, 240])
@pytest.mark.parametrize("start", [30.0, 31.2, 33.9, 34.99])
def test_stays_quiet_for_a_run_that_ends_in_time(limit: int, start: float) -> None:
    periods = hang_periods(Duration.minutes(limit))
    for length in (0.1, limit / 2, limit, limit + 0.5):
        heard = [(start, 1), (start + length, 0)]
        assert goes_off(periods, heard, until=600) == []


@pytest.mark.parametrize("limit", [1, 4, 15, 60, 240])
@pytest.mark.parametrize("start", [30.0, 31.2, 33.9, 34.99])
def test_goes_off_once_soon_after_the_limit(limit: int, start: float) -> None:
    (off,) = goes_off(hang_periods(Duration.minutes(limit)), [(start, 1)], until=600)
    assert limit < off - start <= limit + 3 * PERIOD


def test_stays_quiet_for_a_worker_that_was_killed() -> None:
    # Its own last line is missing; the end of its task is not.
    assert goes_off(hang_periods(Duration.minutes(15)), [(30, 1), (31, 0)], until=120) == []


@pytest.fixture
def filters(define: Any) -> Callable[..., dict[str, dict[str, Any]]]:
    """The metric filters of the alarm."""

    def found(**settings: Any) -> dict[str, dict[str, Any]]:
        monitored = define(monitoring=SnapshotMonitoring(**settings))
        return {
            name.removeprefix("SnapshotMonitoringHang"): properties
            for name, properties in monitored.resources(
                "AWS::Logs::MetricFilter", below="Hang"
            ).items()
        }

    return found


def test_hears_of_starts_and_ends_from_the_worker_and_of_ends_from_ecs(
    filters: Callable[..., dict[str, dict[str, Any]]],
) -> None:
    heard = {
        name: (
            properties["FilterPattern"],
            properties["MetricTransformations"][0]["MetricValue"],
        )
        for name, properties in filters().items()
    }
    assert heard == {
        "Started": ('{ $.event = "run_started" }', "1"),
        "Ended": ('{ ($.event = "run_finished") || ($.event = "run_failed") }', "0"),
        "Stopped": ('{ $.detail.lastStatus = "STOPPED" }', "0"),
    }
    groups = {name: each["LogGroupName"]["Ref"] for name, each in filters().items()}
    assert groups["Started"] == groups["Ended"] != groups["Stopped"]


def test_listens_for_the_lines_of_another_image(
    filters: Callable[..., dict[str, dict[str, Any]]],
) -> None:
    signals = WorkerSignals(
        started=logs.FilterPattern.literal("BEGIN"), ended=logs.FilterPattern.literal("END")
    )
    patterns = {name: each["FilterPattern"] for name, each in filters(signals=signals).items()}
    assert patterns["Started"] == "BEGIN"
    assert patterns["Ended"] == "END"


def test_carries_the_last_thing_heard_forward(define: Any) -> None:
    alarm = define().one("AWS::CloudWatch::Alarm", below="Hang")
    (expression,) = [one for one in alarm["Metrics"] if "Expression" in one]
    (metric,) = [one for one in alarm["Metrics"] if "MetricStat" in one]
    assert expression["Expression"] == "FILL(heard, REPEAT)"
    assert metric["MetricStat"]["Stat"] == "Minimum"
    assert metric["MetricStat"]["Period"] == 60 * PERIOD
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == math.ceil(15 / PERIOD) + 2
    assert alarm["TreatMissingData"] == "notBreaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "GreaterThanOrEqualToThreshold",
        1,
    )


def test_refuses_a_run_time_that_cloudwatch_cannot_watch() -> None:
    assert hang_periods(Duration.minutes(1430)) == 288
    with pytest.raises(ValueError, match=r"max_runtime is .*; with monitoring it must be at most"):
        hang_periods(Duration.minutes(1431))
