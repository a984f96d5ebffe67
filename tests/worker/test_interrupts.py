from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.errors import DeadlineError, InterruptedRunError
from bixarena_constructs.worker.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import FilteringBoundLogger

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    interrupts = Interrupts()
    interrupts.listen()
    yield interrupts
    for number, handler in before.items():
        signal.signal(number, handler)


def _after(seconds: float, number: signal.Signals) -> None:
    threading.Timer(seconds, os.kill, [os.getpid(), number]).start()


def _go_on_whatever_comes(_: FilteringBoundLogger) -> None:
    """Swallow everything, as an import or a library's clean-up may."""
    while True:
        with suppress(BaseException):
            time.sleep(0.01)


def test_returns_what_the_work_does(interrupts: Interrupts, journal: Any) -> None:
    assert interrupts.carry_out(lambda _: 42, log=journal.log, deadline=Deadline(60)) == 42


def test_raises_what_the_work_does(interrupts: Interrupts, journal: Any) -> None:
    def fail(_: object) -> NoReturn:
        raise LookupError("that")

    with pytest.raises(LookupError, match="that"):
        interrupts.carry_out(fail, log=journal.log, deadline=Deadline(60))


def test_takes_the_end_of_an_interpreter_in_the_work_for_an_error(
    interrupts: Interrupts, journal: Any
) -> None:
    def leave(_: object) -> NoReturn:
        sys.exit("enough")

    # So, the run has a last event and the exit code of a bug.
    with pytest.raises(RuntimeError, match=r"the work ended with SystemExit\('enough'\)"):
        interrupts.carry_out(leave, log=journal.log, deadline=Deadline(60))


def test_abandons_the_work_at_the_deadline(interrupts: Interrupts, journal: Any) -> None:
    message = r"took longer than MAX_RUNTIME_SECONDS=0\.2"
    with pytest.raises(DeadlineError, match=message):
        interrupts.carry_out(_go_on_whatever_comes, log=journal.log, deadline=Deadline(0.2))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_abandons_the_work_when_asked_to_stop(
    interrupts: Interrupts, journal: Any, number: signal.Signals, code: int
) -> None:
    cancelled = []
    _after(0.2, number)
    with pytest.raises(InterruptedRunError, match=f"stopped by {number.name}") as raised:
        interrupts.carry_out(
            _go_on_whatever_comes,
            log=journal.log,
            deadline=Deadline(60),
            cancel=lambda: cancelled.append(True),
        )
    assert raised.value.exit_code == code
    assert cancelled == [True]


def test_remembers_a_signal_from_before_the_work(interrupts: Interrupts, journal: Any) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(InterruptedRunError, match="SIGTERM"):
        interrupts.carry_out(_go_on_whatever_comes, log=journal.log, deadline=Deadline(60))


def _run(code: str) -> subprocess.CompletedProcess[str]:
    start = (
        "import ctypes, io, os, signal, bixarena_constructs.worker.interrupts as interrupts\n"
        "from bixarena_constructs.worker.deadline import Deadline\n"
        "from bixarena_constructs.worker.logs import open_log\n"
        "options = {'log': open_log(io.StringIO()), 'deadline': Deadline(0.3)}\n"
        "heard = interrupts.Interrupts()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_receives_a_signal_that_was_blocked_until_it_listened() -> None:
    done = _run(
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "heard.listen()\n"
        "heard.carry_out(lambda _: None, **options)\n"
    )
    assert "InterruptedRunError: stopped by SIGTERM" in done.stderr


def test_ignores_a_signal_after_the_work(interrupts: Interrupts, journal: Any) -> None:
    def end(_: object) -> str:
        return "done"

    assert interrupts.carry_out(end, log=journal.log, deadline=Deadline(60)) == "done"
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)


def test_writes_the_lines_of_the_work_in_order_until_it_is_abandoned(
    interrupts: Interrupts, journal: Any
) -> None:
    is_abandoned, has_ended = threading.Event(), threading.Event()

    def work(log: FilteringBoundLogger) -> None:
        log.debug("nobody wants to know")
        log.info("one", number=1)
        log.bind(leaderboard="overall").warning("two", number=2)
        is_abandoned.wait(10)
        log.info("three")
        has_ended.set()

    with pytest.raises(DeadlineError):
        interrupts.carry_out(work, log=journal.log, deadline=Deadline(0.3))
    is_abandoned.set()
    has_ended.wait(10)
    lines = [{key: line[key] for key in line if key != "time"} for line in journal.events]
    assert lines == [
        {"event": "one", "level": "info", "number": 1},
        {"event": "two", "level": "warning", "number": 2, "leaderboard": "overall"},
    ]


def test_ends_an_interpreter_that_is_stuck_in_foreign_code() -> None:
    done = _run(
        # A call that keeps the interpreter's lock: nothing in Python runs any more.
        "lock = ctypes.PyDLL(None).pthread_mutex_lock\n"
        "mutex = ctypes.create_string_buffer(64)\n"
        "interrupts._STUCK_SECONDS = 0.3\n"
        "heard.carry_out(lambda _: (lock(mutex), lock(mutex)), **options)\n"
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr
