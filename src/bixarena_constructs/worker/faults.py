"""Which faults of a database last, and which pass by themselves."""

from __future__ import annotations

import re

import psycopg

from bixarena_constructs.worker.connection import ConnectionFailedError

__all__ = ["passes_by_itself"]

# SQLSTATE classes and codes, see PostgreSQL's appendix A, after which the same attempt would fail
# again: what is asked for is not supported (0A) or not granted (0L, 0P, 28, 42501); the data or a
# constraint forbids it (21, 22, 23, 27, 44), or a function of the database's own does (2F, 38, 39,
# P0); no such database, schema, table or column (3D, 3F, 42); the disk is full, or a temporary
# file would be larger than allowed; the statement exceeds a limit (54); a table is corrupt.
_LASTING = (
    *("0A", "0L", "0P", "21", "22", "23", "27", "28", "2F", "38", "39", "3D", "3F", "42", "44"),
    *("53100", "53400", "54", "P0", "XX001", "XX002"),
)
# Messages without a SQLSTATE come from libpq or OpenSSL, always in English. Most patterns have a
# blank, which no host name has.
_LASTING_TEXT = re.compile(
    # The server or this client is not who the other expects.
    r" certificate| private key file|alert unknown ca|alert access denied| unrecognized name"
    # They share no kind of TLS.
    r"|protocol version|wrong version number|unsupported protocol|unknown protocol"
    r"|no protocols available|handshake failure|insufficient security|legacy renegotiation"
    r"| (?:key|md) too (?:small|weak)| ALPN | application protocol"
    r"|does not support SSL|doesn't support GSSAPI"
    # They share no kind of login.
    r"|channel binding|authentication method | authentication not supported"
    r"|authentication mechanisms are supported|over a non-SSL connection"
    r"|no password supplied|incorrect server signature| credential|server requires OAuth"
    # It is no PostgreSQL.
    r"|invalid response to \w+ negotiation|expected authentication request from server"
    # libpq's own settings are wrong.
    r'| sslmode|require_auth|invalid "?\w+"? value|invalid SSL protocol|service (?:file )?"'
)
# PgBouncer and Supavisor send one code whatever is wrong, with a text in English.
_CODES_OF_POOLERS = ("08P01", "XX000")
_LASTING_TEXT_OF_POOLERS = re.compile(
    r" authentication failed\b| no such (?:user|database)\b|[ /]user not found\b| SSL required\b"
    r"| unsupported startup parameter"
)
# The driver's errors that are about what it was given, not about the server.
_MISUSES = (
    psycopg.InterfaceError,
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.NotSupportedError,
)


def passes_by_itself(error: psycopg.Error) -> bool:
    """Return whether the same attempt may succeed a little later; only known faults last.

    The SQLSTATE decides where it can: the server's message depends on its language. Of several
    attempts to connect, one that may succeed is enough.
    """
    if isinstance(error, ConnectionFailedError):
        return any(_passes(code, text) for code, text in error.attempts)
    if error.sqlstate is None and isinstance(error, _MISUSES):
        return False
    return _passes(error.sqlstate, str(error))


def _passes(code: str | None, text: str) -> bool:
    if code is None:
        return _LASTING_TEXT.search(text) is None
    if code in _CODES_OF_POOLERS:
        return _LASTING_TEXT_OF_POOLERS.search(text) is None
    return not code.startswith(_LASTING)
