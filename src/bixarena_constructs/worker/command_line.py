"""The command line of the worker: its arguments and what they run."""

from __future__ import annotations

import argparse
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from bixarena_constructs.worker.contract import INTERNAL, Event, Field, Variable
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import WorkerError
from bixarena_constructs.worker.logs import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bixarena_constructs.worker.interrupts import Interrupts
    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

    OpenStore: TypeAlias = Callable[[Settings], SnapshotStore]

__all__ = ["main"]

# Far more than the imports take; the settings then limit the run itself.
_START_SECONDS = 300


def main(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    interrupts: Interrupts,
    *,
    open_store: OpenStore | None = None,
) -> int:
    """Run the worker once, and return its exit code.

    Args:
        arguments: Those of the command line.
        environment: The settings, as variables.
        interrupts: What ends the run from outside.
        open_store: Makes another store from the settings. Default: - BixArena's tables.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command and (options.dry_run or options.check):
        parser.error(f"--dry-run and --check are for a run, not for {options.command}")
    if options.dry_run:
        environment = {**environment, Variable.DRY_RUN: "true"}
    try:
        _carry_out(options, environment, interrupts, open_store)
    except WorkerError as error:
        return error.exit_code
    except Exception:  # noqa: BLE001 - the top of the job; its last event is logged already
        # For the bug report; on stderr, so that each line of stdout stays one event.
        traceback.print_exc()
        return INTERNAL.exit_code
    return 0


def _carry_out(
    options: argparse.Namespace,
    environment: Mapping[str, str],
    interrupts: Interrupts,
    open_store: OpenStore | None,
) -> None:
    context = {Field.CORRELATION_ID: uuid4().hex}
    log = open_log(sys.stdout, **context)
    try:
        settings, command = interrupts.carry_out(
            lambda _: _prepared(options, environment, open_store),
            log=log,
            deadline=Deadline(_START_SECONDS),
        )
    except Exception as error:
        log.error(
            _failed(options), **{Field.SNAPSHOTS_PUBLISHED: 0}, **WorkerError.of(error).fields()
        )
        raise
    log = open_log(sys.stdout, log_format=settings.log_format, **context)
    command(settings, log=log, interrupts=interrupts)


def _failed(options: argparse.Namespace) -> Event:
    """Return the last event of what fails before it begins: no watcher takes it for a run's."""
    if options.command is None:
        return Event.CHECK_FAILED if options.check else Event.RUN_FAILED
    return {"publish": Event.PUBLISH_FAILED, "unpublish": Event.UNPUBLISH_FAILED}[options.command]


def _prepared(
    options: argparse.Namespace, environment: Mapping[str, str], open_store: OpenStore | None
) -> tuple[Settings, Callable[..., object]]:
    """Read the settings and import the command, which takes seconds on a slow processor."""
    # PLC0415: at the top of the module, the imports would delay the answer to a signal.
    from bixarena_constructs.worker import check, job, visibility  # noqa: PLC0415
    from bixarena_constructs.worker.settings import Settings  # noqa: PLC0415

    settings = Settings.from_environment(environment, needs_database=open_store is None)
    store = open_store and open_store(settings)
    if options.command is None:
        return settings, partial(check.check if options.check else job.run, store=store)
    commands = {"publish": visibility.publish, "unpublish": visibility.unpublish}
    command = commands[options.command]
    return settings, partial(command, identifier=options.snapshot, store=store)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bixarena_constructs.worker",
        description="Turn BixArena's votes into public leaderboard snapshots.",
        epilog="Everything else is set by environment variables; see docs/worker.md.",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="compute and log, write nothing")
    how.add_argument(
        "--check",
        action="store_true",
        help="try login, grants and thresholds; rank nothing, write nothing",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, visibility in (("publish", "public"), ("unpublish", "private")):
        command = commands.add_parser(name, help=f"make the snapshots of one time {visibility}")
        command.add_argument("snapshot", help="such as snapshot_2026-03-06_10-00-00")
    return parser
