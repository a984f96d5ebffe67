"""Watch on a real account what no stand-in shows, and print it as a table: ``make aws-check``.

It deploys one stack, breaks it, waits for its alerts, and destroys it, whatever happened.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from bixarena_constructs.cli.deployed.stack import open_session
from bixarena_constructs.deployment import Metric, metric_namespace
from bixarena_demo.breaks.schedule import events_role_stripped
from bixarena_demo.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3

__all__ = ["main"]

STACK: Final = "BixarenaAwsCheck"
APP: Final = f"{sys.executable} {Path(__file__).with_name('app.py')}"
QUESTION: Final = """\
This deploys the stack {stack} to account {account} in {region} for about an hour, and destroys it:
a VPC, three short runs on Fargate, a key, six alarms. It costs less than 10 cents. If it were left
there, it would cost about 2 dollars a month.
Go on? [y/N] """
# By parts of the alarms' names.
ALARMS: Final = {
    "FailedInvocations, of a rule that may not start its task": "FailedInvocations",
    "DeadLetters, of the event of that start": "DeliveryDeadLetters",
    "WatchHang, of a run beyond its deadline": "WatchHang",
    "MissedRun, of a time without an outcome": "MissedRun",
}


class Check:
    """One deployment, and what was seen of it.

    Args:
        session: Of the account.
        patience_seconds: How long to wait for what should be seen.
        pause_seconds: How long between two looks.
    """

    def __init__(
        self, session: boto3.Session, *, patience_seconds: float, pause_seconds: float
    ) -> None:
        self.session = session
        self.patience_seconds = patience_seconds
        self.pause_seconds = pause_seconds
        self.rows: list[tuple[str, str]] = []
        self.alerts: list[str] = []
        self.has_all = True

    def play(self, inbox: str) -> None:
        """Use the deployment, break it, and watch what is reported."""
        doctor = json.loads(self.bixarena("doctor", "--format", "json").stdout)
        problems = [each["message"] for each in doctor if each["state"] == "problem"]
        self.add("`doctor`", "; ".join(problems) or "no problem", is_seen=not problems)
        tested = self.bixarena("alert test")
        self.add("`alert test`", tested.stdout.splitlines()[-1], is_seen=tested.returncode == 0)
        good = self.bixarena("run", "--set-other", "MODE=good")
        self.add("`run`", f"exit code {good.returncode}", is_seen=good.returncode == 0)
        agent = next(each["message"] for each in doctor if each["check"] == "guardduty")
        self.add("GuardDuty's agent", f"{agent}; in the run: {self.agent_of(good.stderr)}")
        self.watch({"the metric filter": self.outcome})
        self.bixarena("run", "--set-other", "MODE=fail")
        self.watch({"the alert of a failed run": lambda: self.alert(inbox)})
        self.bixarena("run", "--no-follow", "--set-other", "MODE=hang")
        task: Any = SimpleNamespace(session=self.session)
        next(events_role_stripped(Stage(aws=task, stack=STACK, owner=task)))
        self.watch(
            {
                f"the alarm {what}": lambda part=part: self.alarm(part)
                for what, part in ALARMS.items()
            }
            | {"the reason of the dead letter": self.dead_letter}
        )

    def bixarena(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Use the command line."""
        report(f"bixarena {command} {' '.join(options)}")
        program = Path(sys.executable).with_name("bixarena")
        return subprocess.run(
            [program, *command.split(), STACK, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def add(self, what: str, seen: str, *, is_seen: bool = True) -> None:
        """Add a row to the table."""
        report(f"{what}: {seen}")
        self.rows.append((what, seen))
        self.has_all &= is_seen

    def watch(self, looks: Mapping[str, Callable[[], str | None]]) -> None:
        """Look until everything has been seen, or the patience is at its end."""
        started, left = time.monotonic(), dict(looks)
        while left:
            report(f"waiting for {', '.join(left)}")
            for what, look in list(left.items()):
                if seen := look():
                    self.add(what, f"{seen}, after {time.monotonic() - started:.0f} s")
                    del left[what]
            if time.monotonic() > started + self.patience_seconds:
                break
            time.sleep(self.pause_seconds)
        for what in left:
            self.add(what, f"not seen within {self.patience_seconds:.0f} s", is_seen=False)

    def status(self) -> dict[str, Any]:
        """Return what `bixarena status` knows."""
        return dict(json.loads(self.bixarena("status", "--format", "json").stdout))

    def alarm(self, part: str) -> str | None:
        """Return the state of an alarm that is on."""
        alarms = (self.status()["alarms"] or {}).items()
        return next((state for name, state in alarms if part in name and state == "ALARM"), None)

    def dead_letter(self) -> str | None:
        """Return why an event could not be delivered."""
        letters = (self.status()["dead_letters"] or {"letters": ()})["letters"]
        return next((each["why"] for each in letters), None)

    def outcome(self) -> str | None:
        """Return the value of the metric of outcomes, if the run was counted."""
        now, namespace = datetime.now(UTC), metric_namespace(STACK, "Task")
        points = self.session.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=Metric.OUTCOMES,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Maximum"],
        )["Datapoints"]
        value = max((each["Maximum"] for each in points), default=0)
        return f"{value:.0f} in {Metric.OUTCOMES} of {namespace}" if value else None

    def alert(self, inbox: str) -> str | None:
        """Take what arrived; return the first line of a failed run's alert."""
        sqs = self.session.client("sqs")
        for each in sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get(
            "Messages", ()
        ):
            self.alerts.append(json.loads(each["Body"])["Message"])
            sqs.delete_message(QueueUrl=inbox, ReceiptHandle=each["ReceiptHandle"])
        return next((each.splitlines()[0] for each in self.alerts if "exit code 4" in each), None)

    def agent_of(self, said: str) -> str:
        """Return how GuardDuty's agent did in the run that a command started."""
        ecs = self.session.client("ecs")
        started = (line.split()[1] for line in said.splitlines() if line.startswith("started "))
        run_id = next(started, None)
        if run_id is None:
            return "no run"
        (cluster,) = self.clusters()
        (task,) = ecs.describe_tasks(cluster=cluster, tasks=[run_id])["tasks"]
        agents = [each for each in task["containers"] if "guardduty" in each["name"]]
        return (
            ", ".join(f"{each['lastStatus']} {each.get('reason', '')}" for each in agents)
            or "none"
        )

    def clusters(self) -> list[str]:
        """Return the stack's cluster."""
        resources = self.session.client("cloudformation").describe_stack_resources(StackName=STACK)
        return [
            each["PhysicalResourceId"]
            for each in resources["StackResources"]
            if each["ResourceType"] == "AWS::ECS::Cluster" and "PhysicalResourceId" in each
        ]

    def stop_runs(self) -> None:
        """Stop every run, as a cluster with one cannot be deleted."""
        ecs = self.session.client("ecs")
        for cluster in self.clusters():
            for arn in ecs.list_tasks(cluster=cluster)["taskArns"]:
                ecs.stop_task(cluster=cluster, task=arn, reason="aws-check is over")


def main(arguments: list[str] | None = None) -> int:
    """Run the check and return the exit code: 0 if everything was seen and nothing is left."""
    parser = argparse.ArgumentParser(prog="make aws-check", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--patience", type=float, default=2700, metavar="SECONDS")
    parser.add_argument("--pause", type=float, default=20, metavar="SECONDS")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    session = open_session(profile=None, region=None)
    account = session.client("sts").get_caller_identity()["Account"]
    if status_of_stack(session):
        report(f"the stack {STACK} exists already; {how_to_delete()}")
        return 1
    question = QUESTION.format(stack=STACK, account=account, region=session.region_name)
    if not options.yes and input(question).strip().lower() not in ("y", "yes"):
        return 1
    check = Check(session, patience_seconds=options.patience, pause_seconds=options.pause)
    try:
        with TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs.json"
            cdk("deploy", "--require-approval=never", "--outputs-file", str(outputs))
            check.play(json.loads(outputs.read_text())[STACK]["InboxUrl"])
    finally:
        is_gone = destroy(check)
        sys.stdout.write(table(check))
    return 0 if check.has_all and is_gone else 1


def destroy(check: Check) -> bool:
    """Destroy the stack, and say what is left if that failed."""
    if status_of_stack(check.session) is None:
        return True
    try:
        check.stop_runs()
        cdk("destroy", "--force")
    except BaseException as error:  # noqa: BLE001 - also a second Ctrl-C
        report(f"the stack was not destroyed: {error!r}")
    status = status_of_stack(check.session)
    if status:
        report(f"LEFT and billed: the stack {STACK}, {status}; {how_to_delete()}")
    return status is None


def cdk(command: str, *options: str) -> None:
    """Run the CDK command line."""
    report(f"cdk {command}")
    # Not in this folder, where it would write.
    with TemporaryDirectory() as folder:
        words = ["cdk", command, "--app", APP, "--output", folder, "--no-notices", *options]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def status_of_stack(session: boto3.Session) -> str | None:
    """Return the status of the stack; None if there is none."""
    try:
        found = session.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    status: str = found[0]["StackStatus"]
    return None if status == "DELETE_COMPLETE" else status


def how_to_delete() -> str:
    """Return how to delete what is left."""
    return f"stop its runs, then: aws cloudformation delete-stack --stack-name {STACK}"


def table(check: Check) -> str:
    """Return what was seen as Markdown, with the texts of the alerts."""
    rows = "".join(f"| {what} | {seen.replace('|', '&#124;')} |\n" for what, seen in check.rows)
    texts = "".join(f"\n```text\n{each}\n```\n" for each in check.alerts if each[:1] != "{")
    return f"| What | Seen |\n|---|---|\n{rows}{texts}"


def report(step: str) -> None:
    """Write a step to standard error."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {step}\n")


if __name__ == "__main__":
    sys.exit(main())
