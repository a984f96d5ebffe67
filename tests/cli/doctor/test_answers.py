"""Each check of ``bixarena doctor`` on good, bad, denied, empty and malformed answers of AWS."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from bixarena_constructs.cli.deployed.request import request_of_rule
from bixarena_constructs.cli.deployed.rule import DeployedRule
from bixarena_constructs.cli.deployed.stack import DeployedTask
from bixarena_constructs.cli.doctor import execute
from bixarena_constructs.cli.doctor.findings import Subject
from bixarena_constructs.cli.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answers, Registry  # type: ignore[import-not-found] # pytest's

    Answer = Any
    Expected = list[tuple[str, str]]

ACCOUNT = "111122223333"
CLUSTER = f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/arena"
DEFINITION = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/worker:7"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:arena-AbCdEf"
OTHER_SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:ghcr-AbCdEf"
PARAMETER = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/seed"
LOG_STREAMS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/arena:*"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0f0f"

PASSWORD = {"name": "POSTGRES_PASSWORD", "valueFrom": f"{SECRET}:password::"}
LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "/arena"}}
NETWORK = {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-task"]}

DENIED = "AccessDeniedException"
NO_GROUP = "ResourceNotFoundException"


PAGE = b"<!DOCTYPE html><html><meta charset=utf-8><title>Log in to the guests' network</title>"
"""A proxy's page: an error for a service that speaks XML, an empty answer for one of JSON."""


def subject_of(
    answers: Answers,
    *,
    container: dict[str, Any] | None = None,
    definition: dict[str, Any] | None = None,
    target: dict[str, Any] | None = None,
    network: dict[str, Any] | None = None,
    expression: str = "cron(0 10 * * ? *)",
    enabled: bool = True,
    has_rule: bool = True,
    outputs: dict[str, str | None] | None = None,
    group: str | None = None,
    connects: bool = False,
) -> Subject:
    """A sound task with changes; None for a field leaves it out."""
    named = {
        "RuleName": "Nightly",
        "ContainerName": "worker",
        "ClusterArn": CLUSTER,
        "LogGroupName": "/arena",
        "TaskDefinitionArn": DEFINITION,
        **(outputs or {}),
    }
    parts = {"TaskDefinitionArn": DEFINITION}
    vpc = {} if network == {} else {"awsvpcConfiguration": network or NETWORK}
    worker: Any = {
        "name": "worker",
        "image": "ghcr.io/sage/worker:1.4.0",
        "secrets": [PASSWORD],
        "logConfiguration": LOG,
        **(container or {}),
    }
    whole: Any = {
        "taskDefinitionArn": DEFINITION,
        "status": "ACTIVE",
        "executionRoleArn": f"{ROLE}execution",
        "taskRoleArn": f"{ROLE}task",
        "containerDefinitions": [worker],
        **(definition or {}),
    }
    rule_target: Any = {
        "Id": "1",
        "Arn": CLUSTER,
        "RoleArn": f"{ROLE}events",
        "EcsParameters": {**parts, "NetworkConfiguration": vpc},
        **(target or {}),
    }
    # `Any`: an answer of AWS's that may lack what its type has.
    made: dict[str, Any] = {
        kind: {name: each for name, each in fields.items() if each is not None}
        for kind, fields in (("target", rule_target), ("definition", whole), ("container", worker))
    }
    task = DeployedTask(
        stack="Arena",
        name="Snapshot",
        arguments="Arena",
        outputs={name: each for name, each in named.items() if each is not None},
        session=answers.session,
    )
    rule = DeployedRule(
        arn="arn:aws:events:us-east-1:111122223333:rule/Nightly",
        expression=expression,
        enabled=enabled,
        target=made["target"],
    )
    return Subject(
        task=task,
        rule=rule if has_rule else None,
        request=request_of_rule(rule, datetime(2026, 3, 6, 10, tzinfo=UTC)),
        definition=made["definition"],
        container=made["container"],
        database_security_group=group,
        connects=connects,
    )


@pytest.fixture
def found(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Expected]:
    """Runs one check as `bixarena doctor` does."""

    def run(name: str, replies: dict[str, Answer], **changes: Any) -> Expected:
        only = tuple(each for each in execute.CHECKS if each[0] == name)
        monkeypatch.setattr(execute, "CHECKS", only)
        answers.update(replies)
        findings = list(execute.examine(subject_of(answers, **changes)))
        assert all((each.fix is None) == (each.state != "problem") for each in findings)
        return [(each.state, each.message) for each in findings]

    return run


def agrees(found: Expected, expected: Expected) -> None:
    assert [state for state, _ in found] == [state for state, _ in expected], found
    for (_, message), (_, part) in zip(found, expected, strict=True):
        assert part in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ok", "fires on cron(0 10 * * ? *), in UTC")),
        ({"enabled": False}, ("problem", "Nightly is disabled")),
        ({"expression": ""}, ("problem", "Nightly has no schedule")),
        ({"expression": "cron(0 10 1 1 ? 2020)"}, ("problem", "never fires again: cron(0 10 1 1")),
        ({"expression": "rate(1 day)"}, ("ok", "fires on rate(1 day)")),
        ({"expression": "every(1 day)"}, ("ok", "fires on every(1 day)")),
    ],
)
def test_rule(found: Any, changes: Any, expected: Any) -> None:
    agrees(found("rule", {}, **changes), [expected])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"clusters": [{"status": "ACTIVE"}]}, ("ok", "the cluster arena is active")),
        ({"clusters": [{"status": "INACTIVE"}]}, ("problem", "arena is INACTIVE")),
        (
            {"clusters": [], "failures": [{"arn": CLUSTER, "reason": "MISSING"}]},
            ("problem", "arena does not exist"),
        ),
        (DENIED, ("not checked", "do not allow DescribeClusters")),
        ({}, ("not checked", "lacks the field 'clusters'")),
        ({"clusters": [{}]}, ("not checked", "lacks the field 'status'")),
        (PAGE, ("not checked", "lacks the field 'clusters'")),
    ],
)
def test_cluster(found: Any, answer: Answer, expected: Any) -> None:
    agrees(found("cluster", {"DescribeClusters": answer}), [expected])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ok", "worker:7 is active")),
        ({"status": "INACTIVE"}, ("problem", "worker:7 is deregistered")),
        ({"status": None}, ("not checked", "lacks the field 'status'")),
    ],
)
def test_task_definition(found: Any, changes: Any, expected: Any) -> None:
    agrees(found("task definition", {}, definition=changes), [expected])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"logGroups": [{"logGroupName": "/arena"}]}, ("ok", "/arena exists")),
        ({"logGroups": [{"logGroupName": "/arena/2"}]}, ("problem", "/arena does not exist")),
        ({"logGroups": []}, ("problem", "/arena does not exist")),
        (DENIED, ("not checked", "do not allow DescribeLogGroups")),
        ({}, ("not checked", "lacks the field 'logGroups'")),
        (PAGE, ("not checked", "lacks the field 'logGroups'")),
    ],
)
def test_log_group(found: Any, answer: Answer, expected: Any) -> None:
    agrees(found("log group", {"DescribeLogGroups": answer}), [expected])


def test_log_group_of_a_container_that_logs_elsewhere_or_makes_it(found: Any) -> None:
    elsewhere = {"logConfiguration": {"logDriver": "splunk"}}
    agrees(found("log group", {}, container=elsewhere), [("not checked", "not log to CloudWatch")])
    agrees(found("log group", {}, container={"logConfiguration": None}), [("not checked", "")])
    options = {"awslogs-group": "/new", "awslogs-create-group": "true"}
    made = {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    agrees(found("log group", {}, container=made), [("ok", "the task creates /new")])


def test_log_group_is_looked_for_in_its_own_region(found: Any, answers: Answers) -> None:
    regions = []
    answers.session.events.register_first(
        "before-call.cloudwatch-logs",
        handler := lambda context, **_: regions.append(context["client_region"]),
    )
    options = {"awslogs-group": "/arena", "awslogs-region": "eu-west-1"}
    log = {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    try:
        found("log group", {"DescribeLogGroups": {"logGroups": []}}, container=log)
    finally:
        answers.session.events.unregister("before-call.cloudwatch-logs", handler)
    assert regions == ["eu-west-1"]


def decided(**decisions: str) -> dict[str, Any]:
    """An answer of the simulator; `ecs_RunTask` stands for `ecs:RunTask`."""
    return {
        "EvaluationResults": [
            {"EvalActionName": name.replace("_", ":"), "EvalDecision": each}
            for name, each in decisions.items()
        ]
    }


STARTS = decided(ecs_RunTask="allowed")
PASSES = decided(iam_PassRole="allowed")
MAY_START = ("ok", "the role events may start the task")


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (
            [STARTS, PASSES, PASSES],
            [MAY_START, ("ok", "pass the task its execution role"), ("ok", "its task role")],
        ),
        (
            [decided(ecs_RunTask="implicitDeny"), PASSES, decided(iam_PassRole="explicitDeny")],
            [
                (
                    "problem",
                    "events may not start the task: its policies do not allow ecs:RunTask",
                ),
                ("ok", ""),
                ("problem", "may not pass the task its task role"),
            ],
        ),
        (
            [STARTS, "AccessDenied", "NoSuchEntity"],
            [
                MAY_START,
                ("not checked", "whether the role events may pass the task its execution role"),
                ("problem", "role/events does not exist"),
            ],
        ),
        (
            [{"EvaluationResults": []}, PAGE, "Throttling"],
            [
                ("not checked", "IAM's simulator has no result for ecs:RunTask"),
                ("not checked", "is a proxy"),
                ("not checked", "Throttling"),
            ],
        ),
        ([{}], [("not checked", "lacks the field 'EvaluationResults'")]),
    ],
)
def test_events_role(found: Any, replies: list[Answer], expected: Expected) -> None:
    agrees(found("events role", {"SimulatePrincipalPolicy": replies}), expected)


def test_events_role_of_a_target_without_one_and_a_task_without_a_task_role(found: Any) -> None:
    missing = found("events role", {}, target={"RoleArn": None})
    agrees(missing, [("problem", "the rule's target has no role")])
    replies = {"SimulatePrincipalPolicy": [STARTS, PASSES]}
    agrees(
        found("events role", replies, definition={"taskRoleArn": None}),
        [MAY_START, ("ok", "its execution role")],
    )


READS = decided(secretsmanager_GetSecretValue="allowed")
DECRYPTS = decided(kms_Decrypt="allowed")
LOGS = decided(logs_CreateLogStream="allowed", logs_PutLogEvents="allowed")
MAY_READ = ("ok", "execution may read the secret arena-AbCdEf")
MAY_LOG = ("ok", "execution may write the log")


@pytest.mark.parametrize(
    ("secret", "key", "decisions", "expected"),
    [
        ({}, None, [READS, LOGS], [MAY_READ, MAY_LOG]),
        ({"KmsKeyId": "alias/aws/secretsmanager"}, None, [READS, LOGS], [MAY_READ, MAY_LOG]),
        (
            {"KmsKeyId": KEY},
            {"KeyMetadata": {"KeyId": "0f0f", "Arn": KEY, "KeyManager": "AWS"}},
            [READS, LOGS],
            [MAY_READ, MAY_LOG],
        ),
        (
            {"KmsKeyId": "0f0f"},
            {"KeyMetadata": {"KeyId": "0f0f", "Arn": KEY, "KeyManager": "CUSTOMER"}},
            [READS, decided(kms_Decrypt="implicitDeny"), LOGS],
            [MAY_READ, ("problem", f"do not allow kms:Decrypt on {KEY}"), MAY_LOG],
        ),
        (
            {"KmsKeyId": KEY},
            DENIED,
            [READS, LOGS],
            [MAY_READ, ("not checked", "whether the role may decrypt the secret arena"), MAY_LOG],
        ),
        (
            "ResourceNotFoundException",
            None,
            [decided(secretsmanager_GetSecretValue="implicitDeny"), LOGS],
            [
                ("problem", "execution may not read the secret arena-AbCdEf"),
                ("not checked", "whether the role may decrypt the secret arena"),
                MAY_LOG,
            ],
        ),
        (
            "ThrottlingException: Rate exceeded",
            None,
            [READS, decided(logs_CreateLogStream="allowed", logs_PutLogEvents="implicitDeny")],
            [
                MAY_READ,
                ("not checked", "Rate exceeded"),
                ("problem", f"do not allow logs:PutLogEvents on {LOG_STREAMS}"),
            ],
        ),
        (
            {},
            None,
            [READS, decided(logs_CreateLogStream="allowed")],
            [MAY_READ, ("not checked", "no result for logs:PutLogEvents")],
        ),
        (
            {"KmsKeyId": KEY},
            {"KeyMetadata": {"KeyId": "0f0f"}},
            [READS],
            [MAY_READ, ("not checked", "lacks the field 'Arn'")],
        ),
    ],
)
def test_execution_role(
    found: Any, secret: Answer, key: Answer, decisions: list[Answer], expected: Expected
) -> None:
    replies = {
        "SimulatePrincipalPolicy": decisions,
        "DescribeSecret": secret,
        "DescribeKey": key,
    }
    agrees(found("execution role", replies), expected)


def test_execution_role_of_a_task_without_one_or_without_a_need(found: Any) -> None:
    missing = found("execution role", {}, definition={"executionRoleArn": None})
    agrees(missing, [("problem", "the task has no execution role")])
    parameter = {"name": "SEED", "valueFrom": PARAMETER}
    bare = {"secrets": [parameter], "logConfiguration": None}
    assert found("execution role", {}, container=bare) == []


def value(**fields: object) -> dict[str, str]:
    return {"SecretString": json.dumps(fields)}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (value(password="x", port=5432), ("ok", "arena-AbCdEf exists, with password")),
        (value(user="x"), ("problem", "password is missing, and POSTGRES_PASSWORD needs it")),
        (value(password=" "), ("problem", "password is empty")),
        (value(password=None), ("problem", "password is empty")),
        ({"SecretString": "x"}, ("problem", "arena-AbCdEf is not a JSON object with password")),
        ({"SecretString": '["x"]'}, ("problem", "not a JSON object")),
        ({"SecretBinary": b"x"}, ("problem", "not a JSON object")),
        ({}, ("not checked", "lacks the field 'SecretString'")),
        (
            "ResourceNotFoundException: Secrets Manager can't find the secret value",
            ("problem", "does not exist or has no value; the task takes POSTGRES_PASSWORD"),
        ),
        (
            "InvalidRequestException: You can't do this, it was marked for deletion.",
            ("problem", "it was marked for deletion"),
        ),
        (DENIED, ("not checked", "the value of arena-AbCdEf: the AWS credentials do not")),
        ("DecryptionFailure", ("not checked", "DecryptionFailure")),
        (PAGE, ("not checked", "lacks the field 'SecretString'")),
    ],
)
def test_secrets(found: Any, answer: Answer, expected: Any) -> None:
    agrees(found("secrets", {"GetSecretValue": answer}), [expected])


def test_secrets_of_a_task_without_any(found: Any) -> None:
    agrees(found("secrets", {}, container={"secrets": None}), [("not checked", "no secrets")])


def test_a_secret_taken_whole_needs_no_fields(found: Any) -> None:
    whole = {"secrets": [{"name": "POSTGRES_URL", "valueFrom": SECRET}]}
    (only,) = found("secrets", {"GetSecretValue": {"SecretString": "x"}}, container=whole)
    assert only == ("ok", "arena-AbCdEf exists")


SOUND = ("ok", "arena-AbCdEf exists")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"Parameter": {"Type": "String"}}, [("ok", "parameter/seed exists"), SOUND]),
        ("ParameterNotFound", [("problem", "parameter/seed does not exist; the task"), SOUND]),
        (DENIED, [("not checked", "the value of parameter/seed"), SOUND]),
        ({"Parameter": {}}, [("not checked", "lacks the field 'Type'")]),
        (PAGE, [("not checked", "lacks the field 'Parameter'")]),
    ],
)
def test_parameters_do_not_stop_the_secrets_behind_them(
    found: Any, answers: Answers, answer: Answer, expected: Expected
) -> None:
    seed = {"name": "SEED", "valueFrom": PARAMETER}
    replies = {"GetParameter": answer, "GetSecretValue": value(password="x")}
    both = found("secrets", replies, container={"secrets": [seed, PASSWORD]})
    agrees(both, expected)
    assert ("GetParameter", {"Name": PARAMETER}) in answers.asked


CREDENTIALS = {"repositoryCredentials": {"credentialsParameter": OTHER_SECRET}, "secrets": None}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (DENIED, "whose credentials cannot be read: the AWS credentials do not allow"),
        ("ResourceNotFoundException", "whose credentials cannot be read"),
        (PAGE, "lacks the field 'SecretString'"),
        ({"SecretString": "x"}, "whose credentials are incomplete"),
        (value(username="x"), "whose credentials are incomplete"),
    ],
)
def test_image_whose_credentials_are_not_known(found: Any, answer: Answer, expected: str) -> None:
    agrees(
        found("image", {"GetSecretValue": answer}, container=CREDENTIALS),
        [("not checked", expected)],
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/Sage/worker:1", ("problem", "the repository 'Sage/worker'")),
        (
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/worker:1",
            ("not checked", "is in ECR, where roles decide"),
        ),
    ],
)
def test_image_that_is_not_asked_for(found: Any, image: str, expected: Any) -> None:
    agrees(found("image", {}, container={"image": image, "secrets": None}), [expected])


@pytest.mark.parametrize(
    ("changes", "platform", "expected"),
    [
        ({}, {}, [("ok", "gives"), ("ok", "built for linux/amd64")]),
        ({}, {"cpuArchitecture": "ARM64"}, [("ok", ""), ("ok", "built for linux/arm64")]),
        (
            {"platforms": ("linux/arm64",)},
            {},
            [("ok", ""), ("problem", "runs on linux/amd64, the image is built for linux/arm64")],
        ),
        ({"platforms": ()}, {}, [("ok", ""), ("not checked", "does not name its platforms")]),
        (
            {},
            {"cpuArchitecture": "RISCV"},
            [("ok", ""), ("not checked", "the task's processor RISCV is not known here")],
        ),
        ({"tag": "9.9.9"}, {}, [("problem", "has no 127.0.0.1")]),
        ({"token_status": 500}, {}, [("not checked", "token service: HTTP 500")]),
        ({"anonymous": False}, {}, [("problem", "without credentials")]),
        ({"token": None}, {}, [("not checked", "gave no token")]),
        ({"manifest": {}}, {}, [("not checked", "not an image's manifest")]),
        ({"manifest": ["x"]}, {}, [("not checked", "not an image's manifest")]),
        (
            {"manifest": {"manifests": [None, {"platform": "linux"}]}},
            {},
            [("ok", ""), ("not checked", "does not name its platforms")],
        ),
        ({"realm": "https://[broken/token"}, {}, [("not checked", "is not encrypted")]),
    ],
)
def test_image(
    found: Any, registry: Registry, changes: Any, platform: Any, expected: Expected
) -> None:
    registry.anonymous = True
    for name, each in changes.items():
        setattr(registry, name, each)
    image = {"image": registry.image, "secrets": None}
    definition = {"runtimePlatform": platform}
    agrees(found("image", {}, container=image, definition=definition), expected)


SUBNET = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"}


def tables(*routes: dict[str, str], main: bool = False) -> dict[str, Any]:
    own: dict[str, Any] = {"Main": True} if main else {"SubnetId": "subnet-1"}
    return {"RouteTables": [{"Associations": [own], "Routes": list(routes)}]}


def default(**gateway: str) -> dict[str, str]:
    return {"DestinationCidrBlock": "0.0.0.0/0", **gateway}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (tables(default(NatGatewayId="nat-1")), ("ok", "routes 0.0.0.0/0 to nat-1")),
        (tables(default(TransitGatewayId="tgw-1"), main=True), ("ok", "to tgw-1")),
        (tables(default(CoreNetworkArn="arn:x")), ("ok", "to another gateway")),
        (tables(default(GatewayId="igw-1")), ("problem", "subnet-1 is a public subnet")),
        (
            tables(default(NatGatewayId="nat-1", State="blackhole")),
            ("problem", "to nat-1, which does not exist"),
        ),
        (tables({"DestinationCidrBlock": "10.0.0.0/16"}), ("problem", "no route to 0.0.0.0/0")),
        ({"RouteTables": []}, ("not checked", "no route table of subnet-1")),
        (
            {"RouteTables": [{"Associations": [{"SubnetId": "subnet-2"}], "Routes": []}]},
            ("not checked", "no route table of subnet-1"),
        ),
        ("UnauthorizedOperation", ("not checked", "do not allow DescribeRouteTables")),
        ({}, ("not checked", "lacks the field 'RouteTables'")),
        ({"RouteTables": [{}]}, ("not checked", "lacks the field 'Associations'")),
        (PAGE, ("not checked", "is a proxy")),
    ],
)
def test_routes(found: Any, answer: Answer, expected: Any) -> None:
    replies = {"DescribeSubnets": {"Subnets": [SUBNET]}, "DescribeRouteTables": answer}
    agrees(found("routes", replies), [expected])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"Subnets": []}, ("problem", "the subnet subnet-1 does not exist")),
        ("UnauthorizedOperation", ("not checked", "do not allow DescribeSubnets")),
        ({}, ("not checked", "lacks the field 'Subnets'")),
        (PAGE, ("not checked", "is a proxy")),
    ],
)
def test_routes_of_subnets(found: Any, answer: Answer, expected: Any) -> None:
    agrees(found("routes", {"DescribeSubnets": answer}), [expected])


def test_routes_of_two_vpcs_and_of_a_task_in_none(found: Any) -> None:
    away = {**SUBNET, "SubnetId": "subnet-2", "VpcId": "vpc-2"}
    replies = {
        "DescribeSubnets": {"Subnets": [SUBNET, away]},
        "DescribeRouteTables": [
            tables(default(GatewayId="igw-1")),
            tables(default(NatGatewayId="nat-2"), main=True),
        ],
    }
    network = {"Subnets": ["subnet-1", "subnet-2"], "AssignPublicIp": "ENABLED"}
    agrees(found("routes", replies, network=network), [("ok", "to igw-1"), ("ok", "to nat-2")])
    agrees(found("routes", {}, network={}), [("problem", "started in no subnets")])


def opened(port: int | None = None, **peers: list[str]) -> dict[str, Any]:
    """A rule for a port, or for all traffic, of or to some peers."""
    names = {
        "IpRanges": "CidrIp",
        "Ipv6Ranges": "CidrIpv6",
        "UserIdGroupPairs": "GroupId",
        "PrefixListIds": "PrefixListId",
    }
    listed = {kind: [{names[kind]: each} for each in peers.get(kind, [])] for kind in names}
    if port is None:
        return {"IpProtocol": "-1", **listed}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **listed}


def groups(*rules: dict[str, Any], ingress: bool = False) -> dict[str, Any]:
    listed: dict[str, list[Any]] = {"IpPermissionsEgress": [], "IpPermissions": []}
    listed["IpPermissions" if ingress else "IpPermissionsEgress"] = list(rules)
    return {"SecurityGroups": [{"GroupId": "sg-db" if ingress else "sg-task", **listed}]}


EVERYWHERE = ["0.0.0.0/0"]
HTTPS = opened(443, IpRanges=EVERYWHERE)
DATABASE = opened(5432, UserIdGroupPairs=["sg-db"])
LETS_IN = groups(opened(5432, UserIdGroupPairs=["sg-task"]), ingress=True)
INTERFACE = {"NetworkInterfaces": [{"Groups": [{"GroupId": "sg-db"}]}]}
OUT = ("ok", "port 443 is open to the registry and AWS")
TO_DATABASE = ("ok", "port 5432 is open to the database")
IN = ("ok", "the database's group sg-db lets the task in")
HOST = {"secrets": None, "environment": [{"name": "POSTGRES_HOST", "value": "db.internal"}]}


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's name leads to an address of the VPC, and to one of IPv6."""
    answer = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.2.7", 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fd00::7", 0, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answer)


@pytest.mark.usefixtures("resolved")
@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (groups(HTTPS, DATABASE), LETS_IN, [OUT, TO_DATABASE, IN]),
        (groups(opened(IpRanges=EVERYWHERE)), LETS_IN, [OUT, TO_DATABASE, IN]),
        (groups(HTTPS, opened(5432, IpRanges=["10.0.2.0/24"])), LETS_IN, [OUT, TO_DATABASE, IN]),
        (
            groups(HTTPS, opened(5432, IpRanges=["10.9.0.0/16"])),
            LETS_IN,
            [OUT, ("problem", "port 5432 is open to 10.9.0.0/16 only"), IN],
        ),
        (
            groups(HTTPS, opened(5432, PrefixListIds=["pl-1"])),
            LETS_IN,
            [OUT, ("not checked", "whether the database is among pl-1"), IN],
        ),
        (
            groups(opened(443, IpRanges=["10.0.0.0/8"], Ipv6Ranges=["::/0"])),
            LETS_IN,
            [
                ("not checked", "whether the registry and AWS is among 10.0.0.0/8, ::/0"),
                ("problem", "no security group of the task lets it reach the database: port 5432"),
                IN,
            ],
        ),
        (
            groups({"IpProtocol": "udp", "FromPort": 443, "ToPort": 443}),
            groups(ingress=True),
            [
                ("problem", "port 443 is closed"),
                ("problem", "port 5432 is closed"),
                ("problem", "sg-db does not let the task in at port 5432"),
            ],
        ),
        (
            groups(HTTPS, DATABASE),
            groups(opened(5432, IpRanges=["10.0.1.0/24"]), ingress=True),
            [OUT, TO_DATABASE, IN],
        ),
        (
            groups(HTTPS, DATABASE),
            groups(opened(5432, IpRanges=["10.0.1.0/25"]), ingress=True),
            [OUT, TO_DATABASE, ("problem", "does not let the task in")],
        ),
        (
            groups(HTTPS, DATABASE),
            groups(opened(5432, PrefixListIds=["pl-1"]), ingress=True),
            [OUT, TO_DATABASE, ("not checked", "whether a prefix list of sg-db")],
        ),
        (
            groups(HTTPS, DATABASE),
            {"SecurityGroups": []},
            [OUT, TO_DATABASE, ("problem", "the database's group sg-db does not exist")],
        ),
        ({"SecurityGroups": []}, None, [("problem", "sg-task does not exist")]),
        ("UnauthorizedOperation", None, [("not checked", "DescribeSecurityGroups")]),
        ({}, None, [("not checked", "lacks the field 'SecurityGroups'")]),
        (
            {"SecurityGroups": [{"GroupId": "sg-task"}]},
            None,
            [("not checked", "lacks the field 'IpPermissionsEgress'")],
        ),
        (PAGE, None, [("not checked", "is a proxy")]),
        (groups(HTTPS, DATABASE), PAGE, [OUT, TO_DATABASE, ("not checked", "is a proxy")]),
    ],
)
def test_security_groups(found: Any, ours: Answer, theirs: Answer, expected: Expected) -> None:
    replies = {
        "DescribeSecurityGroups": [ours, theirs],
        "DescribeNetworkInterfaces": INTERFACE,
        "DescribeSubnets": {"Subnets": [SUBNET]},
    }
    agrees(found("security groups", replies, container=HOST), expected)


@pytest.mark.usefixtures("resolved")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"NetworkInterfaces": []},
            [
                ("not checked", "whether the database is among 10.0.0.0/16"),
                ("not checked", "no network interface with the database's address was found"),
            ],
        ),
        (
            "UnauthorizedOperation",
            [("not checked", "whether the task reaches the database: the AWS credentials")],
        ),
        ({}, [("not checked", "lacks the field 'NetworkInterfaces'")]),
        ({"NetworkInterfaces": [{}]}, [("not checked", "lacks the field 'Groups'")]),
        (PAGE, [("not checked", "is a proxy")]),
    ],
)
def test_security_groups_where_the_database_is_not_found(
    found: Any, answer: Answer, expected: Expected
) -> None:
    ours = groups(HTTPS, opened(5432, IpRanges=["10.0.0.0/16"]))
    replies = {"DescribeSecurityGroups": [ours], "DescribeNetworkInterfaces": answer}
    agrees(found("security groups", replies, container=HOST), [OUT, *expected])


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".internal", ""])
def test_security_groups_of_a_host_that_is_no_name(found: Any, host: str) -> None:
    container = {"secrets": None, "environment": [{"name": "POSTGRES_HOST", "value": host}]}
    replies = {"DescribeSecurityGroups": [groups(HTTPS, opened(5432, IpRanges=EVERYWHERE))]}
    last = ("not checked", "name its group with --database-security-group")
    agrees(found("security groups", replies, container=container), [OUT, TO_DATABASE, last])


@pytest.mark.parametrize(
    ("answer", "port"),
    [
        (value(port=6543), 6543),
        (value(port="²"), 5432),
        (value(), 5432),
        (DENIED, 5432),
    ],
)
def test_security_groups_take_the_port_of_the_secret(
    found: Any, answer: Answer, port: int
) -> None:
    secret = {"secrets": [{"name": "POSTGRES_PORT", "valueFrom": f"{SECRET}:port::"}, PASSWORD]}
    replies = {
        "DescribeSecurityGroups": [groups(HTTPS), groups(ingress=True)],
        "GetSecretValue": answer,
    }
    agrees(
        found("security groups", replies, container=secret, group="sg-db"),
        [OUT, ("problem", f"port {port} is closed"), ("problem", f"in at port {port}")],
    )


def test_security_groups_of_a_target_that_names_none(found: Any) -> None:
    network = {"Subnets": ["subnet-1"]}
    agrees(found("security groups", {}, network=network), [("not checked", "VPC's default group")])


PULLS = decided(ecr_BatchGetImage="allowed", ecr_GetDownloadUrlForLayer="allowed")
PULLS_NOT = decided(ecr_BatchGetImage="implicitDeny", ecr_GetDownloadUrlForLayer="allowed")


def detector(status: str, name: str = "RUNTIME_MONITORING") -> dict[str, Any]:
    features = [{"Name": name, "Status": status}]
    return {"ServiceRole": "x", "Status": "ENABLED", "Features": features}


@pytest.mark.parametrize(
    ("pull", "detectors", "features", "expected"),
    [
        (PULLS, None, None, ("ok", "execution may pull GuardDuty's agent")),
        (PULLS_NOT, ["d"], detector("ENABLED"), ("problem", "execution may not pull GuardDuty's")),
        (PULLS_NOT, ["d"], detector("DISABLED"), ("ok", "Runtime Monitoring is off")),
        (PULLS_NOT, ["d"], detector("ENABLED", "S3_DATA_EVENTS"), ("ok", "Monitoring is off")),
        (PULLS_NOT, [], None, ("ok", "Runtime Monitoring is off")),
        (PULLS_NOT, DENIED, None, ("not checked", "whether Runtime Monitoring is on: the AWS")),
        (PULLS_NOT, ["d"], DENIED, ("not checked", "if it is, the role execution may not")),
        (PULLS_NOT, ["d"], PAGE, ("not checked", "lacks the field 'Features'")),
        (DENIED, None, None, ("not checked", "whether the role execution may pull")),
        ({"EvaluationResults": []}, None, None, ("not checked", "has no result")),
    ],
)
def test_guardduty(
    found: Any, pull: Answer, detectors: Answer, features: Answer, expected: Any
) -> None:
    ids = {"DetectorIds": detectors} if isinstance(detectors, list) else detectors or {}
    replies = {"SimulatePrincipalPolicy": pull, "ListDetectors": ids, "GetDetector": features}
    agrees(found("guardduty", replies), [expected])


def test_guardduty_of_a_task_without_a_role_and_in_a_region_without_it(found: Any) -> None:
    without = found("guardduty", {}, definition={"executionRoleArn": None})
    agrees(without, [("not checked", "no execution role")])
    with mock.patch.dict(
        "bixarena_constructs.cli.doctor.checks.guardduty.AGENT_ACCOUNTS", clear=True
    ):
        unknown = found("guardduty", {})
    agrees(unknown, [("not checked", "no repository of the agent is known in us-east-1")])


OPTIONS = {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "run"}}
PREFIX: dict[str, Answer] = {
    "DescribeTaskDefinition": {
        "taskDefinition": {
            "containerDefinitions": [{"name": "worker", "logConfiguration": OPTIONS}]
        }
    }
}


def logged(*lines: Any) -> dict[str, Answer]:
    """One run that logged some lines."""
    stream = {"logStreamName": "run/worker/0f0f", "lastEventTimestamp": 1}
    events = [{"message": each if isinstance(each, str) else json.dumps(each)} for each in lines]
    return {
        "DescribeLogStreams": {"logStreams": [stream]},
        "GetLogEvents": {"events": events, "nextForwardToken": "end"},
    }


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (logged({"event": "run_started", "contract": 1}), ("ok", "no run has logged")),
        (logged({"event": "run_started", "contract": 9}), ("warning", "has version 9")),
        (logged({"event": "run_started"}), ("ok", "no run has logged")),
        (logged({"event": "run_failed", "exit_code": 2}), ("ok", "no run has logged")),
        (logged("no JSON", '["no", "object"]'), ("ok", "no run has logged")),
        (logged(), ("ok", "no run has logged")),
        ({"DescribeLogStreams": {"logStreams": []}}, ("ok", "no run has logged")),
        ({"DescribeLogStreams": NO_GROUP}, ("ok", "no run has logged")),
        ({"DescribeLogStreams": DENIED}, ("not checked", "do not allow DescribeLogStreams")),
        ({"DescribeLogStreams": {}}, ("not checked", "lacks the field 'logStreams'")),
        ({"DescribeLogStreams": PAGE}, ("not checked", "")),
    ],
)
def test_contract(found: Any, replies: dict[str, Answer], expected: tuple[str, str]) -> None:
    outputs = {"ContractVersion": "1"}
    agrees(found("contract", {**PREFIX, **replies}, outputs=outputs), [expected])


def test_contract_of_a_stack_that_has_none(found: Any) -> None:
    replies = logged({"event": "run_started", "contract": 9})
    agrees(found("contract", {**PREFIX, **replies}), [("ok", "no run has logged")])


@pytest.mark.parametrize(
    ("check", "message"), [("rule", "no rule of the stack"), ("events role", "no rule starts")]
)
def test_a_task_without_a_rule(found: Any, check: str, message: str) -> None:
    """Another trigger starts it, of which the stack's outputs know nothing."""
    changes: dict[str, Any] = {"has_rule": False, "outputs": {"RuleName": None}}
    agrees(found(check, {}, **changes), [("not checked", message)])


def test_a_rule_that_is_gone(found: Any) -> None:
    agrees(found("rule", {}, has_rule=False), [("problem", "the rule Nightly does not exist")])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("ClientException: Unable to describe task definition.", "does not exist"),
        (
            {
                "taskDefinition": {
                    "taskDefinitionArn": DEFINITION,
                    "containerDefinitions": [{"name": "other"}],
                }
            },
            "worker:7 has no container worker",
        ),
    ],
)
def test_the_subject_is_not_found(
    answers: Answers, found: Any, answer: Answer, message: str
) -> None:
    ecs = {"TaskDefinitionArn": DEFINITION}
    targets = {"Targets": [{"Id": "1", "Arn": CLUSTER, "EcsParameters": ecs}]}
    found(
        "rule",
        {
            "DescribeRule": {"Arn": "arn:x", "State": "ENABLED"},
            "ListTargetsByRule": targets,
            "DescribeTaskDefinition": answer,
        },
    )
    task = subject_of(answers).task
    with pytest.raises(NotFoundError, match=message):
        Subject.of(task, database_security_group=None)


TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:Alerts"
MONITORED = {"AlertTopicArn": TOPIC, "AlarmNames": "Arena-Hang-1,Arena-Missed-2"}
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:Watch"


def subscribed(*arns: str) -> dict[str, Any]:
    return {"Subscriptions": [{"SubscriptionArn": arn, "Endpoint": "ops@arena"} for arn in arns]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (subscribed(f"{TOPIC}:1"), ("ok", "alerts go to 1 subscriber of Alerts")),
        (subscribed(f"{TOPIC}:1", f"{TOPIC}:2"), ("ok", "alerts go to 2 subscribers of Alerts")),
        (subscribed(), ("warning", "nobody subscribes to Alerts")),
        (
            subscribed(f"{TOPIC}:1", "PendingConfirmation"),
            ("warning", "not confirmed, so no alert arrives there: ops@arena"),
        ),
        ("NotFound", ("problem", "the topic Alerts does not exist")),
        (DENIED, ("not checked", "do not allow ListSubscriptionsByTopic")),
        ({}, ("not checked", "lacks the field 'Subscriptions'")),
    ],
)
def test_topic(found: Any, answer: Answer, expected: Any) -> None:
    agrees(found("topic", {"ListSubscriptionsByTopic": answer}, outputs=MONITORED), [expected])


@pytest.mark.parametrize("check", ["topic", "alarms", "watchers"])
def test_a_task_without_monitoring_has_no_watchers(found: Any, check: str) -> None:
    assert found(check, {}) == []


def alarm(name: str, **fields: Any) -> dict[str, Any]:
    return {"AlarmName": name, "ActionsEnabled": True, "AlarmActions": [TOPIC], **fields}


HANG, MISSED = alarm("Arena-Hang-1"), alarm("Arena-Missed-2")


@pytest.mark.parametrize(
    ("alarms", "changes", "expected"),
    [
        ([HANG, MISSED], {}, ("ok", "2 alarms notify the topic")),
        ([HANG], {}, ("problem", "these do not exist: Arena-Missed-2")),
        (
            [HANG, {**MISSED, "ActionsEnabled": False}],
            {},
            ("problem", "these do not notify the topic: Arena-Missed-2"),
        ),
        (
            [{**HANG, "AlarmActions": []}, MISSED],
            {},
            ("problem", "these do not notify the topic: Arena-Hang-1"),
        ),
    ],
)
def test_alarms(found: Any, alarms: Any, changes: Any, expected: Any) -> None:
    replies = {"DescribeAlarms": {"MetricAlarms": alarms}}
    agrees(found("alarms", replies, outputs=MONITORED, **changes), [expected])


def test_alarms_of_a_disabled_task_are_silent_on_purpose(found: Any) -> None:
    replies = {"DescribeAlarms": {"MetricAlarms": [HANG, {**MISSED, "ActionsEnabled": False}]}}
    assert found("alarms", replies, outputs=MONITORED, enabled=False) == []


def listed(**names: str) -> dict[str, Any]:
    """An answer with resources by their logical IDs; the kind is the first word of the name."""
    kinds = {
        "alarm": "AWS::CloudWatch::Alarm",
        "rule": "AWS::Events::Rule",
        "schedule": "AWS::Scheduler::Schedule",
        "filter": "AWS::Logs::MetricFilter",
        "machine": "AWS::StepFunctions::StateMachine",
    }
    parts = ((each, *name.partition(" ")) for each, name in names.items())
    common = {"LastUpdatedTimestamp": "2026-03-06T10:00:00Z", "ResourceStatus": "CREATE_COMPLETE"}
    return {
        "StackResourceSummaries": [
            {
                **common,
                "LogicalResourceId": each,
                "ResourceType": kinds[kind],
                "PhysicalResourceId": name,
            }
            for each, kind, _, name in parts
        ]
    }


PARTS = listed(
    SnapshotMonitoringWatchHangD00DFEED="alarm Arena-Hang-1",
    SnapshotMonitoringWatchRuleD00DFEED="rule Watch",
    SnapshotMonitoringMissedRunWatchD00DFEED="schedule Check",
    SnapshotMonitoringMachineD00DFEED=f"machine {MACHINE}",
    SnapshotMonitoringOutcomeD00DFEED="filter Count",
    OtherRuleD00DFEED="rule Other",
)


FILTER = [{"filterName": "Count"}]


@pytest.mark.parametrize(
    ("watchers", "expected"),
    [
        (("ENABLED", "ENABLED", FILTER, "ACTIVE"), ("ok", "4 resources watch the runs")),
        (("DISABLED", "DISABLED", FILTER, "ACTIVE"), ("problem", "disabled: Watch, Check")),
        ((None, "ENABLED", FILTER, "ACTIVE"), ("problem", "these do not exist: Watch")),
        (("ENABLED", None, FILTER, "ACTIVE"), ("problem", "these do not exist: Check")),
        (("ENABLED", "ENABLED", [], "ACTIVE"), ("problem", "these do not exist: Count")),
        (("ENABLED", "ENABLED", FILTER, None), ("problem", f"these do not exist: {MACHINE}")),
    ],
)
def test_watchers(found: Any, watchers: Any, expected: Any) -> None:
    rule, schedule, filters, machine = watchers
    gone = "ResourceNotFoundException"
    whole = {
        "stateMachineArn": MACHINE,
        "name": "Watch",
        "definition": "{}",
        "roleArn": f"{ROLE}machine",
        "type": "STANDARD",
        "creationDate": 1772791200,
    }
    replies = {
        "ListStackResources": PARTS,
        "DescribeRule": gone if rule is None else {"State": rule},
        "GetSchedule": gone if schedule is None else {"State": schedule},
        "DescribeMetricFilters": {"metricFilters": filters},
        "DescribeStateMachine": (
            "StateMachineDoesNotExist" if machine is None else {**whole, "status": machine}
        ),
    }
    agrees(found("watchers", replies, outputs=MONITORED), [expected])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (DENIED, "do not allow ListStackResources"),
        (listed(), "does not list the alarms"),
        ({}, "lacks the field 'StackResourceSummaries'"),
    ],
)
def test_watchers_that_cannot_be_listed(found: Any, answer: Answer, expected: str) -> None:
    replies = {"ListStackResources": answer}
    agrees(found("watchers", replies, outputs=MONITORED), [("not checked", expected)])


RUN = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task/arena/0f"


def stopped(**container: Any) -> Answer:
    """A run that has stopped."""
    worker = {"name": "worker", **container}
    return {"tasks": [{"taskArn": RUN, "lastStatus": "STOPPED", "containers": [worker]}]}


def last_line(**fields: str) -> list[Answer]:
    page = {"events": [{"message": json.dumps(fields)}], "nextForwardToken": "1"}
    return [page, {"events": [], "nextForwardToken": "1"}]


@pytest.mark.parametrize(
    ("replies", "state", "message"),
    [
        ({}, "ok", "the database lets the worker in, and grants what it needs"),
        (
            {
                "DescribeTasks": stopped(exitCode=4),
                "GetLogEvents": last_line(event="check_failed", error="no\x1b[31m role"),
            },
            "problem",
            "the run 0f of the worker's check failed with 4; no\\x1b[31m role",
        ),
        (
            {"DescribeTasks": stopped(reason="CannotPullContainerError: manifest unknown")},
            "problem",
            "never started; CannotPullContainerError: manifest unknown",
        ),
        (
            {"RunTask": {"tasks": [], "failures": [{"reason": "MISSING"}]}},
            "not checked",
            "ECS refused the run: MISSING",
        ),
        ({"RunTask": "ClusterNotFoundException: x"}, "not checked", "the cluster does not exist"),
        ({"RunTask": DENIED}, "not checked", "do not allow"),
        ({"RunTask": PAGE}, "not checked", "AWS's answer lacks the field 'tasks'"),
        ({"DescribeTasks": DENIED}, "not checked", "do not allow"),
        ({"ListTargetsByRule": {}}, "not checked", "the rule Nightly starts no ECS task"),
    ],
)
def test_the_login(found: Any, replies: dict[str, Answer], state: str, message: str) -> None:
    ecs = {"TaskDefinitionArn": DEFINITION}
    log = {**LOG, "options": {"awslogs-stream-prefix": "a"}}
    worker = {"name": "worker", "logConfiguration": log}
    sound = {
        "DescribeRule": {"Arn": "arn:x", "State": "ENABLED"},
        "ListTargetsByRule": {"Targets": [{"Id": "1", "Arn": CLUSTER, "EcsParameters": ecs}]},
        "DescribeTaskDefinition": {"taskDefinition": {"containerDefinitions": [worker]}},
        "RunTask": {"tasks": [{"taskArn": RUN}]},
        "DescribeTasks": stopped(exitCode=0),
        "GetLogEvents": last_line(event="check_finished"),
    }
    agrees(found("login", {**sound, **replies}, connects=True), [(state, message)])


def test_the_login_is_not_tried_unless_asked_for(found: Any) -> None:
    agrees(found("login", {}), [("not checked", "--connect tries it")])
