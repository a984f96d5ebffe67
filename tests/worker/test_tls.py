"""TLS to PostgreSQL with certificates made for the test.

The embedded server is built without OpenSSL, so a relay on loopback ends the TLS for it, as RDS
Proxy or a sidecar would; the client's side, libpq and its checks, is the real one.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from bixarena_constructs.worker.errors import DatabaseRefusedError
from bixarena_constructs.worker.job import run
from bixarena_demo.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from bixarena_constructs.worker.settings import Settings
    from bixarena_demo.bixarena_database import BixArenaDatabase

    MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root_certificate(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def _server(
    database: BixArenaDatabase, authority: trustme.CA, name: str
) -> AbstractContextManager[Relay]:
    """A PostgreSQL whose certificate is signed by ``authority`` and made for ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return Relay.to(database.worker.port, tls=context)


@pytest.fixture
def dry_run(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> Iterator[Callable[..., Any]]:
    def dry_run(port: int, **variables: str) -> Any:
        settings = settings_for(
            replace(bixarena.worker, port=port),
            DRY_RUN="true",
            LEADERBOARD_SLUG="overall",
            **variables,
        )
        return run(settings, log=journal.log)

    yield dry_run
    assert journal.named("retrying") == [], "a wrong certificate does not get right by waiting"


def test_verifies_the_server_in_full(
    bixarena: BixArenaDatabase, authority: trustme.CA, root_certificate: str, dry_run: Any
) -> None:
    with _server(bixarena, authority, "127.0.0.1") as relay:
        report = dry_run(
            relay.port, POSTGRES_SSLMODE="verify-full", POSTGRES_SSLROOTCERT=root_certificate
        )
    assert report.computed == ["overall"]


def test_refuses_a_certificate_that_a_stranger_signed(
    bixarena: BixArenaDatabase, root_certificate: str, dry_run: Any
) -> None:
    with (
        _server(bixarena, trustme.CA(), "127.0.0.1") as relay,
        pytest.raises(DatabaseRefusedError, match="certificate verify failed"),
    ):
        dry_run(relay.port, PGSSLMODE="verify-full", PGSSLROOTCERT=root_certificate)


def test_refuses_a_certificate_that_was_made_for_another_host(
    bixarena: BixArenaDatabase, authority: trustme.CA, root_certificate: str, dry_run: Any
) -> None:
    with _server(bixarena, authority, "other.example") as relay:
        verify = {"POSTGRES_SSLROOTCERT": root_certificate}
        with pytest.raises(DatabaseRefusedError, match="does not match host name"):
            dry_run(relay.port, POSTGRES_SSLMODE="verify-full", **verify)
        # What verify-ca does not look at: the difference between the two.
        dry_run(relay.port, POSTGRES_SSLMODE="verify-ca", **verify)


def test_sends_nothing_in_the_clear_to_a_server_without_tls(
    bixarena: BixArenaDatabase, dry_run: Any
) -> None:
    with pytest.raises(DatabaseRefusedError, match="does not support SSL, but SSL was required"):
        dry_run(bixarena.worker.port, POSTGRES_SSLMODE="require")


def test_names_a_root_certificate_that_does_not_exist(
    bixarena: BixArenaDatabase, authority: trustme.CA, dry_run: Any
) -> None:
    with (
        _server(bixarena, authority, "127.0.0.1") as relay,
        pytest.raises(DatabaseRefusedError, match=r'"/nowhere/root\.pem" does not exist'),
    ):
        dry_run(
            relay.port,
            POSTGRES_SSLMODE="verify-full",
            POSTGRES_SSLROOTCERT="/nowhere/root.pem",
        )
