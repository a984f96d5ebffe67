"""Time a call, and its memory over what was there before; standard library only."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["measure"]


def measure(call: Callable[[], object], *, repeat: int = 1, scale: float = 1.0) -> None:
    """Print the shortest time of a few calls and the peak memory of the process as JSON.

    Args:
        call: What to measure.
        repeat: How often.
        scale: Multiplies the time: a call may do a share of the rounds.
    """
    before = _resident_mib()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": scale * min(seconds), "mib": peak - before}))


def _resident_mib() -> float:
    """Read what the process holds now; Linux only, like the worker."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
