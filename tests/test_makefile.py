"""Makefile: what it offers is listed where one looks for it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"[\w-]+", MAKEFILE.partition(".PHONY:")[2].partition(".DEFAULT")[0]))


def test_help_lists_every_target_but_those_behind_the_others() -> None:
    assert set(re.findall(r'@echo "make ([\w-]+)', MAKEFILE)) == TARGETS - {"help", "setup"}


def test_the_table_of_slow_targets_has_each_that_continuous_integration_leaves_out() -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    listed = set(re.findall(r"^\| `make ([\w-]+)` \|", page, re.MULTILINE))
    of_tests = {name for name in TARGETS if name.startswith("test-")}
    assert of_tests - {"test-fast"} <= listed <= TARGETS
