"""Run the demo: ``python -m bixarena_demo``."""

from __future__ import annotations

import signal
import sys

from bixarena_constructs.worker.contract import NOT_INSTALLED

if __name__ == "__main__":
    try:
        from bixarena_demo.command_line import main
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"error: {error.name} is not installed; `make demo` installs what the demo needs and "
            "runs it\n"
        )
        sys.exit(NOT_INSTALLED)
    # Both end a stage, also in the background, where a shell has SIGINT ignored.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
