from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bixarena_constructs.worker.ranking import RankingOptions, VoteCounts, rank
from bixarena_demo.votes import simulate

if TYPE_CHECKING:
    from bixarena_demo.bixarena_database import BixArenaDatabase
    from bixarena_demo.votes import Simulation


def test_draws_the_same_rows_for_the_same_seed_and_others_for_another() -> None:
    first, again, other = (simulate(seed=seed, battles=50) for seed in (1, 1, 2))
    assert (first.models, first.rows, first.links) == (again.models, again.rows, again.links)
    assert first.rows["battle_evaluation"] != other.rows["battle_evaluation"]


def test_has_every_kind_of_battle_that_must_not_count(simulation: Simulation) -> None:
    rows = simulation.rows
    verdicts = {row[0]: row[4] for row in rows["battle_validation"]}
    effective = Counter(verdicts.get(validation) for _, validation, _ in simulation.links)
    assert effective[True] > effective[False] > 0 < effective[None]
    assert len(rows["battle_evaluation"]) < len(rows["battle"])
    assert len(verdicts) > sum(validation is not None for _, validation, _ in simulation.links)
    assert {row[3] for row in rows["battle_categorization"]} == {"matched", "abstained", "failed"}
    tagged = Counter(row[0] for row in rows["battle_categorization_category"])
    assert set(tagged.values()) == {1, 2, 3}
    assert any(categorization is None for *_, categorization in simulation.links)


def test_has_a_retired_model_a_newcomer_and_boards_too_small_to_publish(
    simulation: Simulation,
) -> None:
    assert [model.active for model in simulation.models].count(False) == 1
    met = Counter(model for row in simulation.rows["battle"] for model in row[2:])
    assert 0 < met[simulation.models[-2].id] < 10
    sizes = Counter(row[1] for row in simulation.rows["battle_categorization_category"])
    assert min(sizes.values()) < 30 < max(sizes.values())


@pytest.mark.slow
def test_is_estimated_without_bias_where_a_tie_is_half_a_win() -> None:
    simulation = simulate(seed=3, models=5, battles=20_000)
    pair_of = {row[0]: row[2:] for row in simulation.rows["battle"]}
    sides = {"model1": "model_a", "model2": "model_b", "tie": "tie"}
    cells = [
        (str(pair_of[battle][0]), str(pair_of[battle][1]), sides[str(outcome)], 1)
        for battle, outcome in simulation.rows["battle_evaluation"]
    ]
    ranking = rank(VoteCounts.from_cells(cells), RankingOptions(num_bootstrap=0, min_evals=1000))
    truth = {str(model.id): model.strength for model in simulation.models}
    centre = sum(truth[entry.model] for entry in ranking.entries) / len(ranking.entries)
    for entry in ranking.entries:
        # Some 9000 votes each: a standard error of about 4 Elo, and four of them.
        assert entry.score == pytest.approx(truth[entry.model] - centre + 1000, abs=16)
    draws = sum(row[1] == "tie" for row in simulation.rows["battle_evaluation"])
    assert 0.05 < draws / len(cells) < 0.15


def test_fills_the_database_with_the_very_rows(
    bixarena: BixArenaDatabase, simulation: Simulation
) -> None:
    with bixarena.owner.connect() as connection:
        for table, rows in simulation.rows.items():
            found = connection.execute(f"SELECT count(*) FROM api.{table}".encode()).fetchone()
            assert found == (len(rows),)
        links = connection.execute(
            "SELECT id, effective_validation_id, effective_categorization_id FROM api.battle"
        ).fetchall()
    assert set(links) == set(simulation.links)
