"""Breaks of the rule, and of what it passes to a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import Variable
from bixarena_demo.breaks.changes import change_target, set_variable, strip_role, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.stage import Stage

__all__ = [
    "cluster_deleted",
    "dead_letters_refused",
    "dry_run_left_on",
    "events_role_stripped",
    "input_broken",
    "rule_deleted",
    "rule_disabled",
    "schedule_over",
    "target_removed",
    "threshold_raised",
    "wrong_setting",
]


def rule_disabled(stage: Stage) -> Iterator[None]:
    """Disable the rule."""
    events, rule = stage.aws.session.client("events"), str(stage.task.rule_name)
    events.disable_rule(Name=rule)
    yield
    events.enable_rule(Name=rule)


def rule_deleted(stage: Stage) -> Iterator[None]:
    """Delete the rule, with its target."""
    events: Any = stage.aws.session.client("events")
    rule, target = str(stage.task.rule_name), target_of(stage)
    schedule = events.describe_rule(Name=rule)["ScheduleExpression"]
    events.remove_targets(Rule=rule, Ids=[target["Id"]])
    events.delete_rule(Name=rule)
    yield
    events.put_rule(Name=rule, ScheduleExpression=schedule)
    events.put_targets(Rule=rule, Targets=[target])


def schedule_over(stage: Stage) -> Iterator[None]:
    """Give the rule a schedule whose last time has passed."""
    events, rule = stage.aws.session.client("events"), str(stage.task.rule_name)
    before = events.describe_rule(Name=rule)["ScheduleExpression"]
    events.put_rule(Name=rule, ScheduleExpression="cron(0 10 1 1 ? 2020)")
    yield
    events.put_rule(Name=rule, ScheduleExpression=before)


def target_removed(stage: Stage) -> Iterator[None]:
    """Remove the rule's target."""
    events: Any = stage.aws.session.client("events")
    rule, target = stage.task.rule_name, target_of(stage)
    events.remove_targets(Rule=rule, Ids=[target["Id"]])
    yield
    events.put_targets(Rule=rule, Targets=[target])


def input_broken(stage: Stage) -> Iterator[None]:
    """Let the rule pass an input that is no JSON."""

    def change(target: dict[str, Any]) -> None:
        target["InputTransformer"]["InputTemplate"] += "}"

    return change_target(stage, change)


def events_role_stripped(stage: Stage) -> Iterator[None]:
    """Take the policies from the role by which the rule starts the task."""
    return strip_role(stage, target_of(stage)["RoleArn"])


def dead_letters_refused(stage: Stage) -> Iterator[None]:
    """Take the policies from that role, and let the dead-letter queue refuse the event."""
    sqs = stage.aws.session.client("sqs")
    url = stage.task.outputs[Output.DEAD_LETTER_QUEUE_URL]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    yield from events_role_stripped(stage)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy["Policy"]})


def cluster_deleted(stage: Stage) -> Iterator[None]:
    """Delete the cluster."""
    ecs, cluster = stage.aws.session.client("ecs"), stage.task.cluster_arn
    ecs.delete_cluster(cluster=cluster)
    yield
    ecs.create_cluster(clusterName=cluster.rpartition("/")[2])


def wrong_setting(stage: Stage) -> Iterator[None]:
    """Let the rule pass the worker a wrong number of rounds."""
    return set_variable(stage, Variable.NUM_BOOTSTRAP, "many")


def threshold_raised(stage: Stage) -> Iterator[None]:
    """Let the rule ask for more votes than there are."""
    return set_variable(stage, Variable.MIN_TOTAL_BATTLES, "100000")


def dry_run_left_on(stage: Stage) -> Iterator[None]:
    """Let the rule start dry runs."""
    return set_variable(stage, Variable.DRY_RUN, "true")
