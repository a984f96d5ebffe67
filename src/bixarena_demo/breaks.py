"""Ways to break a stage.

Each is a generator that breaks something, yields, and repairs it; `broken` makes a ``with`` block
of it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from psycopg import connect, sql

from bixarena_constructs.deployment import WORKER_IMAGE, Output
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bixarena_demo.stage import Stage

__all__ = ["BREAKS", "broken"]

# `Any` below: requests and answers of AWS, which each break changes as it likes.


def _image_gone(stage: Stage) -> Iterator[None]:
    """Take the worker's image out of its registry."""
    with stage.aws.without_image(WORKER_IMAGE):
        yield


def _secret_deleted(stage: Stage) -> Iterator[None]:
    """Delete the database's secret, as `aws secretsmanager delete-secret` does."""
    secrets, arn = _database_secret(stage)
    secrets.delete_secret(SecretId=arn)
    yield
    secrets.restore_secret(SecretId=arn)


def _secret_changed(stage: Stage, change: Callable[[dict[str, Any]], str]) -> Iterator[None]:
    secrets, arn = _database_secret(stage)
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=change(json.loads(before)))
    yield
    secrets.put_secret_value(SecretId=arn, SecretString=before)


def _wrong_password(stage: Stage) -> Iterator[None]:
    """Put a wrong password into the database's secret."""
    return _secret_changed(stage, lambda fields: json.dumps({**fields, "password": "wrong"}))


def _field_missing(stage: Stage) -> Iterator[None]:
    """Take the password out of the database's secret."""
    return _secret_changed(
        stage,
        lambda fields: json.dumps({name: fields[name] for name in fields if name != "password"}),
    )


def _secret_no_json(stage: Stage) -> Iterator[None]:
    """Store a plain text in place of the database's secret."""
    return _secret_changed(stage, lambda fields: str(fields["password"]))


def _database_down(stage: Stage) -> Iterator[None]:
    """Rename the database, so that nobody can log in to it."""
    name = sql.Identifier(stage.owner.dbname)
    elsewhere = sql.Identifier(f"{stage.owner.dbname}_elsewhere")
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    url = stage.owner.url.rpartition("/")[0]
    with connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(rename.format(name, elsewhere))
        yield
        connection.execute(rename.format(elsewhere, name))


def _grants_revoked(stage: Stage) -> Iterator[None]:
    """Take from the worker's role the right to read the votes."""
    with stage.owner.connect() as connection:
        connection.execute("REVOKE USAGE ON SCHEMA api FROM bixarena_worker")
        yield
        connection.execute("GRANT USAGE ON SCHEMA api TO bixarena_worker")


def _votes_invalid(stage: Stage) -> Iterator[None]:
    """Turn every validation of a battle around, so that few votes count."""
    statement = "UPDATE api.battle_validation SET is_biomedical = NOT is_biomedical"
    with stage.owner.connect() as connection:
        connection.execute(statement)
        yield
        connection.execute(statement)


def _table_locked(stage: Stage) -> Iterator[None]:
    """Lock the votes for as long as it lasts, and let a run take ten seconds only."""
    with stage.owner.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE api.battle")
        yield from _target_with(stage, Variable.MAX_RUNTIME_SECONDS, "10")


def _wrong_setting(stage: Stage) -> Iterator[None]:
    """Let the rule pass the worker a wrong number of rounds."""
    return _target_with(stage, Variable.NUM_BOOTSTRAP, "many")


def _target_with(stage: Stage, name: str, value: str) -> Iterator[None]:
    variable = f'"environment":[{{"name":"{name}","value":"{value}"}},'

    def change(target: dict[str, Any]) -> None:
        transformer = target["InputTransformer"]
        transformer["InputTemplate"] = transformer["InputTemplate"].replace(
            '"environment":[', variable
        )

    yield from _target_changed(stage, change)


def _target_changed(stage: Stage, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    events: Any = stage.aws.session.client("events")
    rule = stage.task.rule_name
    (before,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    target = json.loads(json.dumps(before))
    change(target)
    events.put_targets(Rule=rule, Targets=[target])
    yield
    events.put_targets(Rule=rule, Targets=[before])


def _rule_disabled(stage: Stage) -> Iterator[None]:
    """Disable the rule."""
    events, rule = stage.aws.session.client("events"), str(stage.task.rule_name)
    events.disable_rule(Name=rule)
    yield
    events.enable_rule(Name=rule)


def _schedule_over(stage: Stage) -> Iterator[None]:
    """Give the rule a schedule whose last time has passed."""
    events, rule = stage.aws.session.client("events"), str(stage.task.rule_name)
    before = events.describe_rule(Name=rule)["ScheduleExpression"]
    events.put_rule(Name=rule, ScheduleExpression="cron(0 10 1 1 ? 2020)")
    yield
    events.put_rule(Name=rule, ScheduleExpression=before)


def _target_removed(stage: Stage) -> Iterator[None]:
    """Remove the rule's target."""
    events: Any = stage.aws.session.client("events")
    rule = stage.task.rule_name
    (before,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    events.remove_targets(Rule=rule, Ids=[before["Id"]])
    yield
    events.put_targets(Rule=rule, Targets=[before])


def _role_stripped(stage: Stage, arn: str) -> Iterator[None]:
    iam = stage.aws.session.client("iam")
    role = arn.rpartition("/")[2]
    documents = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    for name in documents:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    yield
    for name, document in documents.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _events_role_stripped(stage: Stage) -> Iterator[None]:
    """Take the policies from the role by which the rule starts the task."""
    events: Any = stage.aws.session.client("events")
    (target,) = events.list_targets_by_rule(Rule=stage.task.rule_name)["Targets"]
    return _role_stripped(stage, target["RoleArn"])


def _execution_role_stripped(stage: Stage) -> Iterator[None]:
    """Take the policies from the role by which ECS reads the secret and writes the log."""
    return _role_stripped(stage, _definition(stage)["executionRoleArn"])


def _cluster_deleted(stage: Stage) -> Iterator[None]:
    """Delete the cluster."""
    ecs, cluster = stage.aws.session.client("ecs"), stage.task.cluster_arn
    ecs.delete_cluster(cluster=cluster)
    yield
    ecs.create_cluster(clusterName=cluster.rpartition("/")[2])


def _log_group_deleted(stage: Stage) -> Iterator[None]:
    """Delete the worker's log group."""
    logs, group = stage.aws.session.client("logs"), stage.task.log_group_name
    logs.delete_log_group(logGroupName=group)
    yield
    logs.create_log_group(logGroupName=group)


def _topic_deleted(stage: Stage) -> Iterator[None]:
    """Delete the topic of the alerts."""
    sns, arn = stage.aws.session.client("sns"), stage.task.outputs[Output.ALERT_TOPIC_ARN]
    policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    subscribed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    sns.delete_topic(TopicArn=arn)
    yield
    sns.create_topic(Name=arn.rpartition(":")[2], Attributes={"Policy": policy})
    for each in subscribed:
        sns.subscribe(TopicArn=arn, Protocol=each["Protocol"], Endpoint=each["Endpoint"])


def _route_gone(stage: Stage) -> Iterator[None]:
    """Remove the subnets' route to the internet."""
    ec2 = stage.aws.session.client("ec2")
    table = next(
        each
        for each in ec2.describe_route_tables()["RouteTables"]
        if any("NatGatewayId" in route for route in each["Routes"])
    )
    route = next(each for each in table["Routes"] if "NatGatewayId" in each)
    where: Any = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.delete_route(**where)
    yield
    ec2.create_route(**where, NatGatewayId=route["NatGatewayId"])


def _egress_closed(stage: Stage) -> Iterator[None]:
    """Let the task's security group out to nothing."""
    ec2: Any = stage.aws.session.client("ec2")
    events: Any = stage.aws.session.client("events")
    (target,) = events.list_targets_by_rule(Rule=stage.task.rule_name)["Targets"]
    network = target["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
    (group,) = network["SecurityGroups"]
    (found,) = [
        each
        for each in ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        if each["GroupId"] == group
    ]
    rules = found["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    yield
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=rules)


def _database_secret(stage: Stage) -> tuple[Any, str]:
    (worker,) = _definition(stage)["containerDefinitions"]
    arn = ":".join(worker["secrets"][0]["valueFrom"].split(":")[:7])
    return stage.aws.session.client("secretsmanager"), arn


def _definition(stage: Stage) -> dict[str, Any]:
    ecs: Any = stage.aws.session.client("ecs")
    arn = stage.task.outputs[Output.TASK_DEFINITION_ARN]
    definition: dict[str, Any] = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return definition


BREAKS: Final[dict[str, Callable[[Stage], Iterator[None]]]] = {
    "image-gone": _image_gone,
    "secret-deleted": _secret_deleted,
    "secret-no-json": _secret_no_json,
    "field-missing": _field_missing,
    "execution-role-stripped": _execution_role_stripped,
    "log-group-deleted": _log_group_deleted,
    "cluster-deleted": _cluster_deleted,
    "events-role-stripped": _events_role_stripped,
    "target-removed": _target_removed,
    "rule-disabled": _rule_disabled,
    "schedule-over": _schedule_over,
    "topic-deleted": _topic_deleted,
    "database-down": _database_down,
    "wrong-password": _wrong_password,
    "grants-revoked": _grants_revoked,
    "votes-invalid": _votes_invalid,
    "table-locked": _table_locked,
    "wrong-setting": _wrong_setting,
    "route-gone": _route_gone,
    "egress-closed": _egress_closed,
}
"""The breaks by name; each docstring says what it does."""


@contextmanager
def broken(stage: Stage, name: str) -> Iterator[None]:
    """Break a stage for the length of a ``with`` block.

    Args:
        stage: What to break.
        name: One of `BREAKS`.
    """
    play = BREAKS[name](stage)
    next(play)
    try:
        yield
    finally:
        next(play, None)
