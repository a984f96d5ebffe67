from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bixarena_demo.bixarena_database import BixArenaDatabase

if TYPE_CHECKING:
    from bixarena_demo.postgres import PostgresServer


def test_never_changes_the_password_that_the_databases_of_a_server_share(
    postgres: PostgresServer, bixarena: BixArenaDatabase
) -> None:
    with pytest.raises(ValueError, match="worker_password is missing; the server has the role"):
        BixArenaDatabase.create(postgres, "without_password")
    BixArenaDatabase.create(postgres, "with_another", worker_password="another")
    postgres.drop_database("with_another")
    with bixarena.worker.connect() as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("bixarena_worker",)
