"""Checks the rule, and the cluster, task definition and log group that a run needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bixarena_constructs.aws.run_times import CronSchedule
from bixarena_constructs.aws.schedule_expression import parse_expression
from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem
from bixarena_constructs.cli.errors import NotStartedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_cluster", "check_log_group", "check_rule", "check_task_definition"]

_DEPLOY_AGAIN = "deploy the stack again"


def check_rule(subject: Subject) -> Iterator[Finding]:
    """Check that the rule is enabled, has a schedule, and passes its target a JSON object."""
    name = subject.task.rule_name
    if subject.rule is None:
        if name is None:
            yield not_checked("rule", "no rule of the stack starts the task; check what does")
        else:
            yield problem(
                "rule", f"the rule {name} does not exist, or starts no task", fix=_DEPLOY_AGAIN
            )
        return
    try:
        subject.rule.input_at(datetime.now(UTC))
    except NotStartedError as error:
        yield problem("rule", str(error), fix=_DEPLOY_AGAIN)
    expression = subject.rule.expression
    if not subject.rule.enabled:
        yield problem(
            "rule",
            f"the rule {name} is disabled, so it starts no runs",
            fix="set enabled=True and deploy, or enable the rule",
        )
    elif not expression:
        yield problem("rule", f"the rule {name} has no schedule", fix=_DEPLOY_AGAIN)
    elif _is_over(expression):
        yield problem(
            "rule",
            f"the rule {name} never fires again: {expression} has no time that is still to come",
            fix="pass another schedule and deploy",
        )
    else:
        yield fine("rule", f"the rule fires on {expression}, in UTC")


def _is_over(expression: str) -> bool:
    try:
        schedule = parse_expression(expression)
    except ValueError:
        return False  # EventBridge took it, whatever it is
    return (
        isinstance(schedule, CronSchedule)
        and next(schedule.runs_after(datetime.now(UTC)), None) is None
    )


def check_cluster(subject: Subject) -> Iterator[Finding]:
    """Check that the cluster is active."""
    arn = subject.cluster_arn
    name = arn.rpartition("/")[2]
    clusters = subject.session.client("ecs").describe_clusters(clusters=[arn])["clusters"]
    states = [cluster["status"] for cluster in clusters]
    if states == ["ACTIVE"]:
        yield fine("cluster", f"the cluster {name} is active")
    else:
        state = f"is {states[0]}" if states else "does not exist"
        yield problem("cluster", f"{arn} {state}", fix="deploy the stack that defines it")


def check_task_definition(subject: Subject) -> Iterator[Finding]:
    """Check that ECS still starts tasks of this revision."""
    arn = subject.definition["taskDefinitionArn"]
    if subject.definition["status"] == "ACTIVE":
        yield fine("task definition", f"{arn.rpartition('/')[2]} is active")
    else:
        yield problem("task definition", f"{arn} is deregistered", fix=_DEPLOY_AGAIN)


def check_log_group(subject: Subject) -> Iterator[Finding]:
    """Check that the log group exists; ECS starts no task without it."""
    options = subject.container.get("logConfiguration", {}).get("options", {})
    name = options.get("awslogs-group")
    if name is None:
        yield not_checked("log group", "the container does not log to CloudWatch")
        return
    if options.get("awslogs-create-group") == "true":
        yield fine("log group", f"the task creates {name} if it does not exist")
        return
    logs = subject.session.client("logs", region_name=options.get("awslogs-region"))
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if name in [group["logGroupName"] for group in groups]:
        yield fine("log group", f"{name} exists")
    else:
        yield problem(
            "log group",
            f"{name} does not exist, and ECS starts no task without it",
            fix=_DEPLOY_AGAIN,
        )
