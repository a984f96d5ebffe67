"""What tells a team that a run failed, could not start, hung, or never happened.

Each module defines one part of it; ``task_monitoring`` puts them together for a task.
"""

from __future__ import annotations

import publication

from bixarena_constructs.cdk.monitoring.settings import SnapshotMonitoring
from bixarena_constructs.cdk.monitoring.signals import ExitCode, WorkerSignals

__all__ = ["ExitCode", "SnapshotMonitoring", "WorkerSignals"]

publication.publish()
