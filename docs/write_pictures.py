"""Draw what the commands show, from the running product: ``make pictures``.

Deploys `examples/minimal` to the local AWS, runs it, breaks it, and keeps what a terminal shows.
With a file of votes, it draws their board too, under the file's name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from bixarena_demo.breaks import broken
from bixarena_demo.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "images"
COLUMNS: Final = 118


def main(votes: list[str]) -> None:
    """Write the pictures into docs/images."""
    for file in votes:
        _show("rank", file, "--plot", str(FOLDER / f"{Path(file).stem}.svg"))
    app = ROOT / "examples" / "minimal"
    with (
        TemporaryDirectory() as data,
        open_stage(app, data_folder=Path(data) / "postgres", report=print) as stage,
    ):
        settings = stage.settings()
        _show("run", stage.stack, settings=settings)
        _draw("status", stage.stack, settings=settings)
        with broken(stage, "secret-deleted"):
            _draw("doctor", stage.stack, settings=settings)


def _draw(*arguments: str, settings: Mapping[str, str]) -> None:
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text(f"$ bixarena {' '.join(arguments)}", style="bold"))
    console.print(Text.from_ansi(_show(*arguments, settings=settings)))
    name = arguments[0]
    picture = console.export_svg(title="bixarena", theme=DIMMED_MONOKAI, unique_id=name)
    # Nothing is fetched from other hosts: the reader's own monospaced font does.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    lines = picture.replace("Fira Code", "ui-monospace").splitlines()
    text = "\n".join(line.rstrip() for line in lines)
    (FOLDER / f"{name}.svg").write_text(f"{text}\n")


def _show(*arguments: str, settings: Mapping[str, str] | None = None) -> str:
    return subprocess.run(
        [str(Path(sys.executable).parent / "bixarena"), *arguments],
        env={**os.environ, **(settings or {}), "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


if __name__ == "__main__":
    main(sys.argv[1:])
