"""The blocks of docs/another_schema.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bixarena_constructs.testing import SnapshotStoreContract
from bixarena_constructs.worker import Settings
from bixarena_constructs.worker.job import run

if TYPE_CHECKING:
    from tests.worker.conftest import MakeSettings

    from bixarena_demo.bixarena_database import BixArenaDatabase

_PAGE = (Path(__file__).parents[2] / "docs" / "another_schema.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)


def _executed(block: str, **names: Any) -> dict[str, Any]:
    exec(compile(block, "another_schema.md", "exec"), names)  # noqa: S102 - the page's own
    return names


def test_has_a_worker_whose_store_is_made_from_the_settings() -> None:
    program, _ = _blocks("python")
    # Not run as a program: it would end the process of the tests.
    names = _executed(program, __name__="arena_worker")
    assert names["open_store"](Settings()) is None
    assert "main(open_store)" in program


def test_has_a_test_of_a_store_that_pytest_collects(tmp_path: Path) -> None:
    _, tests = _blocks("python")
    names = _executed(
        tests, pytest=pytest, Path=Path, SnapshotStore=object, make_arena=str, ArenaStore=list
    )
    test: Any = names["TestArenaStore"]()
    assert issubclass(type(test), SnapshotStoreContract)
    test.path = str(tmp_path)
    assert "".join(test.open_store()) == str(tmp_path)


def test_has_a_view_that_the_worker_counts(
    bixarena: BixArenaDatabase, settings_for: MakeSettings, journal: Any
) -> None:
    (view,) = _blocks("sql")
    with bixarena.owner.connect() as connection:
        connection.execute("CREATE SCHEMA analytics")
        connection.execute(
            "CREATE TABLE analytics.duel AS"
            " SELECT 'overall' AS topic, model1_id AS left_id, model2_id AS right_id,"
            " CASE outcome WHEN 'model1' THEN 'left' WHEN 'model2' THEN 'right' ELSE 'draw' END"
            " AS verdict FROM api.battle JOIN api.battle_evaluation ON battle_id = battle.id"
        )
        connection.execute(view.encode())
        connection.execute("GRANT USAGE ON SCHEMA analytics TO bixarena_worker")
        connection.execute("GRANT SELECT ON analytics.cells TO bixarena_worker")
        ((duels,),) = connection.execute("SELECT count(*) FROM analytics.duel").fetchall()
    settings = settings_for(bixarena.worker, VOTES_RELATION="analytics.cells")
    assert run(settings, log=journal.log).published == ["overall"]
    assert journal.named("votes_counted")[0]["votes"]["overall"] == duels
