from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import structlog

from bixarena_constructs.worker.logs import open_log


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
