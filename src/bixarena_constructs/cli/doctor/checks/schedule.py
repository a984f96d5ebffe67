"""Whether the schedule fires, and what it starts is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bixarena_constructs.cli.doctor.findings import fine, not_checked, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_constructs.cli.doctor.findings import Finding, Subject

__all__ = ["check_cluster", "check_log_group", "check_rule", "check_task_definition"]

_AGAIN = "deploy the stack again"


def check_rule(subject: Subject) -> Iterator[Finding]:
    """Is the rule enabled?"""
    if subject.rule.enabled:
        yield fine("rule", f"it fires at {subject.rule.expression}, in UTC")
    else:
        yield problem(
            "rule",
            f"the rule {subject.task.rule_name} is disabled, so nothing runs by itself",
            fix="set enabled=True and deploy, or enable the rule",
        )


def check_cluster(subject: Subject) -> Iterator[Finding]:
    """Is the cluster there?"""
    arn = subject.rule.target["Arn"]
    clusters = subject.session.client("ecs").describe_clusters(clusters=[arn])["clusters"]
    if [cluster["status"] for cluster in clusters] == ["ACTIVE"]:
        yield fine("cluster", f"{arn.rpartition('/')[2]} is active")
    else:
        yield problem("cluster", f"{arn} is gone", fix="deploy the stack that defines it")


def check_task_definition(subject: Subject) -> Iterator[Finding]:
    """Does ECS still start this revision?"""
    arn = subject.definition["taskDefinitionArn"]
    if subject.definition["status"] == "ACTIVE":
        yield fine("task definition", f"{arn.rpartition('/')[2]} is active")
    else:
        yield problem("task definition", f"{arn} was deregistered", fix=_AGAIN)


def check_log_group(subject: Subject) -> Iterator[Finding]:
    """Is there where the worker logs to? Without it no task starts."""
    options = subject.container.get("logConfiguration", {}).get("options", {})
    name = options.get("awslogs-group")
    if name is None:
        yield not_checked("log group", "the container does not log to CloudWatch")
        return
    groups = subject.session.client("logs").describe_log_groups(logGroupNamePrefix=name)
    if name in [group.get("logGroupName") for group in groups["logGroups"]]:
        yield fine("log group", f"{name} is there")
    else:
        yield problem("log group", f"{name} is gone, and no task starts without it", fix=_AGAIN)
