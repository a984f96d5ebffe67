"""BixArena's store is held to the contract of every store, with and without a view of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from bixarena_constructs.testing import SnapshotStoreContract
from bixarena_constructs.worker.deadline import Deadline
from bixarena_constructs.worker.settings import Settings
from bixarena_constructs.worker.store_factory import store_for_run

if TYPE_CHECKING:
    from bixarena_constructs.worker import SnapshotStore
    from bixarena_demo.bixarena_database import BixArenaDatabase

_VIEW = """
CREATE VIEW api.cells AS
SELECT 'overall' AS leaderboard, model1_id AS model_a, model2_id AS model_b, 'tie' AS outcome,
       1 AS votes
FROM api.battle;
GRANT SELECT ON api.cells TO bixarena_worker;
"""


@pytest.mark.slow
class TestBixArenasStore(SnapshotStoreContract):
    variables: ClassVar[dict[str, str]] = {"KEEP_SNAPSHOTS": "2", "OLD_SNAPSHOTS": "delete"}

    @pytest.fixture(autouse=True)
    def _arena(self, bixarena: BixArenaDatabase) -> None:
        self.arena = bixarena
        with bixarena.owner.connect() as connection:
            connection.execute(_VIEW.encode())
            connection.execute("GRANT DELETE ON api.leaderboard_snapshot TO bixarena_worker")

    def open_store(self) -> SnapshotStore:
        environment = {**self.arena.worker.environment, **self.variables}
        return store_for_run(Settings.from_environment(environment), Deadline(60))


class TestBixArenasStoreWithAView(TestBixArenasStore):
    variables: ClassVar[dict[str, str]] = {"VOTES_RELATION": "api.cells"}
