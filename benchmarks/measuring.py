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
    """Print the least time and processor time of a few calls, and the peak memory, as JSON.

    Args:
        call: What to measure.
        repeat: How often.
        scale: Multiplies the time: a call may do a share of the rounds.
    """
    before = _resident_mib()
    seconds, processor = [], []
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        call()
        seconds.append(scale * (time.perf_counter() - start))
        processor.append(scale * (time.process_time() - used))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"seconds": min(seconds), "processor": min(processor), "mib": peak - before}
    print(json.dumps(found))


def _resident_mib() -> float:
    """Read what the process holds now; Linux only, like the worker."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
