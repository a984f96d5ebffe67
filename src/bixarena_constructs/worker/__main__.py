"""The process: ``python -m bixarena_constructs.worker``."""

from __future__ import annotations

from bixarena_constructs.worker.process import main

if __name__ == "__main__":
    main()
