from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.local_aws.conftest import Deployed, Template

    from local_aws import LocalAws

    Deploy = Callable[[Template], Deployed]

# Ends once another process has, whose id comes in a file.
_OUTLASTS = """
import os, pathlib, sys, time
file = pathlib.Path(sys.argv[1])
while not file.exists() or not file.read_text():
    time.sleep(0.02)
try:
    while True:
        os.kill(int(file.read_text()), 0)
        time.sleep(0.02)
except ProcessLookupError:
    print("done")
"""
_FAILS = """
import os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
sys.exit(5)
"""
_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def _python(program: str, *arguments: str) -> list[str]:
    return ["python", "-c", program, *arguments]


def test_gives_the_container_its_variables_its_secret_the_rules_override_and_nothing_else(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["Command"] = _python(_ENVIRONMENT)
    stack = deploy(template)
    task = stack.run()
    environment = json.loads(stack.lines()[0])
    assert environment["GREETING"] == "42"
    assert environment["PASSWORD"] == "open sesame"
    assert environment["SCHEDULED_AT"] == "2026-03-01T12:00:00Z"
    assert set(environment) - {"LC_CTYPE"} == {
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "ECS_CONTAINER_METADATA_URI_V4",
        "GREETING",
        "HOME",
        "LANG",
        "PASSWORD",
        "PATH",
        "SCHEDULED_AT",
        "TMPDIR",
    }
    assert "JSII_NODE" in os.environ  # the caller's, which would be among them if it leaked
    assert task["startedBy"].startswith("events-rule/stack-")


def test_reports_the_exit_code_and_the_lines_of_both_streams(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    container["Command"] = _python(
        "import sys; print('out', flush=True); print('', flush=True);"
        "print('err', file=sys.stderr, flush=True); sys.exit(3)"
    )
    stack = deploy(template)
    task = stack.run()
    assert [each["exitCode"] for each in task["containers"]] == [3]
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert stack.lines() == ["out", "err"]
    streams = aws.session.client("logs").describe_log_streams(
        logGroupName=stack.outputs["LogGroupName"]
    )["logStreams"]
    task_id = task["taskArn"].rpartition("/")[2]
    assert [each["logStreamName"] for each in streams] == [f"snapshot/worker/{task_id}"]


def test_runs_the_images_own_entry_point_where_the_definition_has_none(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["Image"] = "ghcr.io/example/speaker:1.0.0"
    container["Command"] = ["by", "a", "command"]
    stack = deploy(template)
    assert stack.run()["containers"][0]["exitCode"] == 0
    assert stack.lines() == ["spoken by a command"]


def test_puts_the_command_behind_the_entry_point(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["EntryPoint"] = ["python", "-c", "import sys; print(sys.argv[1:])"]
    container["Command"] = ["rank", "--all"]
    stack = deploy(template)
    stack.run()
    assert stack.lines() == ["['rank', '--all']"]


def test_stops_a_task_whose_image_is_not_there(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["Image"] = "ghcr.io/example/other:1.0.0"
    task = deploy(template).run()
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "ghcr.io/example/other:1.0.0" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]
    assert "startedAt" not in task


def test_stops_a_task_whose_program_is_not_there(
    deploy: Deploy, template: Template, container: Template
) -> None:
    container["EntryPoint"] = ["no-such-program"]
    task = deploy(template).run()
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotStartContainerError: ")
    assert "no-such-program" in task["stoppedReason"]


@pytest.mark.parametrize(
    ("value_from", "cause"),
    [
        ("${Secret}-gone", "is not authorized to perform: secretsmanager:GetSecretValue"),
        ("${Secret}:passphrase::", "did not contain json key passphrase"),
        ("${Secret}:password:AWSPREVIOUS:", "can't find the specified secret"),
    ],
)
def test_stops_a_task_whose_secret_is_not_there(
    deploy: Deploy, template: Template, container: Template, value_from: str, cause: str
) -> None:
    container["Secrets"] = [{"Name": "PASSWORD", "ValueFrom": {"Fn::Sub": value_from}}]
    task = deploy(template).run()
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: "
    )
    assert cause in task["stoppedReason"]
    assert "open sesame" not in task["stoppedReason"]


def test_wants_the_whole_arn_of_a_secret(
    deploy: Deploy, template: Template, container: Template
) -> None:
    stack = deploy(template)
    partial = stack.outputs["Secret"].rpartition("-")[0]
    role = template["Resources"]["ExecutionRole"]["Properties"]["Policies"][0]
    role["PolicyDocument"]["Statement"][0]["Resource"] = "*"
    container["Secrets"][0]["ValueFrom"] = partial
    stack.update(template)
    assert "can't find the specified secret" in stack.run()["stoppedReason"]


def test_gives_a_whole_secret_its_previous_version_and_a_secure_parameter(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    aws.session.client("ssm").put_parameter(
        Name="/worker/token", Value="a token", Type="SecureString"
    )
    container["Command"] = _python(_ENVIRONMENT)
    container["Secrets"] = [
        {"Name": "WHOLE", "ValueFrom": {"Ref": "Secret"}},
        {"Name": "PREVIOUS", "ValueFrom": {"Fn::Sub": "${Secret}:password:AWSPREVIOUS:"}},
        {"Name": "TOKEN", "ValueFrom": "/worker/token"},
    ]
    policy = template["Resources"]["ExecutionRole"]["Properties"]["Policies"][0]
    policy["PolicyDocument"]["Statement"].append(
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameters",
            "Resource": {
                "Fn::Sub": "arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/worker/token"
            },
        }
    )
    stack = deploy(template)
    aws.session.client("secretsmanager").put_secret_value(
        SecretId=stack.outputs["Secret"], SecretString="changed"
    )
    stack.run()
    environment = json.loads(stack.lines()[0])
    assert environment["WHOLE"] == "changed"
    assert environment["PREVIOUS"] == "open sesame"
    assert environment["TOKEN"] == "a token"


def _without(statement: int) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        policy = template["Resources"]["ExecutionRole"]["Properties"]["Policies"][0]
        del policy["PolicyDocument"]["Statement"][statement]

    return change


@pytest.mark.parametrize(
    ("change", "action"),
    [
        (_without(0), "secretsmanager:GetSecretValue"),
        (_without(1), "logs:CreateLogStream"),
    ],
)
def test_stops_a_task_whose_execution_role_may_not_fetch_what_it_needs(
    deploy: Deploy, template: Template, change: Callable[[Template], None], action: str
) -> None:
    change(template)
    task = deploy(template).run()
    assert task["stopCode"] == "TaskFailedToStart"
    assert f"is not authorized to perform: {action} on resource: arn:" in task["stoppedReason"]


@pytest.mark.parametrize(
    ("role_may", "key_lets_in", "starts"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_needs_the_role_and_the_key_for_a_secret_under_a_key_of_its_own(
    deploy: Deploy, template: Template, *, role_may: bool, key_lets_in: bool, starts: bool
) -> None:
    account = "arn:aws:iam::${AWS::AccountId}:root" if key_lets_in else "arn:aws:iam::1:root"
    lets_in = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": account}},
        "Action": "kms:*",
        "Resource": "*",
    }
    template["Resources"]["Key"] = {
        "Type": "AWS::KMS::Key",
        "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [lets_in]}},
    }
    template["Resources"]["Secret"]["Properties"]["KmsKeyId"] = {"Ref": "Key"}
    if role_may:
        policy = template["Resources"]["ExecutionRole"]["Properties"]["Policies"][0]
        policy["PolicyDocument"]["Statement"].append(
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": {"Fn::GetAtt": ["Key", "Arn"]},
                "Condition": {
                    "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
                },
            }
        )
    task = deploy(template).run()
    assert ("startedAt" in task) is starts
    assert ("kms:Decrypt" in task["stoppedReason"]) is not starts


def test_stops_a_task_whose_log_group_is_not_there(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    stack = deploy(template)
    aws.session.client("logs").delete_log_group(logGroupName=stack.outputs["LogGroupName"])
    task = stack.run()
    assert "failed to create Cloudwatch log stream" in task["stoppedReason"]


def test_stops_a_container_as_it_asks_to_be_and_reports_its_exit_code(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    container["Command"] = _python(
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7));"
        "print('ready', flush=True); time.sleep(600)"
    )
    stack, ecs = deploy(template), aws.session.client("ecs")
    [task_arn] = stack.fire()
    _wait_for_line(stack, "ready")
    answer = ecs.stop_task(cluster=stack.cluster, task=task_arn, reason="lunch")["task"]
    assert answer["desiredStatus"] == "STOPPED"
    task = aws.wait_for_task(stack.cluster, task_arn)
    assert task["containers"][0]["exitCode"] == 7
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "lunch")
    assert ecs.stop_task(cluster=stack.cluster, task=task_arn)["task"]["stoppedReason"] == "lunch"


def test_stops_a_task_that_has_hardly_begun(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    container["Command"] = _python("import time; time.sleep(600)")
    stack, ecs = deploy(template), aws.session.client("ecs")
    [task_arn] = stack.fire()
    ecs.stop_task(cluster=stack.cluster, task=task_arn, reason="at once")
    task = aws.wait_for_task(stack.cluster, task_arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "at once")


def test_kills_a_container_that_does_not_stop_in_time(
    deploy: Deploy, template: Template, container: Template, aws: LocalAws
) -> None:
    container["Command"] = _python(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('ready', flush=True); time.sleep(600)"
    )
    stack = deploy(template)
    [task_arn] = stack.fire()
    _wait_for_line(stack, "ready")
    aws.session.client("ecs").stop_task(cluster=stack.cluster, task=task_arn)
    task = aws.wait_for_task(stack.cluster, task_arn)
    assert task["containers"][0]["exitCode"] == 137


def test_ends_a_task_with_its_essential_container_only(
    deploy: Deploy, template: Template, container: Template, tmp_path: Path
) -> None:
    id_of_short = str(tmp_path / "short")
    container["Command"] = _python(_OUTLASTS, id_of_short)
    definitions = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    sidecar = {"Image": container["Image"], "Essential": False, "StopTimeout": 1}
    definitions.extend(
        [
            {**sidecar, "Name": "short", "Command": _python(_FAILS, id_of_short)},
            {**sidecar, "Name": "long", "Command": _python("import time; time.sleep(600)")},
        ]
    )
    stack = deploy(template)
    exit_codes = {each["name"]: each["exitCode"] for each in stack.run()["containers"]}
    assert exit_codes == {"worker": 0, "short": 5, "long": 143}
    assert stack.lines() == ["done"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
        ({"taskDefinition": "nothing"}, "ClientException"),
        ({"networkConfiguration": {}}, "InvalidParameterException"),
        (
            {"overrides": {"containerOverrides": [{"name": "other", "command": ["true"]}]}},
            "InvalidParameterException",
        ),
    ],
)
def test_refuses_what_run_task_refuses(
    deploy: Deploy, template: Template, aws: LocalAws, changes: dict[str, Any], code: str
) -> None:
    stack = deploy(template)
    request: dict[str, Any] = {
        "cluster": stack.cluster,
        "taskDefinition": stack.outputs["TaskDefinition"],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        **changes,
    }
    with pytest.raises(ClientError) as caught:
        aws.session.client("ecs").run_task(**request)
    assert caught.value.response["Error"]["Code"] == code


def test_refuses_to_run_an_inactive_revision(
    deploy: Deploy, template: Template, aws: LocalAws
) -> None:
    stack, ecs = deploy(template), aws.session.client("ecs")
    ecs.deregister_task_definition(taskDefinition=stack.outputs["TaskDefinition"])
    with pytest.raises(ClientError, match="TaskDefinition is inactive"):
        ecs.run_task(cluster=stack.cluster, taskDefinition=stack.outputs["TaskDefinition"])


def _wait_for_line(stack: Deployed, line: str) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if line in stack.lines():
            return
        time.sleep(0.05)
    pytest.fail(f"{line!r} was never written")
