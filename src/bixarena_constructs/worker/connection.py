"""A connection to PostgreSQL whose failures have a SQLSTATE."""

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
    from collections.abc import Callable, Iterator
    from typing import Self

    from psycopg.abc import PQGenConn
    from psycopg.pq import abc

__all__ = ["Connection", "ConnectionFailedError"]

# PGVerbosity of libpq-fe.h.
_DEFAULT, _VERBOSE = 1, 2
# A verbose libpq reports an attempt as "connection to server at ... failed: SEVERITY:  CODE:
# TEXT", with severity and text in the server's language. For a host with several addresses, the
# driver appends a list of their errors.
_ATTEMPT = "connection to server "
_HOST = "\n- host: "
_CODE = re.compile(r": {2}([0-9A-Z]{5}): ")
_LOCATION = re.compile(r"\nLOCATION: {2}[^\n]*")
_WAITS = {PollingStatus.READING: Wait.R, PollingStatus.WRITING: Wait.W}


class ConnectionFailedError(psycopg.OperationalError):
    """All attempts to connect failed: with TLS and without, and at each address of the host.

    Attributes:
        attempts: The server's code, if it sent one, and the text of each.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.attempts = tuple(_attempts(str(self)))
        codes = [code for code, _ in self.attempts]
        self.sqlstate = None if None in codes else codes[-1]


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """The driver's connection, with a ``sqlstate`` in the error when the server refuses it.

    libpq keeps no result of a failed connection, only a message in the server's language. The
    message contains the code if libpq is verbose while it connects.
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
            # The driver sends a false value while there is nothing to read or write.
            while not (yield pgconn.socket, _WAITS[status]):
                pass
        text = _LOCATION.sub("", pgconn.get_error_message())
        pgconn.finish()
        raise ConnectionFailedError(f"connection failed: {text}")


def _attempts(text: str) -> Iterator[tuple[str | None, str]]:
    for part in text.split(_HOST):
        for attempt in part.split(_ATTEMPT)[1:] or [part]:
            found = _CODE.search(attempt)
            yield found and found[1], attempt


@cache
def _libpq_function() -> Callable[[int | None, int], int] | None:
    """Find ``PQsetErrorVerbosity``, which psycopg does not offer, in the libpq that it uses."""
    try:
        library = ctypes.CDLL(sys.modules[PGconn.__module__].__file__ or "")
        function = library.PQsetErrorVerbosity
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return function


def _set_verbosity(pgconn: abc.PGconn, verbosity: int) -> None:
    # Without the function, a refused connection has no SQLSTATE and is retried.
    function = _libpq_function()
    if function is not None:
        function(pgconn.pgconn_ptr, verbosity)  # type: ignore[attr-defined]  # documented
