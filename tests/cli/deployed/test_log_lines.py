"""The worker's lines, for people."""

from __future__ import annotations

import json

from bixarena_constructs.cli.deployed.log_lines import fields_of, readable

# As floats these numbers are too large.
HUGE = [dict.fromkeys(("rank", "model", "score", "lower", "upper", "votes"), 10**400)]
EVENT = {
    "event": "board_published",
    "level": "info",
    "time": "2026-03-06T10:00:03.123456Z",
    "correlation_id": "4f0c",
    "leaderboard": "overall",
    "moved": [{"model": "a[red]", "from": 3, "to": 1}],
    "new": ["b", "c"],
    "gone": [],
    "snapshots_retired": 0,
    "separate_groups": [["a", "b"], ["c"]],
    "dry_run": False,
}


def test_says_an_event_in_a_line_without_what_machines_need() -> None:
    assert readable(json.dumps(EVENT)).plain == (
        "2026-03-06 10:00:03  board published overall  moved a[red] 3→1  new b, c"
        "  snapshots retired 0  separate groups a+b, c  dry run no"
    )


def test_lists_the_lines_of_a_board_that_a_dry_run_computed() -> None:
    entry = {"rank": 1, "model": "a", "score": 1040.26, "lower": 1000, "upper": 1080, "votes": 7}
    line = json.dumps({"event": "board_computed", "entries": [entry], "leaderboard": "overall"})
    head, board = readable(line).plain.splitlines()
    assert head.endswith("board computed overall")
    assert board.strip() == "1  a  1040.3  (1000.0 to 1080.0)  7 votes"


def test_leaves_a_line_that_is_no_event_as_it_is() -> None:
    for line in ("Traceback (most recent call last):", '["json"]', '{"no": "event"}', "12"):
        assert readable(line).plain == line
        assert fields_of(line) == {}


def test_says_why_a_run_failed_before_what_it_counted() -> None:
    fields = {"event": "run_failed", "snapshots_published": 0, "error": "x", "cause": "y"}
    assert (
        readable(json.dumps(fields)).plain
        == "  run failed  cause y  error x  snapshots published 0"
    )


def test_marks_errors() -> None:
    text = readable(json.dumps({"event": "run_failed", "level": "error", "cause": "database"}))
    assert any("red" in str(span.style) for span in text.spans)


def test_leaves_json_of_other_programs_readable() -> None:
    """Nested ones, and ones with the worker's field names and other values."""
    foreign: dict[str, object] = {"event": "rows loaded", "entries": 42}
    assert readable(json.dumps(foreign)).plain.endswith("rows loaded  entries 42")
    for entries in (
        [{"rank": 1}],
        [1],
        {"a": 1},
        [{"rank": "1", "model": "a", "score": "high"}],
        HUGE,
    ):
        line = json.dumps({**foreign, "entries": entries, "moved": [7], "leaderboard": ["x"]})
        assert "rows loaded" in readable(line).plain
    for line in ("[" * 5000 + "]" * 5000, '{"event": {"name": "x"}}', '{"event": null}'):
        assert fields_of(line) == {}
        assert readable(line).plain == line


def test_lets_no_text_command_the_terminal() -> None:
    evil = "a\x1b[2J\r\nb\u202ec\x9b1m\x07"
    shown = "a\\x1b[2J\\r\\nb\\u202ec\\x9b1m\\x07"
    assert readable(f"not JSON {evil}\n").plain == f"not JSON {shown}"
    board = [{"rank": 1, "model": evil, "score": 1, "lower": 1, "upper": 1, "votes": 1}]
    line = {"event": evil, "leaderboard": evil, "cause": evil, evil: evil, "entries": board}
    text = readable(json.dumps({**line, "time": evil})).plain
    first, second = text.split("\n")
    assert first.isprintable()
    assert shown in second
