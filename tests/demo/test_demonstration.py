"""The demo, whole: deploy to the local AWS, fire the schedule, look at the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bixarena_demo.boards import coverage, expected_coverage, published_boards
from bixarena_demo.command_line import main
from bixarena_demo.demonstration import demonstrate
from bixarena_demo.postgres import PostgresServer
from bixarena_demo.stage import DATABASE

if TYPE_CHECKING:
    from bixarena_demo.demonstration import Demonstration

# Starts every server.
pytestmark = pytest.mark.slow

MINIMAL = Path(__file__).parents[2] / "examples" / "minimal"
PASSWORD = "3b0c-not-to-be-seen-anywhere-9f27"


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "postgres"


@pytest.fixture(scope="module")
def steps() -> list[str]:
    return []


@pytest.fixture(scope="module")
def demonstration(data_folder: Path, steps: list[str]) -> Demonstration:
    return demonstrate(
        MINIMAL, data_folder=data_folder, report=steps.append, worker_password=PASSWORD
    )


def test_publishes_boards_of_simulated_votes(demonstration: Demonstration) -> None:
    boards = {board.slug: board for board in demonstration.boards}
    assert "overall" in boards
    assert len(boards) > 10
    ranks = [entry.rank for entry in boards["overall"].entries]
    assert ranks == list(range(1, len(ranks) + 1))
    assert all(entry.lower < entry.score < entry.upper for entry in boards["overall"].entries)


def test_runs_for_ten_o_clock(demonstration: Demonstration) -> None:
    snapshots = {board.snapshot for board in demonstration.boards}
    assert len(snapshots) == 1
    assert snapshots.pop().endswith("_10-00-00")


def test_holds_the_truth_inside_its_intervals_at_about_the_nominal_rate(
    demonstration: Demonstration,
) -> None:
    overall = [board for board in demonstration.boards if board.slug == "overall"]
    for boards in (overall, demonstration.boards):
        inside, intervals = coverage(boards, demonstration.truth)
        expected, margin = expected_coverage(intervals)
        # The seed is fixed.
        assert expected - margin <= inside
    assert intervals > 100


def test_expects_two_standard_deviations_of_a_binomial() -> None:
    assert expected_coverage(120) == (114, 5)
    assert expected_coverage(11) == (10, 2)


def test_logs_one_json_object_a_line_with_one_correlation_id(
    demonstration: Demonstration,
) -> None:
    events = [json.loads(line) for line in demonstration.log]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert events[-1]["snapshots_published"] == len(demonstration.boards)
    assert len({event["correlation_id"] for event in events}) == 1


def test_shows_no_secret_in_template_log_or_output(
    demonstration: Demonstration, steps: list[str]
) -> None:
    assert "POSTGRES_PASSWORD" in demonstration.template
    for text in (
        demonstration.template,
        "\n".join(demonstration.log),
        json.dumps(demonstration.outputs),
        "\n".join(steps),
    ):
        assert PASSWORD not in text


def test_leaves_the_rows_where_it_says(demonstration: Demonstration, data_folder: Path) -> None:
    with (
        PostgresServer.start(version=16, folder=data_folder) as server,
        server.info(DATABASE).connect() as connection,
    ):
        assert published_boards(connection) == demonstration.boards


def test_says_what_is_wrong_and_exits_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["psql", "--data-folder", str(tmp_path / "nothing")]) == 1
    assert "is not there, run the demo first" in capsys.readouterr().out
