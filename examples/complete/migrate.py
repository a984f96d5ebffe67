"""Brings the tables and the worker's role into the database, in the worker's image.

It is run again to pass on a new password of that role.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files

import psycopg
from psycopg import sql

ROLE = "bixarena_worker"


def main() -> None:
    """Connect as the master user, and create what is not there."""
    grants = files("bixarena_constructs.worker").joinpath("sql", "grants.sql")
    with psycopg.connect(
        host=os.environ["POSTGRES_HOST"],
        port=os.environ["POSTGRES_PORT"],
        dbname=os.environ["POSTGRES_DB"],
        user=os.environ["POSTGRES_USER"],
        password=os.environ["POSTGRES_PASSWORD"],
        sslmode=os.environ["POSTGRES_SSLMODE"],
        sslrootcert=os.environ["POSTGRES_SSLROOTCERT"],
    ) as connection:
        schema = connection.execute("SELECT to_regnamespace('api')").fetchone()
        if schema == (None,):
            connection.execute(os.environ["SCHEMA"].encode())
        role = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
        if role is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ROLE)))
        # Hashed here, so that no log of the server shows it.
        password = connection.pgconn.encrypt_password(
            os.environ["WORKER_PASSWORD"].encode(), ROLE.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(ROLE), sql.Literal(password.decode())
            )
        )
        connection.execute(grants.read_bytes())
    sys.stdout.write("the database is ready for the worker\n")


if __name__ == "__main__":
    main()
