"""Run BixArena's leaderboard snapshot as a scheduled ECS task on Fargate.

The names below are imported when they are first used: importing this package loads neither
``aws_cdk`` (half a second and a Node.js process) nor ``numpy``.
"""

from __future__ import annotations

from importlib import import_module
from sys import modules

# Type checkers take it for typing's own, whose import would cost more than all the rest here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
    from bixarena_constructs.cdk.monitoring.task_monitoring import TaskMonitoring
    from bixarena_constructs.cdk.monitoring.worker_signals import ExitCode, WorkerSignals
    from bixarena_constructs.cdk.scheduled_snapshot_task import ScheduledSnapshotTask
    from bixarena_constructs.cdk.snapshot_task import SnapshotTask
    from bixarena_constructs.cdk.task.guardduty import GuardDutyAgentPull
    from bixarena_constructs.cdk.task.secrets import RdsConnection, SecretSource, postgres_secrets
    from bixarena_constructs.cdk.task.worker_image import WorkerImage

    __version__: str

__all__ = [
    "ExitCode",
    "GuardDutyAgentPull",
    "RdsConnection",
    "ScheduledSnapshotTask",
    "SecretSource",
    "SnapshotMonitoring",
    "SnapshotTask",
    "TaskMonitoring",
    "WorkerImage",
    "WorkerSignals",
    "postgres_secrets",
]

_HOME_OF = {
    "ExitCode": "bixarena_constructs.cdk.monitoring.worker_signals",
    "GuardDutyAgentPull": "bixarena_constructs.cdk.task.guardduty",
    "RdsConnection": "bixarena_constructs.cdk.task.secrets",
    "ScheduledSnapshotTask": "bixarena_constructs.cdk.scheduled_snapshot_task",
    "SecretSource": "bixarena_constructs.cdk.task.secrets",
    "SnapshotMonitoring": "bixarena_constructs.cdk.monitoring.settings",
    "SnapshotTask": "bixarena_constructs.cdk.snapshot_task",
    "TaskMonitoring": "bixarena_constructs.cdk.monitoring.task_monitoring",
    "WorkerImage": "bixarena_constructs.cdk.task.worker_image",
    "WorkerSignals": "bixarena_constructs.cdk.monitoring.worker_signals",
    "postgres_secrets": "bixarena_constructs.cdk.task.secrets",
}


# No `publication.publish()` here, unlike in the modules that define these names: it replaces the
# module object and would drop this `__getattr__`.
def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("bixarena_constructs.worker.contract").RELEASE
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _check_node(name)
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__


def _check_node(name: str) -> None:
    """Say in a sentence what the CDK says in fifty lines of its runtime's."""
    if "aws_cdk" in modules:
        return
    import os  # noqa: PLC0415 - only those who define a task need it
    import shutil  # noqa: PLC0415 - likewise

    node = os.environ.get("JSII_NODE", "node")
    if shutil.which(node) is None:
        raise ImportError(
            f"{name} needs Node.js 22 or later, which the AWS CDK runs on: {node} is not on PATH; "
            "install it, or name its program by the variable JSII_NODE"
        )
