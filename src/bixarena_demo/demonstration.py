"""The demo: synthesise, deploy, fire the schedule, run the worker, read the rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bixarena_constructs.deployment import Output
from bixarena_demo.boards import published_boards
from bixarena_demo.stage import open_stage
from bixarena_demo.votes import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bixarena_demo.boards import PublishedBoard
    from local_aws import LocalAws

__all__ = ["Demonstration", "DemonstrationError", "demonstrate"]

_SEED: Final = 2026


class DemonstrationError(Exception):
    """The deployed task did not publish its snapshot."""


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """The result of a demonstration.

    Attributes:
        outputs: The stack's outputs, by name without the construct's path and hash.
        template: The stack's template, as it was deployed.
        log: The worker's log, a JSON object a line.
        boards: The published leaderboards, read back from the database.
        truth: Strength of each model that the votes were drawn from, on the Elo scale.
    """

    outputs: dict[str, str]
    template: str
    log: list[str]
    boards: list[PublishedBoard]
    truth: dict[str, float]


def demonstrate(
    app_folder: Path,
    *,
    data_folder: Path,
    report: Callable[[str], None],
    worker_password: str | None = None,
) -> Demonstration:
    """Run the scheduled snapshot of an app on this machine.

    Args:
        app_folder: The app, ``examples/minimal`` or one with the same context and stack.
        data_folder: Where the database's files are kept afterwards; what an earlier
            demonstration left there is replaced.
        report: Called with each step before it starts.
        worker_password: Password of the worker's role in the database. Default: - a random one.

    Raises:
        DemonstrationError: The task did not end with exit code 0.
        CdkError: The app could not be synthesised or deployed.
    """
    simulation = simulate(seed=_SEED)
    with open_stage(
        app_folder,
        data_folder=data_folder,
        report=report,
        simulation=simulation,
        worker_password=worker_password,
    ) as stage:
        outputs = dict(stage.task.outputs)
        client = stage.aws.session.client("cloudformation")
        template = json.dumps(client.get_template(StackName=stage.stack)["TemplateBody"])
        log = _run_schedule(stage.aws, outputs, report)
        with stage.owner.connect() as connection:
            boards = published_boards(connection)
    truth = {model.slug: model.strength for model in simulation.models}
    return Demonstration(outputs=outputs, template=template, log=log, boards=boards, truth=truth)


def _run_schedule(
    aws: LocalAws, outputs: dict[str, str], report: Callable[[str], None]
) -> list[str]:
    scheduled_at = _last_ten_o_clock(datetime.now(UTC))
    report(f"firing the schedule for {scheduled_at:%Y-%m-%d %H:%M} UTC; the worker runs")
    (task_arn,) = aws.fire(outputs[Output.RULE_NAME], scheduled_at=scheduled_at)
    task = aws.wait_for_task(outputs[Output.CLUSTER_ARN], task_arn, timeout_seconds=120)
    log = _log_of(aws, outputs, task_arn)
    (container,) = (
        one for one in task["containers"] if one.get("name") == outputs[Output.CONTAINER_NAME]
    )
    if container.get("exitCode") != 0:
        raise DemonstrationError(
            f"the task ended with exit code {container.get('exitCode')}: "
            f"{task.get('stoppedReason')}\n" + "\n".join(log)
        )
    return log


def _last_ten_o_clock(now: datetime) -> datetime:
    today = now.replace(hour=10, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _log_of(aws: LocalAws, outputs: dict[str, str], task_arn: str) -> list[str]:
    task_id = task_arn.rpartition("/")[2]
    pages = (
        aws.session.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=outputs[Output.LOG_GROUP_NAME])
    )
    return [
        event["message"]
        for page in pages
        for event in page["events"]
        if event["logStreamName"].endswith(task_id)
    ]
