"""The process: ``python -m bixarena_constructs.worker``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from bixarena_constructs.worker.interrupts import Interrupts


def _run() -> int:
    # Before the slow imports. Without a handler a signal does not reach the first process of a
    # container, and ends any other process without a last event.
    interrupts = Interrupts()
    interrupts.hear()
    from bixarena_constructs.worker.command_line import main  # noqa: PLC0415 - see above

    return main(sys.argv[1:], os.environ, interrupts)


if __name__ == "__main__":
    exit_code = _run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # sys.exit would finalize the interpreter while an abandoned thread still uses it.
    os._exit(exit_code)
