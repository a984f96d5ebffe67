"""The IAM actions that each command needs, as docs/cli.md lists them.

No command reads them: AWS itself refuses what is not allowed.
"""

from __future__ import annotations

from typing import Final

__all__ = ["NEEDED", "OPTIONAL"]

_FIND: Final = ("cloudformation:DescribeStacks",)
_START: Final = (
    *_FIND,
    "ecs:DescribeTaskDefinition",
    "ecs:RunTask",
    "ecs:TagResource",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "iam:PassRole",
)
_WATCH: Final = ("ecs:DescribeTasks", "logs:GetLogEvents")

NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "run": (*_START, *_WATCH),
    "stop": (*_FIND, "ecs:DescribeTasks", "ecs:ListTasks", "ecs:StopTask"),
    "status": _FIND,
    "logs": (*_FIND, "ecs:DescribeTaskDefinition", "logs:DescribeLogStreams", "logs:GetLogEvents"),
    "doctor": (
        *_FIND,
        "ecs:DescribeTaskDefinition",
        "events:DescribeRule",
        "events:ListTargetsByRule",
    ),
    "publish": (*_START, *_WATCH),
    "unpublish": (*_START, *_WATCH),
}
"""What a command cannot do without."""

OPTIONAL: Final[dict[str, tuple[str, ...]]] = {
    "run": ("ecs:StopTask",),
    "status": (
        "cloudformation:DescribeStackResources",
        "cloudformation:GetTemplate",
        "cloudwatch:DescribeAlarms",
        "ecs:DescribeTaskDefinition",
        "ecs:DescribeTasks",
        "ecs:ListTasks",
        "events:DescribeRule",
        "events:ListTargetsByRule",
        "logs:DescribeLogStreams",
        "logs:FilterLogEvents",
        "logs:GetLogEvents",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ),
    "logs": ("ecs:DescribeTasks", "ecs:ListTasks"),
    "doctor": (
        "cloudformation:ListStackResources",
        "cloudwatch:DescribeAlarms",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ecs:DescribeClusters",
        "guardduty:GetDetector",
        "guardduty:ListDetectors",
        "iam:SimulatePrincipalPolicy",
        "kms:DescribeKey",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
        "scheduler:GetSchedule",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "sns:ListSubscriptionsByTopic",
        "ssm:GetParameter",
        "states:DescribeStateMachine",
    ),
    "publish": ("ecs:StopTask",),
    "unpublish": ("ecs:StopTask",),
}
"""Without one of these, a command leaves something out, and shows what."""
