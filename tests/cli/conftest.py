"""Vote files, and a command line that runs in the test's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from typer.testing import CliRunner, Result

from bixarena_constructs.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path


class Bixarena(Protocol):
    """Runs ``bixarena`` with some arguments."""

    def __call__(self, *arguments: str | Path) -> Result: ...


@pytest.fixture
def bixarena() -> Bixarena:
    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def votes_csv(tmp_path: Path) -> Path:
    """Three models, one of them with a name that is dangerous to every format, and a newcomer."""
    path = tmp_path / "votes.csv"
    lines = ["model_a,model_b,winner,voter"]
    for voter in range(12):
        lines += [
            f"alpha,<b>|[red],model_a,{voter}",
            f"alpha,<b>|[red],{'tie' if voter % 3 else 'model_b'},{voter}",
            f"gamma,alpha,model_b,{voter}",
            f"gamma,<b>|[red],{'model_a' if voter % 2 else 'model_b'},{voter}",
        ]
    lines += ["alpha,newcomer,tie,1", "gamma,gamma,tie,1"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
