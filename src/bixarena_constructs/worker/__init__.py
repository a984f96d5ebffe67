"""The reference worker: turns votes into public leaderboard snapshots.

It needs no AWS SDK: the ECS agent injects its secrets as environment variables. Run it with
``python -m bixarena_constructs.worker``, or from Python::

    from bixarena_constructs.worker import Settings, open_log, run

    run(Settings.from_environment(os.environ), log=open_log(sys.stdout))

A store other than BixArena's tables is a `SnapshotStore`; its image runs `main` with it. If its
tables are in PostgreSQL, `Database` connects it and sorts out which errors pass.

The names below are imported when they are first used: the ranking alone needs no driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bixarena_constructs.worker.cells import CountedCell
    from bixarena_constructs.worker.database import Database
    from bixarena_constructs.worker.deadline import Deadline
    from bixarena_constructs.worker.errors import (
        DatabaseRefusedError,
        DatabaseUnavailableError,
        FutureRunError,
        SettingsError,
        VotesError,
        WorkerError,
    )
    from bixarena_constructs.worker.job import run
    from bixarena_constructs.worker.logs import open_log
    from bixarena_constructs.worker.process import main
    from bixarena_constructs.worker.records import (
        Board,
        Entry,
        Publication,
        Retention,
        Snapshot,
        Status,
        Votes,
    )
    from bixarena_constructs.worker.report import RunReport
    from bixarena_constructs.worker.settings import (
        DatabaseSettings,
        Settings,
    )
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = [
    "Board",
    "CountedCell",
    "Database",
    "DatabaseRefusedError",
    "DatabaseSettings",
    "DatabaseUnavailableError",
    "Deadline",
    "Entry",
    "FutureRunError",
    "Publication",
    "Retention",
    "RunReport",
    "Settings",
    "SettingsError",
    "Snapshot",
    "SnapshotStore",
    "Status",
    "Votes",
    "VotesError",
    "WorkerError",
    "main",
    "open_log",
    "run",
]

_HOME_OF = {
    "Board": "records",
    "CountedCell": "cells",
    "Database": "database",
    "DatabaseRefusedError": "errors",
    "DatabaseSettings": "settings",
    "DatabaseUnavailableError": "errors",
    "Deadline": "deadline",
    "Entry": "records",
    "FutureRunError": "errors",
    "Publication": "records",
    "Retention": "records",
    "RunReport": "report",
    "Settings": "settings",
    "SettingsError": "errors",
    "Snapshot": "records",
    "SnapshotStore": "snapshot_store",
    "Status": "records",
    "Votes": "records",
    "VotesError": "errors",
    "WorkerError": "errors",
    "main": "process",
    "open_log": "logs",
    "run": "job",
}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    except ModuleNotFoundError as error:
        error.add_note("the extra brings it: pip install 'bixarena-constructs[worker]'")
        raise


def __dir__() -> list[str]:
    return __all__
