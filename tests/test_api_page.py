"""API.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_is_what_the_docstrings_say() -> None:
    made = subprocess.run(
        [sys.executable, "docs/write_api.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (ROOT / "API.md").read_text() == made.stdout, "stale: run `make api`"
