from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import structlog

from bixarena_constructs.worker.logs import open_log, parts_of


def test_writes_one_json_object_a_line_with_level_utc_time_and_context() -> None:
    stream = StringIO()
    log = open_log(stream, correlation_id="c1")
    log.info("first", board="overall", text='quotes " and\nnewlines')
    log.warning("second")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    moment = datetime.fromisoformat(first.pop("time"))
    assert moment.tzinfo == UTC
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert first == {
        "event": "first",
        "level": "info",
        "correlation_id": "c1",
        "board": "overall",
        "text": 'quotes " and\nnewlines',
    }
    assert (second["event"], second["level"]) == ("second", "warning")


def test_writes_plain_lines_without_colours_where_there_is_no_terminal() -> None:
    stream = StringIO()
    open_log(stream, log_format="plain", correlation_id="c1").info("first", board="overall")
    (line,) = stream.getvalue().splitlines()
    assert "first" in line
    assert "board=overall" in line
    assert "\x1b" not in line


def test_leaves_the_configuration_of_others_alone() -> None:
    open_log(StringIO())
    assert not structlog.is_configured()


def test_cuts_a_line_that_docker_would_cut_and_notes_by_how_much() -> None:
    stream = StringIO()
    open_log(stream, correlation_id="c1").error(
        "run_failed",
        error="é" * 10_000,
        moved=[{"model": f"model-{number}", "from": 1, "to": 2} for number in range(1000)],
        votes={f"board-{number}": number for number in range(2000)},
        failed=tuple(f"board-{number}" for number in range(2000)),
        exit_code=4,
    )
    (line,) = stream.getvalue().splitlines()
    assert 8_000 < len(line.encode()) <= 16_000
    fields = json.loads(line)
    assert (fields["event"], fields["exit_code"]) == ("run_failed", 4)
    for name, length in (("error", 10_000), ("moved", 1000), ("votes", 2000), ("failed", 2000)):
        assert 0 < len(fields[name]) < length
        assert len(fields[name]) + fields["left_out"][name] == length


def test_leaves_a_line_alone_that_is_short_enough() -> None:
    stream = StringIO()
    open_log(stream).info("votes_counted", votes={f"board-{n}": n for n in range(500)})
    fields = json.loads(stream.getvalue())
    assert len(fields["votes"]) == 500
    assert "left_out" not in fields


def test_cuts_a_list_into_parts_that_lose_nothing() -> None:
    items = [{"model": f"model-{number}", "rank": number} for number in range(521)]
    parts = list(parts_of(items))
    assert [item for part in parts for item in part] == items
    assert 1 < len(parts) < 5
    assert all(len(json.dumps(part)) < 16_000 for part in parts)
    assert list(parts_of([])) == [[]]
