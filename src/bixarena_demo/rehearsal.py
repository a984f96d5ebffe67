"""Plays a break and records what an operator sees of it: by alert, and with each command."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from typer.testing import CliRunner

from bixarena_constructs.cli.app import app
from bixarena_constructs.cli.deployed.log_lines import fields_of
from bixarena_constructs.deployment import Metric, Output
from bixarena_constructs.worker.contract import Field
from bixarena_demo.breaks import broken
from local_aws import Inbox

if TYPE_CHECKING:
    from typer.testing import Result

    from bixarena_demo.stage import Stage

__all__ = ["Rehearsal", "Seen"]

_MAIN: Final = (Field.OUTCOME, Field.CAUSE, Field.ERROR)
_PROGRESS: Final = re.compile(r"started |[0-9a-f-]{36}: ")
_LONGEST: Final = 400
_HOUR: Final = timedelta(hours=1)
# The alarms that the local AWS cannot raise, by the metric that each watches.
_DEAD_LETTERS: Final = "ApproximateNumberOfMessagesVisible"
_FAILED: Final = "FailedInvocations"
_LOST: Final = "InvocationsFailedToBeSentToDlq"
_ALARMS: Final = {
    _FAILED: "FailedInvocations",
    _DEAD_LETTERS: "DeadLetters",
    _LOST: "LostDeadLetters",
    Metric.OUTCOMES: "MissedRun",
}
# What differs from one rehearsal to the next, and what stands for it.
_CHANGING: Final = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00| UTC)?"), "TIME"),
    (re.compile(r"snapshot_\d{4}[\d_-]+"), "SNAPSHOT"),
    (re.compile(r"\b(sg|subnet|nat)-[0-9a-f]{17}\b"), r"\1-ID"),
    (re.compile(r"(bixarena/worker)-[0-9a-f]{6}(-\w{6})?\b"), r"\1"),
    (re.compile(r"\bBixarenaSnapshot-Snapshot\w+?(-?[0-9A-F]{13}|-[0-9A-Z]{8,13})\b"), "NAME"),
    (re.compile(r"\bSnapshotMonitoring\w+[0-9A-F]{8}-\w{12}\b"), "NAME"),
    (re.compile(r"\bport:? \d+"), "port N"),
    (re.compile(r'"(test_\d+|bixarena)(_elsewhere)?"'), '"DATABASE"'),
    (re.compile(r"(seconds|after|for) \d+(\.\d+)?( s\b)?"), r"\1 N"),
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an operator sees of a break; names, times and numbers that change are left out.

    Attributes:
        alerts: First lines of each message that the topic delivered; commands follow them.
        alarms: Alarms that would go off, computed from their definitions: the local AWS raises
            none.
        status: What needs attention, and why the last run failed; ``--check`` in front.
        logs: Exit code, warnings and the last line.
        doctor: Exit code, problems and warnings, with ``--connect``.
        run: Exit code and the last error.
    """

    alerts: tuple[str, ...]
    alarms: tuple[str, ...]
    status: tuple[str, ...]
    logs: tuple[str, ...]
    doctor: tuple[str, ...]
    run: tuple[str, ...]


class Rehearsal:
    """Plays breaks on a stage that nobody else uses, one after the other.

    Args:
        stage: The stage; each play repairs it.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._task = stage.task
        self._inbox = Inbox(stage.aws, self._task.outputs[Output.ALERT_TOPIC_ARN])
        # Each run is for a later time than the one before it, and none is to come.
        self._time = datetime.now(UTC).replace(minute=0, second=0) - timedelta(days=30)

    def play(self, name: str) -> Seen:
        """Let a run succeed, break the stage, let the rule fire, and use each command.

        Args:
            name: Name of the break.

        Raises:
            RuntimeError: No run succeeds before the break.
        """
        good = self._bixarena("run", "--scheduled-at", self._next_time())
        if good.exit_code:
            raise RuntimeError(f"no run succeeds before {name}: {good.output}")
        self._clear()
        before = {name: self._count(name) for name in (_FAILED, _LOST)}
        with broken(self._stage, name):
            self._time += _HOUR
            self._stage.fire(self._time)
            self._bixarena("logs", "--follow")  # until the last line has come
            status = json.loads(self._bixarena("status", "--format", "json").stdout)
            fired = self._fired(status)
            has_failed = fired is not None and fired[Field.EXIT_CODE] != 0
            alerts = self._inbox.take(at_least=int(has_failed))
            return Seen(
                # An alarm's message is JSON.
                alerts=tuple(
                    line for each in alerts if not each.startswith("{") for line in _opening(each)
                ),
                alarms=self._alarms(status, before),
                status=self._status(status),
                logs=self._logs(),
                doctor=self._doctor(),
                run=self._run(),
            )

    def _bixarena(self, command: str, *options: str) -> Result:
        """Use the command line in this process: in one of its own, thirty breaks take minutes."""
        unset = dict.fromkeys(("AWS_PROFILE", "AWS_SESSION_TOKEN"))
        return CliRunner().invoke(
            app,
            [command, self._stage.stack, *options],
            env={**unset, **self._stage.settings()},
        )

    def _next_time(self) -> str:
        self._time += _HOUR
        return f"{self._time:%Y-%m-%dT%H:%M:%SZ}"

    def _clear(self) -> None:
        self._inbox.take()
        url = self._task.outputs[Output.DEAD_LETTER_QUEUE_URL]
        self._stage.aws.session.client("sqs").purge_queue(QueueUrl=url)

    def _count(self, metric: str) -> float:
        """Return how often the rule's metric was recorded so far."""
        now = datetime.now(UTC)
        points = self._stage.aws.session.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Events",
            MetricName=metric,
            Dimensions=[{"Name": "RuleName", "Value": str(self._task.rule_name)}],
            StartTime=now - timedelta(days=1),
            EndTime=now + _HOUR,
            Period=86400,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(each["Sum"] for each in points)

    def _alarms(self, status: dict[str, Any], before: dict[str, float]) -> tuple[str, ...]:
        aws = self._stage.aws.session
        names = self._task.outputs[Output.ALARM_NAMES].split(",")
        topics = [each["TopicArn"] for each in aws.client("sns").list_topics()["Topics"]]
        on = {name for name, count in before.items() if self._count(name) > count}
        if status["dead_letters"]["count"]:
            on.add(_DEAD_LETTERS)
        if not self._has_outcome(self._fired(status)):
            on.add(Metric.OUTCOMES)
        alarms: Any = aws.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        return tuple(
            sorted(
                _ALARMS[alarm["MetricName"]]
                for alarm in alarms
                if alarm.get("MetricName") in on
                and alarm.get("ActionsEnabled", True)
                and set(alarm["AlarmActions"]) & set(topics)
            )
        )

    def _fired(self, status: dict[str, Any]) -> dict[str, Any] | None:
        """Return the run that the schedule started, if it did."""
        scheduled_at = f"{self._time:%Y-%m-%dT%H:%M:%SZ}"
        found = (each for each in status["runs"] if each["scheduled_at"] == scheduled_at)
        return next(found, None)

    def _has_outcome(self, run: dict[str, Any] | None) -> bool:
        """Whether a metric filter of the stack counts the last line of a run."""
        filters = self._stage.aws.session.client("logs").describe_metric_filters()["metricFilters"]
        return run is not None and any(
            f'$.outcome = "{run[Field.OUTCOME]}"' in each["filterPattern"] for each in filters
        )

    def _status(self, status: dict[str, Any]) -> tuple[str, ...]:
        code = str(self._bixarena("status", "--check").exit_code)
        unknown = (f"not known: {part}: {why}" for part, why in status["unknown"].items())
        why = (self._fired(status) or {}).get("why") or ""
        return _settled_lines(code, *status["attention"], *unknown, why)

    def _logs(self) -> tuple[str, ...]:
        answer = self._bixarena("logs", "--raw")
        warnings = [each for each in answer.stderr.splitlines() if not each.startswith("run ")]
        last = map(_main_fields, answer.stdout.splitlines()[-1:])
        return _settled_lines(str(answer.exit_code), *warnings, *last)

    def _doctor(self) -> tuple[str, ...]:
        answer = self._bixarena("doctor", "--connect", "--format", "json")
        found = [
            (each["state"], f"{each['check']}: {each['message']}")
            for each in json.loads(answer.stdout)
            # What the registry says depends on the machine's network.
            if each["state"] in ("problem", "warning")
            and each["check"] not in ("image", "architecture")
        ]
        has_problem = any(state == "problem" for state, _ in found)
        lines = [text if state == "problem" else f"warning: {text}" for state, text in found]
        return _settled_lines("78" if has_problem else "0", *lines)

    def _run(self) -> tuple[str, ...]:
        answer = self._bixarena("run", "--scheduled-at", self._next_time())
        lines = [line for line in answer.stderr.splitlines() if not _PROGRESS.match(line)]
        return _settled_lines(str(answer.exit_code), *lines)


def _opening(message: str) -> tuple[str, ...]:
    """Return the first paragraph of an alert, without the name of the task."""
    return _settled_lines(*message.partition(": ")[2].partition("\n\n")[0].splitlines())


def _main_fields(line: str) -> str:
    """Return what a line of the worker's log says first, without its counts."""
    fields = fields_of(line)
    shown = (f"{name} {fields[name]}" for name in _MAIN if name in fields)
    return "; ".join([fields.get(Field.EVENT, line).replace("_", " "), *shown])


def _settled_lines(*lines: str) -> tuple[str, ...]:
    return tuple(_settled(line.strip()) for line in lines if line)


def _settled(text: str) -> str:
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
