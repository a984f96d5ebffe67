"""``bixarena doctor`` on the deployed example: sound at first, then broken one thing at a time."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.cli.doctor.checks.image import check_contract
from bixarena_constructs.cli.doctor.checks.login import check_login
from bixarena_constructs.cli.doctor.execute import examine
from bixarena_constructs.cli.doctor.findings import Finding, Subject
from bixarena_constructs.deployment import Output
from bixarena_constructs.worker.contract import VERSION
from bixarena_demo.breaks import broken
from bixarena_demo.stage import Stage
from local_aws import Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Arena, Registry  # type: ignore[import-not-found] # pytest's

pytestmark = pytest.mark.xdist_group("arena")

STACK = "BixarenaSnapshot"
EVERY_CHECK = {
    "rule",
    "cluster",
    "task definition",
    "log group",
    "events role",
    "execution role",
    "secrets",
    "image",
    "routes",
    "security groups",
    "guardduty",
    "topic",
    "alarms",
    "watchers",
    "contract",
    "login",
}


def findings(arena: Arena, group: str | None = None) -> list[Finding]:
    return list(examine(Subject.of(arena.task, database_security_group=group)))


def problems(arena: Arena, check: str, group: str | None = None) -> list[str]:
    """The one check's problems, each with its fix; no other check may have any."""
    found = [each for each in findings(arena, group) if each.state == "problem"]
    assert {each.check for each in found} == {check}
    assert all(each.fix for each in found)
    return [each.message for each in found]


@contextmanager
def target_with(arena: Arena, **changes: Any) -> Iterator[None]:
    """Another task definition in the rule's target, with changes to the worker's container."""
    ecs, events = (arena.aws.session.client(name) for name in ("ecs", "events"))
    rule = arena.task.rule_name
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    old = target["EcsParameters"]["TaskDefinitionArn"]
    definition = ecs.describe_task_definition(taskDefinition=old)["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    new = ecs.register_task_definition(
        family=definition["family"],
        networkMode="awsvpc",
        executionRoleArn=definition["executionRoleArn"],
        taskRoleArn=definition["taskRoleArn"],
        runtimePlatform=changes.pop("runtimePlatform", {"cpuArchitecture": "X86_64"}),
        containerDefinitions=[{**container, **changes}],
    )["taskDefinition"]["taskDefinitionArn"]
    parameters = {**target["EcsParameters"], "TaskDefinitionArn": new}
    events.put_targets(Rule=rule, Targets=[{**target, "EcsParameters": parameters}])
    try:
        yield
    finally:
        events.put_targets(Rule=rule, Targets=[target])


@contextmanager
def secret_with(arena: Arena, **fields: str | None) -> Iterator[None]:
    """The database's secret with other fields; None leaves one out."""
    client = arena.aws.session.client("secretsmanager")
    value = client.get_secret_value(SecretId="bixarena/worker")["SecretString"]
    changed = {**json.loads(value), **fields}
    text = json.dumps({name: each for name, each in changed.items() if each is not None})
    client.put_secret_value(SecretId="bixarena/worker", SecretString=text)
    try:
        yield
    finally:
        client.put_secret_value(SecretId="bixarena/worker", SecretString=value)


def test_finds_nothing_wrong_with_a_fresh_deployment(arena: Arena) -> None:
    shown = arena.bixarena("doctor", STACK, "--format", "json")
    found = json.loads(shown.stdout)
    assert {each["check"] for each in found} == EVERY_CHECK
    assert [each for each in found if each["state"] == "problem"] == []
    assert shown.returncode == 0, shown.stderr
    password = arena.database.worker.password
    assert password not in shown.stdout
    assert json.dumps(password)[1:-1] not in shown.stdout


def test_never_calls_fine_what_it_could_not_check(arena: Arena) -> None:
    shown = arena.bixarena(
        "doctor",
        STACK,
        "--strict",
        AWS_ENDPOINT_URL_IAM="http://127.0.0.1:9",
        AWS_MAX_ATTEMPTS="1",
    )
    assert shown.returncode == 78
    assert "not checked events role: whether the role" in shown.stdout
    assert "not checked execution role: whether the role" in shown.stdout
    assert "PROBLEM" not in shown.stdout


def test_warns_where_image_and_stack_differ(arena: Arena) -> None:
    ran = arena.bixarena("run", STACK, "--dry-run", "--set", "NUM_BOOTSTRAP=50")
    assert ran.returncode == 0, ran.stderr
    outputs = {**arena.task.outputs, Output.CONTRACT_VERSION: "0"}
    subject = Subject.of(replace(arena.task, outputs=outputs), database_security_group=None)
    (found,) = check_contract(subject)
    assert (found.check, found.state) == ("contract", "warning")
    assert f"version {VERSION} of the worker's contract" in found.message
    assert [each.state for each in findings(arena) if each.check == "contract"] == ["ok"]


def test_a_rule_that_is_gone_does_not_hide_the_other_findings(arena: Arena) -> None:
    outputs = {**arena.task.outputs, Output.RULE_NAME: "Gone"}
    subject = Subject.of(replace(arena.task, outputs=outputs), database_security_group=None)
    states = {each.check: each.state for each in examine(subject)}
    assert states.pop("rule") == "problem"
    assert states.pop("events role") == "not checked"
    assert states == {each.check: each.state for each in findings(arena) if each.check in states}


def test_an_input_that_ecs_refuses_does_not_hide_the_other_findings(arena: Arena) -> None:
    stage = Stage(aws=arena.aws, stack=STACK, owner=arena.database.owner)
    sound = {each.check: each.state for each in findings(arena)}
    with broken(stage, "input-broken"):
        found = findings(arena)
    (problem,) = (each for each in found if each.state == "problem")
    assert problem.check == "rule"
    assert "which is not a JSON object" in problem.message
    assert {each.check for each in found} == sound.keys()


def test_finds_a_disabled_rule_and_ends_with_78(arena: Arena) -> None:
    events = arena.aws.session.client("events")
    events.disable_rule(Name=arena.task.rule_name)
    try:
        shown = arena.bixarena("doctor", STACK)
    finally:
        events.enable_rule(Name=arena.task.rule_name)
    assert shown.returncode == 78
    assert "PROBLEM     rule: the rule" in shown.stdout
    assert "fix: set enabled=True" in shown.stdout


def test_finds_missing_and_empty_fields_of_a_secret(arena: Arena) -> None:
    with secret_with(arena, username=None, dbname=" "):
        found = problems(arena, "secrets")
    assert any("username is missing, and POSTGRES_USER needs it" in each for each in found)
    assert any("dbname is empty, and POSTGRES_DB needs it" in each for each in found)


def test_finds_a_secret_that_is_gone(arena: Arena) -> None:
    arn = f"arn:aws:secretsmanager:us-east-1:{arena.aws.account}:secret:gone-AbCdEf"
    secrets = [{"name": "POSTGRES_PASSWORD", "valueFrom": f"{arn}:password::"}]
    with target_with(arena, secrets=secrets):
        found = [each for each in findings(arena) if each.check == "secrets"]
    (only,) = found
    assert only.state == "problem"
    assert (
        "gone-AbCdEf does not exist or has no value; the task takes POSTGRES_PASSWORD"
        in only.message
    )


def test_finds_a_log_group_that_is_gone(arena: Arena) -> None:
    options = {"awslogs-group": "/gone", "awslogs-region": "us-east-1"}
    log = {"logDriver": "awslogs", "options": options}
    with target_with(arena, logConfiguration=log):
        found = [each for each in findings(arena) if each.check == "log group"]
    assert [each.state for each in found] == ["problem"]
    assert "/gone does not exist" in found[0].message


@pytest.mark.parametrize(
    ("role", "check", "message"),
    [
        ("executionRoleArn", "execution role", "may not read the secret bixarena/worker"),
        ("taskRoleArn", "events role", "may not pass the task its task role"),
    ],
)
def test_finds_what_a_role_may_not(arena: Arena, role: str, check: str, message: str) -> None:
    iam = arena.aws.session.client("iam")
    subject = Subject.of(arena.task, database_security_group=None)
    denied = subject.definition["executionRoleArn"]
    action, resource = "secretsmanager:GetSecretValue", "*"
    if role == "taskRoleArn":
        assert subject.rule is not None
        denied = subject.rule.target["RoleArn"]
        action, resource = "iam:PassRole", subject.definition["taskRoleArn"]
    statement = {"Effect": "Deny", "Action": action, "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    name = denied.rpartition("/")[2]
    iam.put_role_policy(RoleName=name, PolicyName="Deny", PolicyDocument=json.dumps(policy))
    try:
        (found,) = problems(arena, check)
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="Deny")
    assert message in found
    assert action in found


def test_finds_subnets_without_a_way_out(arena: Arena) -> None:
    ec2 = arena.aws.session.client("ec2")
    subject = Subject.of(arena.task, database_security_group=None)
    table = ec2.create_route_table(VpcId=vpc_of(arena))["RouteTable"]["RouteTableId"]
    first, second = subject.subnet_ids
    link = ec2.associate_route_table(RouteTableId=table, SubnetId=first)["AssociationId"]
    try:
        (isolated,) = problems(arena, "routes")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_of(arena))
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        (public,) = problems(arena, "routes")
    finally:
        ec2.disassociate_route_table(AssociationId=link)
    assert f"{first} has no route to 0.0.0.0/0" in isolated
    assert f"{first} is a public subnet, and the task gets no public address" in public
    assert second not in isolated + public


def vpc_of(arena: Arena) -> str:
    subnet = Subject.of(arena.task, database_security_group=None).subnet_ids[0]
    found = arena.aws.session.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"]
    return str(found[0]["VpcId"])


def test_finds_a_database_that_does_not_let_the_task_in(arena: Arena) -> None:
    ec2 = arena.aws.session.client("ec2")
    group = ec2.create_security_group(
        VpcId=vpc_of(arena), GroupName="database", Description="the database"
    )["GroupId"]
    (found,) = problems(arena, "security groups", group)
    port = arena.database.worker.port
    assert f"{group} does not let the task in at port {port}" in found
    (ours,) = Subject.of(arena.task, database_security_group=None).security_group_ids
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    allowed = {**rule, "UserIdGroupPairs": [{"GroupId": ours}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allowed])
    messages = [each.message for each in findings(arena, group) if each.state == "ok"]
    assert f"the database's group {group} lets the task in" in messages


def test_finds_a_group_that_lets_nothing_out(arena: Arena) -> None:
    ec2 = arena.aws.session.client("ec2")
    (ours,) = Subject.of(arena.task, database_security_group=None).security_group_ids
    (group,) = ec2.describe_security_groups(GroupIds=[ours])["SecurityGroups"]
    everything = group["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=ours, IpPermissions=everything)
    try:
        found = problems(arena, "security groups")
    finally:
        ec2.authorize_security_group_egress(GroupId=ours, IpPermissions=everything)
    assert "port 443 is closed" in found[0]
    assert f"port {arena.database.worker.port} is closed" in found[1]


@pytest.fixture
def credentials(arena: Arena, registry: Registry) -> Iterator[str]:
    client = arena.aws.session.client("secretsmanager")
    fields = {"username": registry.user, "password": registry.password}
    arn = client.create_secret(Name="ghcr", SecretString=json.dumps(fields))["ARN"]
    yield arn
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def about_the_image(arena: Arena) -> list[Finding]:
    return [each for each in findings(arena) if each.check in ("image", "architecture")]


def test_lets_the_registry_itself_say_whether_it_takes_the_token(
    arena: Arena, registry: Registry, credentials: str
) -> None:
    registry.expires = "2026-12-24 10:00:00 UTC"
    given = {"credentialsParameter": credentials}
    with target_with(arena, image=registry.image, repositoryCredentials=given):
        image, architecture = about_the_image(arena)
        assert (image.state, architecture.state) == ("ok", "ok")
        assert image.message.endswith("its token expires 2026-12-24 10:00:00 UTC")
        registry.password = "ghp_renewed"
        (refused,) = about_the_image(arena)
    assert refused.state == "problem"
    assert "does not give" in refused.message
    assert refused.fix is not None
    assert "classic token with read:packages" in refused.fix
    assert "ghp_" not in refused.message


def test_finds_a_private_image_without_credentials(arena: Arena, registry: Registry) -> None:
    with target_with(arena, image=registry.image):
        (refused,) = about_the_image(arena)
    assert refused.state == "problem"
    assert refused.fix is not None
    assert "give registry_credentials a secret" in refused.fix


def test_finds_an_image_for_another_processor(arena: Arena, registry: Registry) -> None:
    registry.anonymous = True
    registry.platforms = ("linux/amd64",)
    platform = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    with target_with(arena, image=registry.image, runtimePlatform=platform):
        image, architecture = about_the_image(arena)
    assert image.state == "ok"
    assert architecture.state == "problem"
    assert "runs on linux/arm64, the image is built for linux/amd64" in architecture.message


def test_does_not_call_a_registry_out_of_reach_a_problem_nor_fine(arena: Arena) -> None:
    with target_with(arena, image="127.0.0.1:9/sage/worker:1"):
        (image,) = about_the_image(arena)
    assert image.state == "not checked"
    assert "127.0.0.1:9 is out of reach" in image.message


def test_tries_the_login_if_it_may(arena: Arena) -> None:
    def login() -> Finding:
        subject = Subject.of(arena.task, database_security_group=None, connects=True)
        (found,) = check_login(subject)
        return found

    assert login().state == "ok"
    with secret_with(arena, password="wrong"):
        refused = login()
    with secret_with(arena, password=None):
        unstarted = login()
    with target_with(arena, command=["--no-such-option"]):
        unknown = login()
    assert refused.state == unstarted.state == unknown.state == "problem"
    assert "failed with 4; " in refused.message
    assert "password authentication failed" in refused.message
    assert refused.fix is not None
    assert refused.fix.startswith("see the log for which; check the database")
    assert "never started; " in unstarted.message
    assert "did not contain json key password" in unstarted.message
    assert "failed with 2; " in unknown.message


def test_says_that_the_login_was_not_tried(arena: Arena) -> None:
    (found,) = check_login(Subject.of(arena.task, database_security_group=None))
    assert found.state == "not checked"
    assert "--connect tries it" in found.message


def test_finds_a_rule_and_a_schedule_of_the_monitoring_that_are_disabled(arena: Arena) -> None:
    events, scheduler = (arena.aws.session.client(name) for name in ("events", "scheduler"))
    (rule,) = (each["Name"] for each in events.list_rules()["Rules"] if "Watch" in each["Name"])
    ((schedule),) = (each["Name"] for each in scheduler.list_schedules()["Schedules"])
    known = scheduler.get_schedule(Name=schedule)
    fields = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")
    same = {field: known[field] for field in fields}
    events.disable_rule(Name=rule)
    scheduler.update_schedule(**{**same, "State": "DISABLED"})
    try:
        (found,) = problems(arena, "watchers")
    finally:
        events.enable_rule(Name=rule)
        scheduler.update_schedule(**same)
    assert found.startswith("disabled: ")
    assert rule in found
    assert schedule in found


def test_finds_alarms_whose_actions_are_off(arena: Arena) -> None:
    cloudwatch = arena.aws.session.client("cloudwatch")
    name = arena.task.outputs[Output.ALARM_NAMES].split(",")[0]
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if "ActionsEnabled" not in alarm:
        pytest.skip("moto leaves it out of an answer in XML, which an old boto3 asks for")
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    try:
        found = problems(arena, "alarms")
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=[name])
    assert found == [f"these do not notify the topic: {name}"]


def test_alert_test_sends_the_alert_of_a_run_and_those_of_all_alarms(arena: Arena) -> None:
    names = arena.task.outputs[Output.ALARM_NAMES].split(",")
    inbox = Inbox(arena.aws, arena.task.outputs[Output.ALERT_TOPIC_ARN])
    before = alarm_states(arena)
    sent = arena.bixarena("alert", "test", STACK)
    assert sent.returncode == 0, sent.stdout
    messages = inbox.take(at_least=1 + len(names))
    (of_a_run,) = (each for each in messages if not each.startswith("{"))
    assert of_a_run.startswith("TEST: Snapshot: no run failed; `bixarena alert test Bixarena")
    of_alarms = [json.loads(each) for each in messages if each.startswith("{")]
    assert sorted(each["AlarmName"] for each in of_alarms) == sorted(names)
    assert all(each["NewStateReason"].startswith("TEST ") for each in of_alarms)
    assert alarm_states(arena) == before


def alarm_states(arena: Arena) -> dict[str, str]:
    found = arena.aws.session.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {each["AlarmName"]: each["StateValue"] for each in found}
