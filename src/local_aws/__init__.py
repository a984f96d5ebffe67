"""An AWS on loopback to deploy to: CloudFormation, ECS tasks that run, events that arrive.

It is ministack (PyPI) in a child process. Where ministack stops short of what a scheduled task
needs, the other modules close the gap inside that child, and say what AWS does and
what ministack does. The caller's process is never patched.
"""

from __future__ import annotations

from local_aws.handle import LocalAws
from local_aws.inbox import Inbox
from local_aws.process import LocalAwsError

__all__ = ["Inbox", "LocalAws", "LocalAwsError"]
