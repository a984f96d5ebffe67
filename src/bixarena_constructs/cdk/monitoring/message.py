"""The alert of a failed run, in words."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Final

from bixarena_constructs.cdk.monitoring.state_machine import MachinePart, call
from bixarena_constructs.cdk.run_events import NEVER_STARTED
from bixarena_constructs.cdk.tokens import read
from bixarena_constructs.worker.contract import Field, Variable

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from bixarena_constructs.cdk.monitoring.failure_causes import FailureCause
    from bixarena_constructs.cdk.monitoring.state_machine import Statement
    from bixarena_constructs.cdk.monitoring.watched_task import WatchedTask

__all__ = ["TROUBLESHOOTING", "alert_input", "alert_part"]

TROUBLESHOOTING: Final = (
    "https://github.com/Sage-Bionetworks/bixarena-constructs/blob/main/docs/troubleshooting.md"
)
"""The page that explains what an alert names."""

_LONGEST_SUBJECT: Final = 100  # of SNS, which takes ASCII only
_LONGEST_ERROR: Final = 1000
# The error of the worker's last line that has one; of another worker, its last line.
_ERROR: Final = rf"""{{% (
    $lines := $states.result.Events.Message;
    $own := $lines[$contains($, /^\{{.*"{Field.ERROR}":/)][-1];
    $error := $exists($own) ? $string($parse($own).{Field.ERROR}) : $lines[-1];
    $exists($error) ? 'The worker says: ' & $substring($error, 0, {_LONGEST_ERROR}) : ''
) %}}"""
_RUN_ID: Final = "$split($states.context.Execution.Input.detail.taskArn, '/')[-1]"
# An alert does not wait for the log of a run that has none.
_BRIEF_RETRY: Final = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]


def alert_input(cause: FailureCause, *, name: str) -> dict[str, object]:
    """Return what a rule passes to the machine next to the detail of its event.

    Args:
        cause: Why a run failed.
        name: Name of the task.
    """
    failure = f"{name}: a run failed: {cause.meaning}"
    ascii_only = failure.encode("ascii", "replace").decode()
    return {
        "subject": textwrap.shorten(ascii_only, _LONGEST_SUBJECT, placeholder=" ..."),
        "failure": f"{failure}.",
        "isTransient": cause.is_transient,
    }


def alert_part(
    task: WatchedTask, *, topic: sns.ITopic, started_by: str, retried_in: str | None
) -> MachinePart:
    """Return what the machine does when a run has failed: it reads the log and sends an alert.

    Args:
        task: The task.
        topic: Where alerts go.
        started_by: What ``startedBy`` of scheduled runs begins with.
        retried_in: After what time such a run is started again; None for never.
    """
    log_group_name = read(task.log_group, "log_group_name")
    topic_arn = read(topic, "topic_arn")
    log = {
        "LogGroupName": log_group_name,
        "LogStreamName": f"{{% {_text(task.log_stream_prefix)} & {_RUN_ID} %}}",
        "Limit": 100,
    }
    message = {
        "TopicArn": topic_arn,
        "Subject": "{% $states.context.Execution.Input.subject %}",
        "Message": _message(task, started_by=started_by, retried_in=retried_in),
    }
    no_log = {"ErrorEquals": ["States.ALL"], "Output": {"Error": ""}, "Next": "SendAlert"}
    return MachinePart(
        condition="$exists($states.input.failure)",
        states={
            "ReadLog": call(
                "cloudwatchlogs",
                "getLogEvents",
                log,
                Retry=_BRIEF_RETRY,
                Catch=[no_log],
                Output={"Error": _ERROR},
                Next="SendAlert",
            ),
            "SendAlert": call("sns", "publish", message, End=True),
        },
        statements=_statements(
            log_group_arn=read(task.log_group, "log_group_arn"),
            topic_arn=topic_arn,
            region=task.launch.region,
        ),
    )


def _message(task: WatchedTask, *, started_by: str, retried_in: str | None) -> str:
    """Return an expression of an alert's text; a line without a value is left out.

    Args:
        task: The task.
        started_by: What ``startedBy`` of scheduled runs begins with.
        retried_in: After what time such a run is started again; None for never.
    """
    lines = [
        "$input.failure",
        "$states.input.Error",
        "'Stopped reason: ' & $run.stoppedReason",
        *_retry_lines(started_by=started_by, retried_in=retried_in),
        r"""'\nRun: ' & $id & ($exists($at) ? ', scheduled for ' & $at) & ', started by ' &
        $run.startedBy & ', stopped at ' & $run.stoppedAt""",
        *_log_lines(task),
        *_command_lines(task),
        _text(f"\nCauses and what to do: {TROUBLESHOOTING}"),
    ]
    return f"""{{% (
    $input := $states.context.Execution.Input;
    $run := $input.detail;
    $id := {_RUN_ID};
    $at := $run.overrides.containerOverrides[name = '{task.runs.container_name}']
        .environment[name = '{Variable.SCHEDULED_AT}'].value[$contains($, /^[0-9TZ:.+-]+$/)][0];
    $join([{", ".join(lines)}][$ != ''], '\\n')
) %}}"""


def _retry_lines(*, started_by: str, retried_in: str | None) -> list[str]:
    if retried_in is None:
        return []
    is_scheduled = f"$substring($run.startedBy, 0, {len(started_by)}) = '{started_by}'"
    text = _text(f"It is started again in {retried_in}; another alert follows if that run fails.")
    return [f"$input.isTransient and {is_scheduled} ? {text}"]


def _log_lines(task: WatchedTask) -> list[str]:
    log_group_name = read(task.log_group, "log_group_name")
    tail = f"aws logs tail {log_group_name} --region {task.launch.region} --since 1w"
    commands = [f"{tail} --log-stream-names {task.log_stream_prefix}"]
    if task.cli_arguments is not None:
        commands.insert(0, f"bixarena logs {task.cli_arguments} --run ")
    return [
        f"$run.stopCode != '{NEVER_STARTED}' ? {_text(prefix + command)} & $id"
        for prefix, command in zip(("Its log: ", "Or: "), commands, strict=False)
    ]


def _command_lines(task: WatchedTask) -> list[str]:
    variable = f"{{'name': '{Variable.SCHEDULED_AT}', 'value': $at}}"
    container = f"{{'name': '{task.launch.container_name}', 'environment': [{variable}]}}"
    overrides = f"$string({{'containerOverrides': [{container}]}})"
    of_aws = f"""{_text(task.launch.plain_command)} &
        ($exists($at) ? " --overrides '" & {overrides} & "'")"""
    if task.cli_arguments is None:
        return [f"'Run it again: ' & {of_aws}"]
    command = _text(f"Run it again: bixarena run {task.cli_arguments}")
    return [f"{command} & ($exists($at) ? ' --scheduled-at ' & $at)", f"'Or: ' & {of_aws}"]


def _text(text: str) -> str:
    """Return a text as an expression; its tokens stand for text without quotes."""
    return json.dumps(text, ensure_ascii=False)


def _statements(*, log_group_arn: str, topic_arn: str, region: str) -> list[Statement]:
    return [
        # It ends in ":*", which stands for the group's streams.
        {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": log_group_arn},
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic_arn},
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            # The key of a topic that is given is not known here; only SNS may use it so.
            "Resource": "*",
            "Condition": {"StringLike": {"kms:ViaService": f"sns.{region}.amazonaws.com*"}},
        },
    ]
