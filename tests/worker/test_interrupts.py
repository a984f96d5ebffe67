from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from bixarena_constructs.worker.errors import DeadlineError, InterruptedRunError
from bixarena_constructs.worker.interrupts import stopped_in_time


def _compute() -> None:
    while True:
        sum(range(1000))


def _wait(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(600)


def test_interrupts_a_computation_at_the_deadline() -> None:
    message = r"took longer than MAX_RUNTIME_SECONDS=0\.2"
    with pytest.raises(DeadlineError, match=message), stopped_in_time(0.2):
        _compute()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupts_a_wait_when_asked_to_stop(number: signal.Signals, code: int) -> None:
    message = f"stopped by {number.name}"
    with pytest.raises(InterruptedRunError, match=message) as raised, stopped_in_time(60):
        _wait(number)
    assert raised.value.exit_code == code


def test_lets_nothing_interrupt_the_cleaning_up() -> None:
    cleaned = []

    def wait_and_clean_up() -> None:
        try:
            _wait(signal.SIGTERM)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
                os.kill(os.getpid(), number)
            cleaned.append(True)

    with pytest.raises(InterruptedRunError, match="SIGTERM"), stopped_in_time(60):
        wait_and_clean_up()
    assert cleaned


def test_leaves_the_signals_as_it_found_them() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    with stopped_in_time(60):
        assert [signal.getsignal(number) for number in numbers] != before
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 50
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_ends_an_interpreter_that_is_stuck_in_foreign_code() -> None:
    code = (
        "import ctypes\n"
        "from bixarena_constructs.worker.interrupts import stopped_in_time\n"
        # A call that keeps the interpreter's lock: no signal handler can run any more.
        "lock = ctypes.PyDLL(None).pthread_mutex_lock\n"
        "mutex = ctypes.create_string_buffer(64)\n"
        "with stopped_in_time(0.3, cleanup_seconds=0.3):\n"
        "    lock(mutex)\n"
        "    lock(mutex)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr
