"""Each command does its work with the actions that docs/cli.md lists for it, and needs them."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.testing import Result

    from conftest import Arena, Bixarena  # type: ignore[import-not-found] # pytest's, no package

    As = Callable[..., Result]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("arena")]

STACK = "BixarenaSnapshot"
REFUSED = "do not allow"
ARGUMENTS = {
    "run": ("--dry-run", "--leaderboard", "overall"),
    "doctor": ("--database-security-group", "sg-0"),
    "publish": ("snapshot_2026-03-06_10-00-00",),
    "unpublish": ("snapshot_2026-03-06_10-00-00",),
}
# What a command ends with when it has all that it needs: there are no such snapshots, and no such
# group.
ENDS = {"doctor": 78, "publish": 2, "unpublish": 2}
# Asked only in some states of an account: the key of a customer's, a parameter, a host that has
# an address in the VPC, Runtime Monitoring, a disabled rule, a dead letter, a run to be stopped.
SELDOM = {
    "cloudformation:DescribeStackResources",
    "cloudformation:GetTemplate",
    "ec2:DescribeNetworkInterfaces",
    "ecs:StopTask",
    "guardduty:GetDetector",
    "guardduty:ListDetectors",
    "kms:DescribeKey",
    "sqs:ReceiveMessage",
    "ssm:GetParameter",
}
PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
# Commands, the actions that they need, and in brackets those that they can do without.
ROWS = re.findall(
    r"^\| ((?:`[\w ]+`,? ?)+) \| (`\w+:[^;\n]*)(?:; \[(.*)\])? \|$", PAGE, re.MULTILINE
)
NEEDED, OPTIONAL = (
    {
        command: re.findall(r"`(\w+:\w+)`", row[column])
        for row in ROWS
        for command in re.findall(r"`([\w ]+)`", row[0])
    }
    for column in (1, 2)
)
_numbers = count()


@pytest.fixture(scope="module")
def roles(arena: Arena) -> Callable[[set[str]], dict[str, str]]:
    """Makes credentials that allow some actions and no others."""

    def make(actions: set[str]) -> dict[str, str]:
        client = arena.aws.session.client
        name = f"operator-{next(_numbers)}"
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        allowed = {
            "Effect": "Allow",
            "Action": sorted({"sts:GetCallerIdentity", *actions}),
            "Resource": "*",
        }
        role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        client("iam").put_role_policy(
            RoleName=name, PolicyName="Own", PolicyDocument=document(allowed)
        )
        arn = role["Role"]["Arn"]
        found = client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    return make


@pytest.fixture(scope="module")
def used_arena(arena: Arena) -> Arena:
    """The same after a run, whose log and state there are to read."""
    ran = arena.bixarena("run", STACK)
    assert ran.returncode == 0, ran.stderr
    return arena


@pytest.fixture
def ask(
    used_arena: Arena,
    bixarena: Bixarena,
    roles: Callable[[set[str]], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> As:
    """Runs a command in this process with some actions allowed."""

    def run(command: str, actions: set[str]) -> Result:
        for name, value in {**used_arena.environment(), **roles(actions)}.items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        done: Result = bixarena(*command.split(), STACK, *ARGUMENTS.get(command, ()))
        return done

    return run


def document(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize("command", [command for command in NEEDED if command != "stop"])
def test_does_all_of_its_work_with_what_is_listed(ask: As, command: str) -> None:
    done = ask(command, {*NEEDED[command], *OPTIONAL[command]})
    assert done.exit_code == ENDS.get(command, 0), done.output
    assert REFUSED not in done.output


def test_stops_a_run_with_what_is_listed_and_nothing_less(arena: Arena, ask: As) -> None:
    with arena.database.owner.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE api.battle")
        run_id = arena.bixarena("run", STACK, "--no-follow", "--dry-run").stdout.strip()
        for action in NEEDED["stop"]:
            refused = ask("stop", set(NEEDED["stop"]) - {action})
            assert f"{REFUSED} {action}" in refused.output
        done = ask("stop", set(NEEDED["stop"]))
    assert done.exit_code == 0, done.output
    assert done.stdout == f"stopped {run_id}: failed with 143\n"


def test_publish_needs_what_run_needs() -> None:
    assert NEEDED["publish"] == NEEDED["unpublish"] == NEEDED["run"]


@pytest.mark.parametrize(
    ("command", "action"),
    [
        (command, action)
        for command in ("run", "status", "logs", "doctor", "alert test")
        for action in NEEDED[command]
    ],
)
def test_needs_each_action(ask: As, command: str, action: str) -> None:
    done = ask(command, set(NEEDED[command]) - {action})
    assert f"{REFUSED} {action}" in done.output or action == "iam:PassRole"
    assert done.exit_code in {69, 76, 77} or (
        # Such a run is watched without its log.
        action == "logs:GetLogEvents" and "the log cannot be shown" in done.output
    )


@pytest.mark.parametrize("command", ["status", "logs", "doctor"])
def test_leaves_out_what_it_may_not_read(ask: As, command: str) -> None:
    done = ask(command, set(NEEDED[command]))
    assert done.exit_code == 0, done.output
    shown = [action for action in OPTIONAL[command] if action in done.output]
    assert command == "logs" or shown


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_names_each_action_that_is_left_out(ask: As, command: str) -> None:
    silent = [
        action
        for action in OPTIONAL[command]
        if action not in SELDOM
        and action not in ask(command, {*NEEDED[command], *OPTIONAL[command]} - {action}).output
    ]
    assert silent == []
