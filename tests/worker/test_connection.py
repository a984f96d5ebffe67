"""Which faults of a connection last, by a server that refuses for real.

libpq and the driver are the real ones; the server is a few lines of the protocol's beginning, so
that it can say in any language what a PostgreSQL, a pooler or a proxy says. The texts are from
PostgreSQL 15's message catalogues, from the sources of PgBouncer (1.9 to 1.25), Odyssey and pgcat,
and from what users of RDS Proxy and Supavisor report.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from bixarena_constructs.worker.connection import Connection, ConnectionFailedError
from bixarena_constructs.worker.faults import passes_by_itself

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bixarena_demo.bixarena_database import BixArenaDatabase

# Requests for TLS and for GSSAPI encryption that may come before a startup packet.
_FOR_ENCRYPTION = (80_877_103, 80_877_104)


def _response(code: str | None, text: str, severity: str = "FATAL") -> bytes:
    """An ErrorResponse; without a code, as a postmaster that could not fork writes it."""
    if code is None:
        return b"E" + text.encode() + b"\n\0"
    fields = {"S": severity, "V": "FATAL", "C": code, "M": text, "F": "auth.c", "L": "331"}
    body = b"".join(key.encode() + value.encode() + b"\0" for key, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


@contextmanager
def _server(answer: bytes, *, to_tls: bytes = b"N") -> Iterator[int]:
    """A server that gives everyone this answer; ``S`` to TLS means that it then hangs up."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while packet := client.recv(4):
                    body = client.recv(struct.unpack("!i", packet)[0] - 4)
                    if struct.unpack("!i", body[:4])[0] not in _FOR_ENCRYPTION:
                        client.sendall(answer)
                        break
                    client.sendall(to_tls)
                    if to_tls == b"S":
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _failure(*ports: int, sslmode: str = "disable") -> psycopg.Error:
    with pytest.raises(psycopg.Error) as raised:
        Connection.connect(
            host=",".join(["127.0.0.1"] * len(ports)),
            port=",".join(map(str, ports)),
            user="worker",
            password="secret",
            dbname="arena",
            connect_timeout=5,
            sslmode=sslmode,
        )
    return raised.value


_PASSING = [
    # PostgreSQL, in several languages
    ("57P03", "FATAL", "the database system is starting up"),
    ("57P03", "FATAL", "das Datenbanksystem startet"),
    ("57P03", "FATAL", "le système de bases de données se lance"),
    ("57P03", "FATAL", "データベースシステムは起動処理中です"),
    ("57P03", "ВАЖНО", "система баз данных останавливается"),
    ("57P03", "致命错误", "数据库系统在恢复模式中"),
    ("57P03", "FATAL", "the database system is not yet accepting connections"),
    ("53300", "FATAL", "tut mir leid, schon zu viele Verbindungen"),
    ("53300", "FATAL", "désolé, trop de clients sont déjà connectés"),
    ("53300", "FATAL", "remaining connection slots are reserved for roles with SUPERUSER"),
    ("57P01", "FATAL", "terminating connection due to administrator command"),
    ("57014", "FATAL", "canceling authentication due to timeout"),
    ("57014", "FATAL", "storniere Authentifizierung wegen Zeitüberschreitung"),
    ("53200", "FATAL", "out of memory"),
    ("53200", "FATAL", "memoria agotada"),
    ("55000", "FATAL", 'database "arena" is not currently accepting connections'),
    ("58P01", "FATAL", 'could not open file "global/pg_filenode.map": No such file or directory'),
    ("F0000", "FATAL", "could not load pg_hba.conf"),
    ("XX000", "FATAL", 'cache lookup failed for relation "certificate"'),
    (None, "FATAL", "could not fork new process for connection: Cannot allocate memory"),
    ("53300", "FATAL", 'too many connections for role "worker"'),
    ("57P05", "FATAL", "terminating connection due to idle-session timeout"),
    ("25006", "ERROR", "cannot execute INSERT in a read-only transaction"),
    ("40001", "ERROR", "restart transaction: TransactionRetryWithProtoRefreshError"),
    ("57P01", "FATAL", "server is shutting down"),
    ("08P01", "FATAL", "unsupported frontend protocol 1234.5680: server supports 3.0 to 3.0"),
    # PgBouncer: one code for whatever goes wrong
    ("08P01", "ERROR", "no more connections allowed (max_client_conn)"),
    ("08P01", "FATAL", "query_wait_timeout"),
    ("08P01", "ERROR", "pgbouncer cannot connect to server"),
    ("08P01", "FATAL", "server login has been failing, try again later (server_login_retry)"),
    ("08P01", "FATAL", "client_login_timeout (server down)"),
    ("08P01", "FATAL", "server conn crashed?"),
    ("08P01", "FATAL", "the database system is shutting down"),
    ("08P01", "FATAL", 'database "arena" is disabled'),
    ("08P01", "FATAL", "client connections exceeded (max_db_client_connections)"),
    # RDS Proxy, Odyssey, pgcat, Supavisor
    ("08000", "FATAL", "Timed-out waiting to acquire database connection."),
    ("08006", "FATAL", "odyssey: c6c853c6cfe40: failed to get remote server connection"),
    ("53300", "FATAL", "too many active clients for user (pool_size for user x.y reached 80)"),
    ("58000", "FATAL", "could not get connection from the pool - AllServersDown"),
    ("58000", "FATAL", 'No pool configured for database: "arena", user: "worker"'),
    ("XX000", "FATAL", "MaxClientsInSessionMode: max clients reached"),
    # Neon
    ("XX000", "ERROR", "Control plane request failed"),
    ("XX000", "ERROR", "The endpoint has been disabled. Enable it using Neon API and retry."),
]
_LASTING = [
    ("28P01", "FATAL", 'password authentication failed for user "worker"'),
    ("28P01", "FATAL", "Passwort-Authentifizierung für Benutzer »worker« fehlgeschlagen"),
    ("28P01", "ВАЖНО", 'пользователь "worker" не прошёл проверку подлинности (по паролю)'),
    ("28P01", "ÖLÜMCÜL (FATAL)", 'kullanıcı "worker" için şifre doğrulaması başarısız oldu'),  # noqa: RUF001 - Turkish
    ("28000", "FATAL", 'no pg_hba.conf entry for host "10.0.0.1", user "worker", no encryption'),
    ("28000", "FATAL", "al rol «worker» no se le permite conectarse"),
    ("28000", "FATAL", "This RDS proxy has no credentials for the role worker."),
    ("28000", "FATAL", "certificate authentication failed, the database is starting up"),
    ("3D000", "致命错误", '数据库 "arena" 不存在'),
    ("42501", "FATAL", "keine Berechtigung für Datenbank »arena«"),
    ("0A000", "FATAL", "Feature not supported: RDS Proxy does not support command-line options"),
    ("28000", "FATAL", "SSL connection is required. Please specify SSL options and retry."),
    ("28000", "FATAL", "Cloud SQL IAM user authentication failed"),
    ("08P01", "FATAL", "SASL authentication failed"),
    ("08P01", "ERROR", "password authentication failed"),
    ("08P01", "ERROR", "no such user: worker"),
    ("08P01", "ERROR", "no such database: arena"),
    ("08P01", "FATAL", "SSL required"),
    ("08P01", "FATAL", "unsupported startup parameter: application_name"),
    ("XX000", "FATAL", "Tenant or user not found"),
    ("XX000", "FATAL", "(ENOTFOUND) tenant/user not found"),
]


@pytest.mark.parametrize(
    ("code", "severity", "text", "passes"),
    [*((*each, True) for each in _PASSING), *((*each, False) for each in _LASTING)],
)
def test_goes_by_the_code_of_a_refusal_whatever_its_words(
    code: str | None, severity: str, text: str, *, passes: bool
) -> None:
    with _server(_response(code, text, severity)) as port:
        error = _failure(port)
    assert error.sqlstate == code
    assert passes_by_itself(error) == passes
    assert text in str(error)
    assert "LOCATION" not in str(error)


def test_reads_a_refusal_in_an_encoding_that_is_not_unicode() -> None:
    response = _response("28P01", "?").replace(b"?", "für »x« fehlgeschlagen".encode("latin-1"))
    with _server(response) as port:
        assert _failure(port).sqlstate == "28P01"


def test_waits_when_only_the_second_attempt_without_tls_was_refused() -> None:
    # TLS broke off, as when the server goes down, and so libpq asked again without: where TLS is
    # compulsory, that is always refused.
    refusal = _response("28000", 'no pg_hba.conf entry for host "10.0.0.1", no encryption')
    with _server(refusal, to_tls=b"S") as port:
        error = _failure(port, sslmode="prefer")
    assert error.sqlstate is None
    assert passes_by_itself(error)


def test_waits_for_the_one_address_of_several_that_did_not_answer() -> None:
    wrong_password = _response("28P01", "wrong")
    with ExitStack() as stack:
        answering = [stack.enter_context(_server(wrong_password)) for _ in range(2)]
        assert not passes_by_itself(_failure(*answering))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            gone = listener.getsockname()[1]
        assert passes_by_itself(_failure(gone, answering[0]))
        assert passes_by_itself(_failure(answering[0], gone))


def _authentication(kind: int, data: bytes = b"") -> bytes:
    """A request for a kind of login."""
    return b"R" + struct.pack("!ii", len(data) + 8, kind) + data


@pytest.mark.parametrize(
    ("answer", "to_tls", "text"),
    [
        (_authentication(99), b"N", "authentication method 99 not supported"),
        # "No Kerberos credentials", or "not supported" by a libpq without it.
        (_authentication(7), b"N", ""),
        (_authentication(2), b"N", "Kerberos 5 authentication not supported"),
        (_authentication(10, b"X\0\0"), b"N", "authentication mechanisms are supported"),
        (_authentication(10, b"SCRAM-SHA-256-PLUS\0\0"), b"N", "over a non-SSL connection"),
        (b"HTTP/1.1 400 Bad Request\r\n", b"N", "expected authentication request from server"),
        (b"", b"H", "received invalid response to SSL negotiation: H"),
    ],
)
def test_gives_up_on_a_login_that_it_cannot_do_and_on_another_kind_of_server(
    answer: bytes, to_tls: bytes, text: str
) -> None:
    with _server(answer, to_tls=to_tls) as port:
        error = _failure(port, sslmode="disable" if to_tls == b"N" else "require")
    assert text in str(error)
    assert not passes_by_itself(error)


@pytest.mark.parametrize(
    ("attempts", "passes"),
    [
        (["SSL error: certificate verify failed", "Connection refused"], True),
        (["Connection refused", "SSL error: certificate verify failed"], True),
        (["SSL error: certificate verify failed", 'FATAL:  28P01: wrong for "x"'], False),
        (["FATAL:  57P03: starting up", "SSL error: certificate verify failed"], True),
    ],
)
def test_waits_if_one_of_several_attempts_may_succeed_later(
    attempts: list[str], *, passes: bool
) -> None:
    lines = [f'connection to server at "h", port 5432 failed: {text}' for text in attempts]
    at_one_address = ConnectionFailedError("connection failed: " + "\n".join(lines))
    assert passes_by_itself(at_one_address) == passes
    hosts = "".join(f"\n- host: 'h', port: 5432: connection failed: {line}" for line in lines)
    head = (
        f"connection failed: {lines[-1]}\nMultiple connection attempts failed. All failures were:"
    )
    assert passes_by_itself(ConnectionFailedError(head + hosts)) == passes


def test_keeps_the_messages_of_statements_short(bixarena: BixArenaDatabase) -> None:
    with (
        Connection.connect(bixarena.owner.url) as connection,
        pytest.raises(psycopg.errors.UndefinedTable) as raised,
    ):
        connection.execute("SELECT 1 FROM nowhere")
    assert "42P01" not in str(raised.value)
    assert "LOCATION" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ('connection to server at "certificate", port 5432 failed: Connection refused', True),
        ('connection to server at "h", port 5432 failed: timeout expired', True),
        ("connection timeout expired", True),
        ("failed to resolve host 'db.example': [Errno -2] Name or service not known", True),
        ('could not translate host name "db.example" to address: Try again', True),
        ("server closed the connection unexpectedly", True),
        ("consuming input failed: SSL error: unexpected eof while reading", True),
        ("consuming input failed: SSL SYSCALL error: EOF detected", True),
        ("consuming input failed: SSL connection has been closed unexpectedly", True),
        ("consuming input failed: could not receive data from server: SSL SYSCALL error", True),
        ("SSL SYSCALL error: Connection reset by peer", True),
        ("SSL error: decryption failed or bad record mac", True),
        ("SSL error: ssl/tls alert internal error", True),
        ("the connection is lost", True),
        ("failed to resolve host 'db': [Errno -3] Temporary failure in name resolution", True),
        ('connection to server at "h", port 5432 failed: No route to host', True),
        ("SSL error: ssl/tls alert decode error", True),
        ("SSL error: sslv3 alert bad record mac", True),
        ("SSL error: record layer failure", True),
        ("session is read-only", True),
        ("lost synchronization with server: got message type", True),
        ('failed: FATAL:  password authentication failed for user "x"', True),
        ("server does not support SSL, but SSL was required", False),
        ('root certificate file "/x" does not exist', False),
        ('could not read root certificate file "/x": no certificate or crl found', False),
        ("failed: SSL error: certificate verify failed", False),
        ("failed: SSL error: certificate verify failed: certificate has expired", False),
        ('server certificate for "a" (and 2 other names) does not match host name "b"', False),
        ("failed: SSL error: ssl/tls alert bad certificate", False),
        ('private key file "/x" has group or world access', False),
        ("failed: SSL error: unsupported protocol", False),
        ("failed: SSL error: tlsv1 alert protocol version", False),
        ("failed: SSL error: wrong version number", False),
        ('weak sslmode "require" may not be used with sslrootcert=system', False),
        ('invalid gssencmode value: "x"', False),
        ("channel binding is required, but server did not offer it", False),
        ("authentication method 7 not supported", False),
        ('authentication method requirement "scram-sha-256" failed', False),
        ("channel binding required but not supported by server's authentication request", False),
        ("SSL error: tlsv1 alert unknown ca", False),
        ("SSL error: ssl/tls alert handshake failure", False),
        ("SSL error: sslv3 alert handshake failure", False),
        ("SSL error: tlsv1 unrecognized name", False),
        ("SSL error: ssl/tls alert no application protocol", False),
        ("SSL error: tlsv13 alert certificate required", False),
        ("SSL error: dh key too small", False),
        ("SSL error: unsafe legacy renegotiation disabled", False),
        ("SSL error: no protocols available", False),
        ("direct SSL connection was established without ALPN protocol negotiation", False),
        ("server doesn't support GSSAPI encryption, but it was required", False),
        ("GSSAPI encryption required but no credential cache", False),
        ("could not initiate GSSAPI security context: No Kerberos credentials available", False),
        ("fe_sendauth: no password supplied", False),
        ("incorrect server signature", False),
        ('require_auth method "x" is specified more than once', False),
        ('invalid "min_protocol_version" value: "x"', False),
        ('definition of service "x" not found', False),
    ],
)
def test_gives_up_without_a_code_only_where_the_text_is_known_to_last(
    text: str, *, passes: bool
) -> None:
    # The driver has two classes for a connection that broke: the second when it reads a result.
    for kind in (psycopg.OperationalError, psycopg.DatabaseError):
        assert passes_by_itself(kind(f"connection failed: {text}")) == passes


@pytest.mark.parametrize(
    "error",
    [
        psycopg.ProgrammingError("the query has 2 placeholders"),
        psycopg.InterfaceError("the cursor is closed"),
        psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        psycopg.NotSupportedError("cannot adapt"),
    ],
)
def test_takes_a_misuse_of_the_driver_for_a_lasting_fault(error: psycopg.Error) -> None:
    assert not passes_by_itself(error)
