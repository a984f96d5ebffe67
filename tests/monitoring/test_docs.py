"""docs/monitoring.md and docs/troubleshooting.md."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

from bixarena_constructs import SnapshotMonitoring
from bixarena_constructs.monitoring.message import TROUBLESHOOTING
from bixarena_constructs.monitoring.signals import REFERENCE_EXIT_CODES

DOCS = Path(__file__).parents[2] / "docs"
MONITORING = (DOCS / "monitoring.md").read_text()
EXPLAINED = (DOCS / "troubleshooting.md").read_text()


def test_lists_every_resource_that_monitoring_defines(define: Any) -> None:
    rows = re.findall(r"^\| (`AWS.*?) \| ([0-9]+)(?: with ([0-9]+))? \|", MONITORING, re.MULTILINE)
    told = {
        kind: int(count)
        for cell, *counts in rows
        for kind, count in zip(re.findall(r"`(AWS::.*?)`", cell), counts, strict=False)
        if count
    }
    resources = define().template.to_json()["Resources"].items()
    assert told == Counter(
        resource["Type"]
        for name, resource in resources
        if "Monitoring" in name or "HistoryPolicy" in name
    )


def test_tells_every_setting() -> None:
    # `topic` is told in words: who brings one knows its name.
    names = {field.name for field in fields(SnapshotMonitoring)} - {"topic"}
    assert [name for name in names if name not in MONITORING] == []


def test_tells_the_hours_of_the_default_schedule(define: Any) -> None:
    alarm = define().one("AWS::CloudWatch::Alarm", below="MissedRun")
    assert f"For the default schedule that is {alarm['EvaluationPeriods']}:" in MONITORING


def test_explains_every_alarm_exit_code_and_the_page_that_alerts_name(define: Any) -> None:
    assert TROUBLESHOOTING.endswith("/docs/troubleshooting.md")
    codes = {int(code) for code in re.findall(r"^\| ([0-9]+) \|", EXPLAINED, re.MULTILINE)}
    assert codes >= REFERENCE_EXIT_CODES.keys() | {1}
    explained = re.findall(r"^\*\*(\w+)\*\*:", EXPLAINED, re.MULTILINE)
    alarms = [
        name.removeprefix("SnapshotMonitoring").removeprefix("Delivery").removesuffix("Alarm")
        for name in define().resources("AWS::CloudWatch::Alarm")
    ]
    assert sorted(explained) == sorted(alarms)
