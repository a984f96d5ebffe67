"""A connection to PostgreSQL that says by which SQLSTATE it was refused."""

from __future__ import annotations

import ctypes
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ConnStatus, PGconn, PollingStatus
from psycopg.waiting import Wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from psycopg.abc import PQGenConn
    from psycopg.pq import abc

__all__ = ["Connection"]

# PGVerbosity of libpq-fe.h.
_DEFAULT, _VERBOSE = 1, 2
# How libpq begins the report of an attempt, and a server's answer in it when it is verbose:
# severity in the server's language, code, text in the server's language.
_ATTEMPT = "connection to server "
_CODE = re.compile(r": {2}([0-9A-Z]{5}): ")
_LOCATION = re.compile(r"\nLOCATION: {2}[^\n]*")
_WAITS = {PollingStatus.READING: Wait.R, PollingStatus.WRITING: Wait.W}


class _ConnectionFailedError(psycopg.OperationalError):
    """No connection came about, after one attempt or several: with TLS, without, by address."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sqlstate = _sqlstate(str(self))


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """The driver's connection, whose errors have a ``sqlstate`` also where it was refused.

    libpq keeps no result of a connection that failed, only a text, which is in the server's
    language and has no code in it unless libpq is asked to be verbose before it connects.
    """

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        pgconn = PGconn.connect_start(conninfo.encode())
        _set_verbosity(pgconn, _VERBOSE)
        while pgconn.status != ConnStatus.BAD:
            status = PollingStatus(pgconn.connect_poll())
            if status == PollingStatus.OK:
                _set_verbosity(pgconn, _DEFAULT)
                pgconn.nonblocking = 1
                return cls(pgconn)
            if status not in _WAITS:
                break
            # Without an answer, the caller has waited for a while and wants to wait on.
            while not (yield pgconn.socket, _WAITS[status]):
                pass
        text = _LOCATION.sub("", pgconn.get_error_message())
        pgconn.finish()
        raise _ConnectionFailedError(f"connection failed: {text}")


def _sqlstate(text: str) -> str | None:
    """Find the server's code, unless an attempt among several failed without one."""
    codes: list[str] = []
    # With several addresses, the driver lists what each of them said.
    for part in text.split("\n- host: "):
        found = _CODE.findall(part)
        if len(found) < max(1, part.count(_ATTEMPT)):
            return None
        codes += found
    return codes[-1]


@cache
def _libpq_function() -> Callable[[int | None, int], int] | None:
    """Find ``PQsetErrorVerbosity`` in the libpq that psycopg runs on, which does not wrap it."""
    try:
        library = ctypes.CDLL(sys.modules[PGconn.__module__].__file__ or "")
        function = library.PQsetErrorVerbosity
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return function


def _set_verbosity(pgconn: abc.PGconn, verbosity: int) -> None:
    # Where the function cannot be found, a refusal has no SQLSTATE, and so counts as passing.
    function = _libpq_function()
    if function is not None:
        function(pgconn.pgconn_ptr, verbosity)  # type: ignore[attr-defined]  # documented
