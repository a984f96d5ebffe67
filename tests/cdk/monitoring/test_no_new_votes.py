"""The alarm that the arena gets no new votes, where it is asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Token
from aws_cdk import aws_logs as logs

from bixarena_constructs import SnapshotMonitoring, WorkerSignals
from bixarena_constructs.worker import RunReport

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = Duration.hours(36)


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Evaluate a CloudWatch pattern of comparisons, IS NULL, ``&&``, ``||`` and parentheses."""

    def holds(term: re.Match[str]) -> str:
        name, operator, text = term.groups()
        value = line.get(name)
        if operator == "IS":
            return str(name in line and value is None)
        if text.startswith('"'):
            return str(value == text.strip('"'))
        if not isinstance(value, int):
            return "False"
        return str({">=": value >= int(text), "<": value < int(text)}[operator])

    term = r'\$\.(\w+) (=|>=|<|IS) ("\w+"|[0-9]+|NULL)'
    said = re.sub(term, holds, pattern.strip("{} "))
    said = said.replace("&&", "and").replace("||", "or")
    assert not re.search(r"[$=]", said), said
    return bool(eval(said, {"__builtins__": {}}))  # noqa: S307 - words, True and False alone


def line(age: timedelta | None, *, total: int | None, event: str = "run_finished") -> Any:
    newest = None if age is None else datetime.now(UTC) - age
    report = RunReport(identifier="x", total_votes=total, newest_vote=newest)
    return {"event": event, **report.fields()}


@pytest.fixture
def recorded(define: Any) -> Callable[[Any], list[str]]:
    """What the alarm's metric gets of a line."""
    monitored = define(monitoring=SnapshotMonitoring(no_new_votes=LIMIT))
    filters = monitored.resources("AWS::Logs::MetricFilter", below="NoNewVotes").values()

    def values(logged: Any) -> list[str]:
        return [
            each["MetricTransformations"][0]["MetricValue"]
            for each in filters
            if matches(each["FilterPattern"], logged)
        ]

    return values


@pytest.mark.parametrize("event", ["run_finished", "run_failed"])
@pytest.mark.parametrize(
    ("age", "value"),
    [
        (timedelta(seconds=0), "0"),
        (timedelta(hours=35), "0"),
        (timedelta(hours=36), "1"),
        (timedelta(days=400), "1"),
        (timedelta(minutes=-3), "0"),
        (None, "1"),
    ],
)
def test_tells_runs_without_new_votes_from_those_with(
    recorded: Callable[[Any], list[str]], event: str, age: timedelta | None, value: str
) -> None:
    assert recorded(line(age, total=900, event=event)) == [value]


def test_takes_an_arena_without_any_vote_for_one_without_new_votes(
    recorded: Callable[[Any], list[str]],
) -> None:
    assert recorded(line(None, total=0)) == ["1"]


def test_hears_nothing_of_a_run_that_counted_nothing(
    recorded: Callable[[Any], list[str]],
) -> None:
    assert recorded(line(None, total=None)) == []
    # Of a check, whose line has no age.
    assert recorded({"event": "check_finished", "total_votes": 900, "newest_vote": None}) == []


def test_alerts_once_and_stays_as_it_is_between_runs(define: Any) -> None:
    monitored = define(monitoring=SnapshotMonitoring(no_new_votes=LIMIT))
    alarm = monitored.one("AWS::CloudWatch::Alarm", below="NoNewVotes")
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("Maximum", "ignore")
    assert "OKActions" not in alarm
    assert alarm["AlarmActions"] == [{"Ref": monitored.stack.resolve(_topic(monitored))["Ref"]}]
    assert alarm["AlarmDescription"].startswith("Arena/Snapshot: no new votes. ")
    assert "younger than 1 day 12 hours" in alarm["AlarmDescription"]


def _topic(monitored: Any) -> Any:
    return monitored.task.monitoring.topic.topic_arn


def test_is_among_the_alarms_that_status_shows(define: Any) -> None:
    alarms = define(monitoring=SnapshotMonitoring(no_new_votes=LIMIT)).task.monitoring.alarms
    assert len(alarms) == len(define().task.monitoring.alarms) + 1


def test_is_not_defined_unless_it_is_asked_for(define: Any) -> None:
    monitored = define()
    assert monitored.resources("AWS::CloudWatch::Alarm", below="NoNewVotes") == {}
    assert monitored.resources("AWS::Logs::MetricFilter", below="NoNewVotes") == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"no_new_votes": Duration.seconds(0)}, "no_new_votes is 0; it must be a second or"),
        (
            {"no_new_votes": Duration.seconds(Token.as_number({"Ref": "Age"}))},
            "no_new_votes is a token",
        ),
        (
            {
                "no_new_votes": LIMIT,
                "signals": WorkerSignals(outcome=logs.FilterPattern.literal("END")),
            },
            "no_new_votes reads the last line of this library's worker, and signals",
        ),
    ],
)
def test_refuses_what_it_could_not_watch(
    define: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        define(monitoring=SnapshotMonitoring(**settings))
