from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bixarena_constructs.worker.contract import Variable
from bixarena_constructs.worker.errors import SettingsError
from bixarena_constructs.worker.settings import DatabaseSettings, Settings

_DATABASE = {
    "POSTGRES_HOST": "db.example",
    "POSTGRES_DB": "bixarena",
    "POSTGRES_USER": "worker",
    "POSTGRES_PASSWORD": "hush",
}


def _faults(**variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({**_DATABASE, **variables})
    return raised.value.faults


def _database(**variables: str) -> DatabaseSettings:
    database = Settings.from_environment({**_DATABASE, **variables}).database
    assert database is not None
    return database


def test_has_the_documented_defaults() -> None:
    assert Settings.from_environment(_DATABASE) == Settings(
        database=DatabaseSettings(
            host="db.example",
            port=5432,
            dbname="bixarena",
            user="worker",
            password="hush",
            sslmode=None,
            sslrootcert=None,
        ),
        read_database=None,
        votes_relation=None,
        leaderboard_slug=None,
        intervals="auto",
        num_bootstrap=1000,
        min_evals=10,
        significant=False,
        min_total_battles=30,
        min_total_models=4,
        prior_battles=0.5,
        seed=0,
        scheduled_at=None,
        dry_run=False,
        max_runtime_seconds=900,
        keep_snapshots=None,
        old_snapshots="private",
        log_format="json",
    )


def test_reads_every_variable() -> None:
    settings = Settings.from_environment(
        {
            **_DATABASE,
            "POSTGRES_PORT": "6432",
            "POSTGRES_READ_HOST": "replica.example",
            "POSTGRES_READ_PORT": "5439",
            "POSTGRES_READ_DB": "warehouse",
            "POSTGRES_READ_USER": "reader",
            "POSTGRES_READ_PASSWORD": "quiet",
            "POSTGRES_READ_SSLMODE": "require",
            "POSTGRES_READ_SSLROOTCERT": "system",
            "VOTES_RELATION": "Analytics.cells",
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": "/etc/ssl/rds.pem",
            "LEADERBOARD_SLUG": "neuroscience",
            "INTERVALS": "percentile",
            "NUM_BOOTSTRAP": "5000",
            "MIN_EVALS": "0",
            "SIGNIFICANT": "TRUE",
            "MIN_TOTAL_BATTLES": "1",
            "MIN_TOTAL_MODELS": "2",
            "PRIOR_BATTLES": "0",
            "SEED": "7",
            "SCHEDULED_AT": "2026-03-06T11:00:59.9+01:00",
            "DRY_RUN": "1",
            "MAX_RUNTIME_SECONDS": "60.5",
            "KEEP_SNAPSHOTS": "3",
            "OLD_SNAPSHOTS": "delete",
            "LOG_FORMAT": "plain",
        }
    )
    assert settings == Settings(
        database=DatabaseSettings(
            host="db.example",
            port=6432,
            dbname="bixarena",
            user="worker",
            password="hush",
            sslmode="verify-full",
            sslrootcert="/etc/ssl/rds.pem",
        ),
        read_database=DatabaseSettings(
            host="replica.example",
            port=5439,
            dbname="warehouse",
            user="reader",
            password="quiet",
            sslmode="require",
            sslrootcert="system",
        ),
        votes_relation=("analytics", "cells"),
        leaderboard_slug="neuroscience",
        intervals="percentile",
        num_bootstrap=5000,
        min_evals=0,
        significant=True,
        min_total_battles=1,
        min_total_models=2,
        prior_battles=0,
        seed=7,
        scheduled_at=datetime(2026, 3, 6, 10, 0, tzinfo=UTC),
        dry_run=True,
        max_runtime_seconds=60.5,
        keep_snapshots=3,
        old_snapshots="delete",
        log_format="plain",
    )


def test_needs_a_database_unless_it_is_for_a_store_of_another_kind() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({})
    assert {fault.partition(" ")[0] for fault in raised.value.faults} == _DATABASE.keys()


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("POSTGRES_PORT", 1, 65_535),
        ("POSTGRES_READ_PORT", 1, 65_535),
        ("NUM_BOOTSTRAP", 1, 5000),
        ("MIN_EVALS", 0, 2_147_483_647),
        ("MIN_TOTAL_BATTLES", 0, 2_147_483_647),
        ("MIN_TOTAL_MODELS", 0, 2_147_483_647),
        ("SEED", 0, 9_223_372_036_854_775_807),
        ("MAX_RUNTIME_SECONDS", 1, 86_400),
        # 0 would retire every public snapshot.
        ("KEEP_SNAPSHOTS", 1, 2_147_483_647),
    ],
)
def test_takes_a_number_up_to_its_limits_and_none_beyond(
    name: str, lowest: int, highest: int
) -> None:
    for allowed in (lowest, highest):
        Settings.from_environment({**_DATABASE, name: str(allowed)})
    for refused in (lowest - 1, highest + 1):
        (fault,) = _faults(**{name: str(refused)})
        assert fault.startswith(f"{name} is {str(refused)!r}")


@pytest.mark.parametrize(
    ("intervals", "by_voter"),
    [("auto", True), ("voter", True), ("wald", False), ("percentile", False), ("sandwich", False)],
)
def test_counts_by_voter_where_the_intervals_allow_for_voters(
    intervals: str, *, by_voter: bool
) -> None:
    settings = Settings.from_environment({**_DATABASE, "INTERVALS": intervals})
    assert settings.counts_by_voter is by_voter


def test_stays_as_it_was_read() -> None:
    settings = Settings.from_environment(_DATABASE)
    for frozen in (settings, settings.database):
        with pytest.raises(FrozenInstanceError):
            frozen.dry_run = True  # type: ignore[misc, union-attr]


def test_takes_an_empty_variable_for_an_unset_one() -> None:
    assert Settings.from_environment(
        {**_DATABASE, "LEADERBOARD_SLUG": "", "NUM_BOOTSTRAP": " ", "SCHEDULED_AT": ""}
    ) == Settings.from_environment(_DATABASE)


def test_reports_every_fault_at_once_with_name_value_and_what_is_valid() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(
            {
                "POSTGRES_HOST": "db.example",
                "POSTGRES_PORT": "99999",
                "INTERVALS": "bootstrap",
                "NUM_BOOTSTRAP": "0",
                "MIN_EVALS": "ten",
                "SIGNIFICANT": "maybe",
                "PRIOR_BATTLES": "nan",
                "SCHEDULED_AT": "2026-03-06T10:00:00",
                "OLD_SNAPSHOTS": "burn",
            }
        )
    assert sorted(raised.value.faults) == [
        "INTERVALS is 'bootstrap'; it must be one of auto, voter, wald, percentile, sandwich",
        "MIN_EVALS is 'ten'; it must be a whole number from 0 to 2147483647",
        "NUM_BOOTSTRAP is '0'; it must be a whole number from 1 to 5000",
        "OLD_SNAPSHOTS is 'burn'; it must be one of private, delete",
        "POSTGRES_DB is unset; it must be set, by itself or in POSTGRES_URL",
        "POSTGRES_PASSWORD is unset; it must be set, by itself or in POSTGRES_URL",
        "POSTGRES_PORT is '99999'; it must be a whole number from 1 to 65535",
        "POSTGRES_USER is unset; it must be set, by itself or in POSTGRES_URL",
        "PRIOR_BATTLES is 'nan'; it must be 0 or a number from 1e-06 to 1000",
        (
            "SCHEDULED_AT is '2026-03-06T10:00:00'; it must be a time with its offset, such as"
            " 2026-03-06T10:00:00Z"
        ),
        "SIGNIFICANT is 'maybe'; it must be true or false",
    ]


@pytest.mark.parametrize("value", ["1e-9", "-0.5", "1001", "inf", "half"])
def test_refuses_a_prior_that_the_ranking_would_refuse(value: str) -> None:
    assert _faults(PRIOR_BATTLES=value) == (
        f"PRIOR_BATTLES is {value!r}; it must be 0 or a number from 1e-06 to 1000",
    )


@pytest.mark.parametrize(
    "value", ["0999-12-31T23:59:59Z", "1000-01-01T00:59:59+01:00", "0001-01-01T00:00:00Z"]
)
def test_refuses_a_year_of_fewer_than_four_digits(value: str) -> None:
    (fault,) = _faults(SCHEDULED_AT=value)
    assert fault.startswith(f"SCHEDULED_AT is {value!r}; it must be a time from the year 1000 to ")


def test_takes_the_first_year_of_four_digits() -> None:
    settings = Settings.from_environment({**_DATABASE, "SCHEDULED_AT": "1000-01-01T00:00:00Z"})
    assert settings.scheduled_at == datetime(1000, 1, 1, tzinfo=UTC)


def test_keeps_the_blanks_of_a_password() -> None:
    blanks = " a b "
    assert _database(POSTGRES_PASSWORD=blanks).password == blanks


def test_takes_everything_from_a_url() -> None:
    url = "postgresql://worker:p%40ss%2Fw%25rd@db.example:6432/bixarena?sslmode=require"
    assert Settings.from_environment({"POSTGRES_URL": url}).database == DatabaseSettings(
        host="db.example",
        port=6432,
        dbname="bixarena",
        user="worker",
        password="p@ss/w%rd",
        sslmode="require",
    )


def test_prefers_a_single_variable_to_the_url_and_the_url_to_what_libpq_reads() -> None:
    database = _database(
        POSTGRES_URL="postgresql://other@other.example/other?sslmode=require",
        PGSSLMODE="disable",
        PGSSLROOTCERT="system",
    )
    assert (database.host, database.user, database.dbname) == ("db.example", "worker", "bixarena")
    assert (database.sslmode, database.sslrootcert) == ("require", "system")


@pytest.mark.parametrize(
    "url",
    [
        "host=db.example password=hush-hush",
        "postgresql://worker:hush-hush@db.example:65536x/bixarena?sslmode",
        "postgresql://worker:hush-hush@db.example/bixarena?options=-csearch_path",
        "mysql://worker:hush-hush@db.example/bixarena",
        "postgresql://worker:hush-hush@hush@db.example/bixarena",
        "postgresql://worker:hush-hush/hush@db.example/bixarena",
        "postgresql://worker:1/hush-hush@db.example/bixarena",
        "postgresql://worker:hush-hush\udcff@db.example/bixarena",
    ],
)
def test_refuses_a_bad_url_without_repeating_it(url: str) -> None:
    (fault, *_) = _faults(POSTGRES_URL=url)
    assert fault.startswith("POSTGRES_URL is ***")
    assert "hush-hush" not in " ".join(_faults(POSTGRES_URL=url))


@pytest.mark.parametrize(
    "value",
    [
        '{"username": "worker", "password": "hush-hush"}',
        "postgresql://worker:hush-hush@db.example/bixarena",
        "host=db.example password=hush-hush",
        "hush-hush\udcff",
    ],
)
@pytest.mark.parametrize(
    "name", [name for name in Variable if not name.endswith(("PASSWORD", "POSTGRES_URL"))]
)
def test_refuses_a_whole_secret_in_any_variable_without_repeating_it(
    name: str, value: str
) -> None:
    (fault,) = _faults(**{name: value})
    assert fault.startswith(f"{name} is ***; it must be ")
    assert "hush-hush" not in fault


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "POSTGRES_READ_PASSWORD"])
def test_refuses_a_password_that_is_not_utf_8_without_repeating_it(name: str) -> None:
    assert _faults(**{name: "hush-hush\udcff"}) == (f"{name} is ***; it must be UTF-8 text",)


@pytest.mark.parametrize("name", ["POSTGRES_HOST", "POSTGRES_READ_HOST"])
@pytest.mark.parametrize(
    "host",
    [
        *("db..example", f"{'x' * 64}.example", "a b", "db.example:5432", "[::1]"),
        *("db.example/arena", "a,,b", ",", "*.example"),
    ],
)
def test_refuses_what_is_no_host(name: str, host: str) -> None:
    assert _faults(**{name: host}) == (
        f"{name} is {host!r}; it must be the name or address of a host",
    )


@pytest.mark.parametrize("host", ["::1", "10.0.0.1", "a.example,b.example", "/run/postgresql"])
def test_takes_any_form_of_host_that_libpq_does(host: str) -> None:
    assert _database(POSTGRES_HOST=host).host == host


def test_shows_no_password_in_its_repr() -> None:
    assert "hush" not in repr(Settings.from_environment(_DATABASE))


@pytest.mark.parametrize(
    ("variables", "changes"),
    [
        ({"POSTGRES_READ_HOST": "replica.example"}, {"host": "replica.example"}),
        ({"POSTGRES_READ_PORT": "6432"}, {"port": 6432}),
        ({"POSTGRES_READ_PASSWORD": " a "}, {"password": " a "}),
        ({"POSTGRES_READ_HOST": " "}, None),
    ],
)
def test_counts_where_the_primary_is_except_for_what_is_set(
    variables: dict[str, str], changes: dict[str, Any] | None
) -> None:
    settings = Settings.from_environment({**_DATABASE, **variables})
    assert settings.database is not None
    expected = None if changes is None else replace(settings.database, **changes)
    assert settings.read_database == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cells", ("cells",)),
        ("Analytics.Cells_2", ("analytics", "cells_2")),
        ('warehouse.analytics."By Day"', ("warehouse", "analytics", "By Day")),
        ('"My ""odd"".schema"."cells; --"', ('My "odd".schema', "cells; --")),
        ("Größe.x$1", ("größe", "x$1")),
        ("ÄPFEL.Çok", ("Äpfel", "Çok")),
    ],
)
def test_reads_the_name_of_a_relation_as_sql_does(text: str, parts: tuple[str, ...]) -> None:
    settings = Settings.from_environment({**_DATABASE, "VOTES_RELATION": text})
    assert settings.votes_relation == parts


@pytest.mark.parametrize(
    "text", ["a.b.c.d", "a..b", ".a", "a.", '"a', '""', "1a", "a b", "a;b", "a-b", "(SELECT 1)"]
)
def test_refuses_what_is_no_name_of_a_relation(text: str) -> None:
    (fault,) = _faults(VOTES_RELATION=text)
    assert fault.startswith(f"VOTES_RELATION is {text!r}; it must be VIEW, SCHEMA.VIEW or")


def test_does_without_a_database_for_a_store_of_another_kind() -> None:
    assert Settings.from_environment({}, needs_database=False).database is None
    assert Settings.from_environment(_DATABASE, needs_database=False).database is not None
    with pytest.raises(SettingsError, match="POSTGRES_HOST is unset"):
        Settings.from_environment({"POSTGRES_USER": "worker"}, needs_database=False)
