"""``bixarena stop``, ``publish`` and ``unpublish`` as processes, on the deployed example."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Arena  # type: ignore[import-not-found] # pytest's, no package

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("arena")]

STACK = "BixarenaSnapshot"


def public(arena: Arena) -> set[str]:
    with arena.database.owner.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT snapshot_identifier FROM api.leaderboard_snapshot"
            " WHERE visibility = 'public'"
        )
        return {name for (name,) in rows}


def test_hides_the_snapshots_of_one_time_and_shows_them_again(arena: Arena) -> None:
    with arena.database.owner.connect() as connection:
        # Of another test, perhaps of the same minute.
        connection.execute("DELETE FROM api.leaderboard_snapshot")
    ran = arena.bixarena("run", STACK, "--leaderboard", "overall")
    (snapshot,) = public(arena)
    assert snapshot in ran.stdout
    # A run of another test may have failed.
    before = json.loads(arena.bixarena("status", STACK, "--format", "json").stdout)
    hidden = arena.bixarena("unpublish", STACK, snapshot)
    assert hidden.returncode == 0, hidden.stderr
    assert f"unpublished  snapshot {snapshot}  leaderboards overall" in hidden.stdout
    assert public(arena) == set()
    shown = arena.bixarena("publish", STACK, snapshot)
    assert shown.returncode == 0, shown.stderr
    assert public(arena) == {snapshot}
    again = arena.bixarena("publish", STACK, snapshot)
    assert again.returncode == 2
    assert "the worker ended with exit code 2" in again.stderr
    assert "settings are wrong" not in again.stderr
    status = json.loads(arena.bixarena("status", STACK, "--format", "json").stdout)
    runs = [(run["outcome"], run["command"]) for run in status["runs"][:3]]
    assert runs == [
        ("failed with 2", f"publish {snapshot}"),
        ("made public", f"publish {snapshot}"),
        ("made private", f"unpublish {snapshot}"),
    ]
    # Such a run says nothing of the leaderboards.
    assert status["attention"] == before["attention"]


@pytest.mark.parametrize("name", ["overall", "snapshot_2026-03-06", "--help-me"])
def test_refuses_what_is_no_snapshot(arena: Arena, name: str) -> None:
    refused = arena.bixarena("unpublish", STACK, "--", name)
    assert refused.returncode == 64
    assert "is not a snapshot's name; write it as in snapshot_2026-03-06_10-00-00" in " ".join(
        refused.stderr.replace("│", " ").split()
    )


def test_stops_the_run_that_is_chosen(arena: Arena) -> None:
    with arena.database.owner.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE api.battle")
        start = ("run", STACK, "--no-follow", "--dry-run")
        first, second = (arena.bixarena(*start).stdout.strip() for _ in range(2))
        running = json.loads(arena.bixarena("status", STACK, "--format", "json").stdout)["runs"]
        which = arena.bixarena("stop", STACK)
        assert arena.bixarena("stop", STACK, "--run", first).stdout.startswith(f"stopped {first}")
        assert arena.bixarena("stop", STACK).stdout.startswith(
            f"stopped {second}: failed with 143"
        )
    none = arena.bixarena("stop", STACK)
    gone = arena.bixarena("stop", STACK, "--run", first)
    assert {run["id"] for run in running[:2]} == {first, second}
    assert all(run["deadline_seconds"] == 900 and not run["has_ended"] for run in running[:2])
    assert which.returncode == 64
    assert "several runs are under way, choose with --run: " in which.stderr
    assert (none.returncode, gone.returncode) == (66, 66)
    assert "no run of Snapshot is under way; see `bixarena status" in none.stderr
    assert f"the run {first} of Snapshot is not under way: failed with 143" in gone.stderr


def test_status_check_is_an_exit_code(arena: Arena) -> None:
    ran = arena.bixarena("run", STACK)
    assert ran.returncode == 0, ran.stderr
    assert arena.bixarena("status", STACK, "--check").returncode == 0
    unknown = arena.bixarena("status", STACK, "--check", AWS_ENDPOINT_URL_SQS="http://127.0.0.1:9")
    assert unknown.returncode == 74
    events = arena.aws.session.client("events")
    events.disable_rule(Name=arena.task.rule_name)
    try:
        disabled = arena.bixarena("status", STACK, "--check")
    finally:
        events.enable_rule(Name=arena.task.rule_name)
    assert disabled.returncode == 78
    assert "somebody has disabled the rule, which the stack defines as enabled" in disabled.stdout
