"""The process of a worker: its arguments, environment, signals, output and exit code."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from bixarena_constructs.worker.contract import NOT_INSTALLED
from bixarena_constructs.worker.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable

    from bixarena_constructs.worker.settings import Settings
    from bixarena_constructs.worker.snapshot_store import SnapshotStore

__all__ = ["main"]

_NEEDED = ("numpy", "psycopg", "structlog", "tenacity")


def main(open_store: Callable[[Settings], SnapshotStore] | None = None) -> NoReturn:
    """Run the worker once as this process, and end with its exit code.

    Signals, the deadline, the log on standard output and the commands ``publish`` and
    ``unpublish`` are those of ``python -m bixarena_constructs.worker``.

    Args:
        open_store: Makes the store from the settings, in which the database's variables are then
            optional. It is called once; its error is the run's last event.
            Default: - BixArena's tables.
    """
    # Before the slow imports. Without a handler a signal does not reach the first process of a
    # container, and ends any other process without a last event.
    interrupts = Interrupts()
    interrupts.listen()
    _exit_without_extra()
    from bixarena_constructs.worker import command_line  # noqa: PLC0415 - see above

    # Without a handler, its warning about an abandoned transaction would go to standard error.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    exit_code = command_line.main(sys.argv[1:], os.environ, interrupts, open_store=open_store)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # sys.exit would finalize the interpreter while an abandoned thread still uses it.
    os._exit(exit_code)


def _exit_without_extra() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"error: {', '.join(missing)} not installed; the extra worker brings what the worker "
            "needs: pip install 'bixarena-constructs[worker]'\n"
        )
        sys.exit(NOT_INSTALLED)
