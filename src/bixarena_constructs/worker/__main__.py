"""The command line: ``python -m bixarena_constructs.worker``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import TYPE_CHECKING
from uuid import uuid4

from bixarena_constructs.worker.contract import INTERNAL, Event, Variable
from bixarena_constructs.worker.errors import SettingsError, WorkerError
from bixarena_constructs.worker.interrupts import stopped_in_time
from bixarena_constructs.worker.job import run
from bixarena_constructs.worker.logs import open_log
from bixarena_constructs.worker.settings import Settings
from bixarena_constructs.worker.visibility import publish, unpublish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["main"]

_COMMANDS = {"publish": publish, "unpublish": unpublish}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the worker once, and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.dry_run:
        environment = {**environment, Variable.DRY_RUN: "true"}
    correlation_id = uuid4().hex
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        log = open_log(sys.stdout, correlation_id=correlation_id)
        log.error(Event.RUN_FAILED, snapshots_published=0, faults=error.faults, **error.fields())
        return error.exit_code
    log = open_log(sys.stdout, log_format=settings.log_format, correlation_id=correlation_id)
    try:
        with stopped_in_time(settings.max_runtime_seconds):
            if options.command is None:
                run(settings, log=log)
            else:
                _COMMANDS[options.command](settings, options.snapshot, log=log)
    except WorkerError as error:
        return error.exit_code
    except Exception:  # noqa: BLE001 - the top of the job; its last event is logged already
        # For whoever mends it; on stderr, so that each line of stdout stays one event.
        traceback.print_exc()
        return INTERNAL.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bixarena_constructs.worker",
        description="Turn BixArena's votes into public leaderboard snapshots.",
        epilog="Everything else is set by environment variables; see docs/worker.md.",
    )
    parser.add_argument("--dry-run", action="store_true", help="compute and log, write nothing")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, visibility in (("publish", "public"), ("unpublish", "private")):
        command = commands.add_parser(name, help=f"make the snapshots of one time {visibility}")
        command.add_argument("snapshot", help="such as snapshot_2026-03-06_10-00-00")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
