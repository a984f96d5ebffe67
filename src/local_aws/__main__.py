"""The local AWS's own process; started by ``LocalAws.start``, not by hand.

Its argument is the file descriptor of a bound socket. The first line of its standard input is
the settings, and the end of that input is the end of its parent, and so of itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from threading import Thread

from local_aws.containers import REMOVED_IMAGE, Images, Runtime
from local_aws.patching import require_pinned_version


def _end_with_parent(runtime: Runtime, folder: Path) -> None:
    sys.stdin.buffer.read()
    runtime.kill_all()
    shutil.rmtree(folder, ignore_errors=True)
    # Nothing is worth saving, and the event loop may be busy.
    os._exit(0)


def main() -> None:
    """Patch ministack and serve it."""
    settings = json.loads(sys.stdin.buffer.readline())
    folder = Path(settings["folder"])
    runtime = Runtime(Images(settings["images"], folder / REMOVED_IMAGE), folder)
    Thread(target=_end_with_parent, args=(runtime, folder), daemon=True).start()
    require_pinned_version(version("ministack"))
    # Imported after the check: these reach into ministack's internals.
    from local_aws import server  # noqa: PLC0415

    asyncio.run(server.serve(runtime, file_descriptor=int(sys.argv[1])))


if __name__ == "__main__":
    main()
