"""The settings of the worker, read from its environment as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, get_args

from bixarena_constructs.worker.contract import Variable
from bixarena_constructs.worker.environment_reader import MASK, EnvironmentReader
from bixarena_constructs.worker.errors import SettingsError
from bixarena_constructs.worker.ranking.options import IntervalMethod, counts_by_voter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DatabaseSettings", "Settings"]

_INTERVALS: Final[tuple[IntervalMethod, ...]] = get_args(IntervalMethod)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What the worker takes from a POSTGRES_URL, by the variable that overrides it.
_PART_OF_URL = {
    Variable.POSTGRES_HOST: "host",
    Variable.POSTGRES_PORT: "port",
    Variable.POSTGRES_DB: "dbname",
    Variable.POSTGRES_USER: "user",
    Variable.POSTGRES_PASSWORD: "password",
    Variable.POSTGRES_SSLMODE: "sslmode",
    Variable.POSTGRES_SSLROOTCERT: "sslrootcert",
}


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """A database and the role that connects; the password is not in the ``repr``.

    Attributes:
        host: Host of the server.
        port: TCP port.
        dbname: Name of the database.
        user: Role to connect as.
        password: Its password.
        sslmode: As libpq understands it. Default: libpq's own, ``prefer``.
        sslrootcert: File with the certificates that sign the server's, or ``system``.
    """

    host: str
    port: int = 5432
    dbname: str
    user: str
    password: str = field(repr=False)
    sslmode: str | None = None
    sslrootcert: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a run depends on, except the votes.

    Attributes:
        database: Where the votes are and the snapshots go. Default: - none; `run` is passed a
            store.
        read_database: Where the votes are counted. Default: - ``database``.
        votes_relation: Table or view there with counted cells, as the parts of its name.
            Default: - BixArena's tables are counted.
        leaderboard_slug: The only leaderboard to publish. Default: all.
        intervals: How the intervals are computed, see `RankingOptions.interval_method`.
        num_bootstrap: Rounds behind the probability of being best, and behind intervals that
            resample.
        min_evals: Votes that a model needs to be listed.
        significant: Rank by intervals that do not overlap instead of by score.
        min_total_battles: Votes below which a leaderboard is skipped, unless the run is for it
            alone.
        min_total_models: Listed models below which a leaderboard is skipped.
        prior_battles: Virtual battles of each model against an average opponent.
        seed: Of the rounds; the same votes and seed give the same rows.
        scheduled_at: The time that this run is for, in UTC, floored to the minute.
            Default: when it starts.
        dry_run: Compute and log, write nothing.
        max_runtime_seconds: When the run gives up.
        keep_snapshots: Public snapshots to keep of each leaderboard. Default: all.
        old_snapshots: What happens to older ones: ``private`` or ``delete``.
        log_format: ``json`` for machines or ``plain`` for a terminal.
    """

    database: DatabaseSettings | None = None
    read_database: DatabaseSettings | None = None
    votes_relation: tuple[str, ...] | None = None
    leaderboard_slug: str | None = None
    intervals: IntervalMethod = "auto"
    num_bootstrap: int = 1000
    min_evals: int = 10
    significant: bool = False
    min_total_battles: int = 30
    min_total_models: int = 4
    prior_battles: float = 0.5
    seed: int = 0
    scheduled_at: datetime | None = None
    dry_run: bool = False
    max_runtime_seconds: float = 900
    keep_snapshots: int | None = None
    old_snapshots: str = "private"
    log_format: str = "json"

    @property
    def counts_by_voter(self) -> bool:
        """Whether the intervals are to allow for votes of one voter, where voters are known."""
        return counts_by_voter(self.intervals)

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        now: datetime | None = None,
        needs_database: bool = True,
    ) -> Settings:
        """Read the variables; an empty one counts as unset, unknown ones are ignored.

        Args:
            environment: The variables.
            now: ``SCHEDULED_AT`` must not be later by more than `MOST_AHEAD`.
                Default: - the clock.
            needs_database: Whether the database's variables are required; a store of another
                kind does without. If one of them is set, all are required.

        Raises:
            SettingsError: With every fault, not only the first.
        """
        read = EnvironmentReader(environment)
        scheduled_at = read.moment(Variable.SCHEDULED_AT, now=now or datetime.now(UTC))
        asked = needs_database or any(
            environment.get(name, "").strip() for name in (Variable.POSTGRES_URL, *_PART_OF_URL)
        )
        database = _database(environment, read) if asked else None
        settings = cls(
            database=database,
            read_database=database and _read_database(database, read),
            votes_relation=read.relation(Variable.VOTES_RELATION),
            leaderboard_slug=read.text(Variable.LEADERBOARD_SLUG),
            intervals=read.choice(Variable.INTERVALS, cls.intervals, allowed=_INTERVALS),
            num_bootstrap=read.integer(
                Variable.NUM_BOOTSTRAP, cls.num_bootstrap, low=1, high=5000
            ),
            min_evals=read.integer(Variable.MIN_EVALS, cls.min_evals, low=0, high=2**31 - 1),
            significant=read.flag(Variable.SIGNIFICANT, default=cls.significant),
            min_total_battles=read.integer(
                Variable.MIN_TOTAL_BATTLES, cls.min_total_battles, low=0, high=2**31 - 1
            ),
            min_total_models=read.integer(
                Variable.MIN_TOTAL_MODELS, cls.min_total_models, low=0, high=2**31 - 1
            ),
            prior_battles=read.number(
                Variable.PRIOR_BATTLES, cls.prior_battles, low=1e-6, high=1000, or_zero=True
            ),
            seed=read.integer(Variable.SEED, cls.seed, low=0, high=2**63 - 1),
            scheduled_at=scheduled_at and scheduled_at.replace(second=0, microsecond=0),
            dry_run=read.flag(Variable.DRY_RUN, default=cls.dry_run),
            max_runtime_seconds=read.number(
                Variable.MAX_RUNTIME_SECONDS, cls.max_runtime_seconds, low=1, high=86_400
            ),
            keep_snapshots=read.integer(
                Variable.KEEP_SNAPSHOTS, cls.keep_snapshots, low=1, high=2**31 - 1
            ),
            old_snapshots=read.choice(
                Variable.OLD_SNAPSHOTS, cls.old_snapshots, allowed=("private", "delete")
            ),
            log_format=read.choice(Variable.LOG_FORMAT, cls.log_format, allowed=("json", "plain")),
        )
        if read.faults:
            raise SettingsError(read.faults)
        return settings


def _database(environment: Mapping[str, str], read: EnvironmentReader) -> DatabaseSettings:
    parts = {name: value for name, value in environment.items() if value.strip()}
    # libpq's own names come last, after ours and the URL.
    usual: dict[str, str] = {
        Variable.POSTGRES_SSLMODE: parts.get("PGSSLMODE", ""),
        Variable.POSTGRES_SSLROOTCERT: parts.get("PGSSLROOTCERT", ""),
    }
    one_by_one = EnvironmentReader({**usual, **_url_parts(read), **parts})
    database = DatabaseSettings(
        host=_required(one_by_one, Variable.POSTGRES_HOST, one_by_one.host),
        port=one_by_one.integer(Variable.POSTGRES_PORT, DatabaseSettings.port, low=1, high=65_535),
        dbname=_required(one_by_one, Variable.POSTGRES_DB, one_by_one.text),
        user=_required(one_by_one, Variable.POSTGRES_USER, one_by_one.text),
        password=_required(one_by_one, Variable.POSTGRES_PASSWORD, one_by_one.secret),
        sslmode=one_by_one.choice(Variable.POSTGRES_SSLMODE, None, allowed=_SSL_MODES),
        sslrootcert=one_by_one.text(Variable.POSTGRES_SSLROOTCERT),
    )
    read.faults.extend(one_by_one.faults)
    return database


def _read_database(primary: DatabaseSettings, read: EnvironmentReader) -> DatabaseSettings | None:
    """Read what differs from the primary; None if nothing is set."""
    modes = _SSL_MODES
    given = {
        "host": read.host(Variable.POSTGRES_READ_HOST),
        "port": read.integer(Variable.POSTGRES_READ_PORT, None, low=1, high=65_535),
        "dbname": read.text(Variable.POSTGRES_READ_DB),
        "user": read.text(Variable.POSTGRES_READ_USER),
        "password": read.secret(Variable.POSTGRES_READ_PASSWORD),
        "sslmode": read.choice(Variable.POSTGRES_READ_SSLMODE, None, allowed=modes),
        "sslrootcert": read.text(Variable.POSTGRES_READ_SSLROOTCERT),
    }
    differing = {name: value for name, value in given.items() if value is not None}
    return replace(primary, **differing) if differing else None  # type: ignore[arg-type]


def _url_parts(read: EnvironmentReader) -> dict[str, str]:
    """Parse POSTGRES_URL; its password is in no message."""
    url = read.secret(Variable.POSTGRES_URL)
    if url is None:
        return {}
    # The command line checks settings where the driver may not be installed.
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    expected = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special characters"
    if not url.startswith(("postgresql://", "postgres://")):
        read.reject(Variable.POSTGRES_URL, MASK, expected)
        return {}
    try:
        found = conninfo_to_dict(url)
    except ProgrammingError:
        # Its text repeats parts of the URL, and the password may be among them.
        read.reject(Variable.POSTGRES_URL, MASK, expected)
        return {}
    # After an unescaped "/" or "@", the rest of a password is taken for another part.
    host, port, name = (str(found.get(part, "")) for part in ("host", "port", "dbname"))
    if "@" in host + name or not (port or "0").isdecimal():
        read.reject(Variable.POSTGRES_URL, MASK, expected)
        return {}
    ignored = sorted(found.keys() - _PART_OF_URL.values())
    if ignored:
        allowed = ", ".join(_PART_OF_URL.values())
        read.reject(
            Variable.POSTGRES_URL, f"{MASK} with {', '.join(ignored)}", f"made of {allowed} only"
        )
    return {name: str(found[part]) for name, part in _PART_OF_URL.items() if part in found}


def _required(reader: EnvironmentReader, name: Variable, read: Callable[[str], str | None]) -> str:
    faults_before = len(reader.faults)
    value = read(name)
    if value is None and len(reader.faults) == faults_before:
        reader.reject(name, "unset", f"set, by itself or in {Variable.POSTGRES_URL}")
    return value or ""
