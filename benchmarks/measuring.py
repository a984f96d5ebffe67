"""Time a call, and its memory over what was there before; standard library only."""

from __future__ import annotations

import json
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
    before = _status_mib("VmRSS")
    # Forget the peak of loading the input. (What getrusage tells begins with the parent's peak.)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    seconds, processor = [], []
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        call()
        seconds.append(scale * (time.perf_counter() - start))
        processor.append(scale * (time.process_time() - used))
    peak = _status_mib("VmHWM")
    found = {"seconds": min(seconds), "processor": min(processor), "mib": peak - before}
    print(json.dumps(found))


def _status_mib(field: str) -> float:
    """Read what the process holds, or held at most; Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(field))
    return int(line.split()[1]) / 1024
