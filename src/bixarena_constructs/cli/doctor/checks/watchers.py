"""Checks what watches the task: the topic's subscribers, the alarms, the rules, the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bixarena_constructs.cli.deployed.monitoring import (
    alarm_names,
    find_alarms,
    monitoring_parts,
    subscribers,
)
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem, warning
from bixarena_constructs.deployment import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import boto3

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

    # The state of a resource by its name or ARN; None if it is gone.
    _StateOf = Callable[[str], str | None]

__all__ = ["check_alarms", "check_topic", "check_watchers"]

_DEFINE_AGAIN: Final = (
    "deploy without monitoring, then with it: CloudFormation does not see what was deleted by hand"
)


def check_topic(subject: Subject) -> Iterator[Finding]:
    """Check that somebody gets the alerts; a task without monitoring has no topic."""
    arn = subject.task.outputs.get(Output.ALERT_TOPIC_ARN)
    if arn is None:
        return
    name = arn.rpartition(":")[2]
    found = subscribers(subject.session, arn)
    if found is None:
        yield problem("topic", f"the topic {name} does not exist", fix=_DEFINE_AGAIN)
        return
    waiting = [endpoint for endpoint, has_confirmed in found if not has_confirmed]
    if not found:
        yield warning("topic", f"nobody subscribes to {name}, so no alert arrives; set email")
    elif waiting:
        yield warning("topic", f"not confirmed, so no alert arrives there: {', '.join(waiting)}")
    else:
        count = "1 subscriber" if len(found) == 1 else f"{len(found)} subscribers"
        yield fine("topic", f"alerts go to {count} of {name}")


def check_alarms(subject: Subject) -> Iterator[Finding]:
    """Check that each alarm exists and notifies the topic."""
    alarms = find_alarms(subject.task)
    if not alarms:
        return
    topic = subject.task.outputs.get(Output.ALERT_TOPIC_ARN)
    gone = [name for name, alarm in alarms.items() if alarm is None]
    silent = [
        name
        for name, alarm in alarms.items()
        if alarm and not (alarm["ActionsEnabled"] and topic in alarm["AlarmActions"])
    ]
    if gone:
        yield problem("alarms", f"these do not exist: {', '.join(gone)}", fix=_DEFINE_AGAIN)
    # Those of a task that is disabled are silent on purpose.
    if silent and _is_enabled(subject):
        yield problem(
            "alarms",
            f"these do not notify the topic: {', '.join(silent)}",
            fix=f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(silent)}",
        )
    if not gone and not silent:
        yield fine("alarms", f"{len(alarms)} alarms notify the topic")


def check_watchers(subject: Subject) -> Iterator[Finding]:
    """Check the rules that report a run, the filters that count its outcome, and the checks."""
    if not alarm_names(subject.task):
        return
    parts = monitoring_parts(subject.task)
    if not parts:
        yield not_checked("watchers", "the stack does not list the alarms of its outputs")
        return
    watchers = [(kind, name) for kind, name in parts if kind in _ASKING]
    ask = {kind: _ASKING[kind](subject.session) for kind in {kind for kind, _ in watchers}}
    states = {name: ask[kind](name) for kind, name in watchers}
    gone = [name for name, state in states.items() if state is None]
    disabled = [name for name, state in states.items() if state == "DISABLED"]
    if gone:
        yield problem("watchers", f"these do not exist: {', '.join(gone)}", fix=_DEFINE_AGAIN)
    if disabled and _is_enabled(subject):
        yield problem("watchers", f"disabled: {', '.join(disabled)}", fix="enable them again")
    if not gone and not disabled:
        yield fine("watchers", f"{len(states)} resources watch the runs, and are on")


def _is_enabled(subject: Subject) -> bool:
    return subject.rule is None or subject.rule.enabled


def _rules(session: boto3.Session) -> _StateOf:
    events = session.client("events")
    missing = events.exceptions.ResourceNotFoundException
    return _or_none(missing, lambda name: events.describe_rule(Name=name)["State"])


def _schedules(session: boto3.Session) -> _StateOf:
    scheduler = session.client("scheduler")
    missing = scheduler.exceptions.ResourceNotFoundException
    return _or_none(missing, lambda name: scheduler.get_schedule(Name=name)["State"])


def _machines(session: boto3.Session) -> _StateOf:
    states = session.client("stepfunctions")
    missing = states.exceptions.StateMachineDoesNotExist
    return _or_none(
        missing, lambda arn: states.describe_state_machine(stateMachineArn=arn)["status"]
    )


def _filters(session: boto3.Session) -> _StateOf:
    pages = session.client("logs").get_paginator("describe_metric_filters").paginate()
    names = {each["filterName"] for page in pages for each in page["metricFilters"]}
    return lambda name: "ENABLED" if name in names else None


def _or_none(missing: type[Exception], state_of: Callable[[str], str]) -> _StateOf:
    def state(name: str) -> str | None:
        try:
            return state_of(name)
        except missing:
            return None

    return state


# What asks for the state of a resource of a kind, by one client.
_ASKING: Final[Mapping[str, Callable[[boto3.Session], _StateOf]]] = {
    "AWS::Events::Rule": _rules,
    # Which a log group that somebody deletes takes with it.
    "AWS::Logs::MetricFilter": _filters,
    "AWS::Scheduler::Schedule": _schedules,
    "AWS::StepFunctions::StateMachine": _machines,
}
