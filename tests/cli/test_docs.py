"""docs/cli.md says what the command line does: commands, options and exit codes are compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from bixarena_constructs.cli import exit_codes
from bixarena_constructs.cli.app import app
from bixarena_constructs.worker import errors as worker_errors

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
EVERYWHERE = {"--help", "--task", "--profile", "--region"}


def sections() -> dict[str, str]:
    found = re.findall(
        r"^## `bixarena ([a-z ]+) [^`]*`\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL
    )
    return dict(found)


def options() -> dict[str, set[str]]:
    program = typer.main.get_group(app)
    alert: Any = program.commands.pop("alert")
    commands = {
        **program.commands,
        **{f"alert {name}": command for name, command in alert.commands.items()},
    }
    return {
        name: {
            option
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
            if option.startswith("--")
        }
        for name, command in commands.items()
    }


def test_documents_every_command() -> None:
    assert sections().keys() == options().keys()


def test_documents_every_option_and_no_other() -> None:
    for command, known in options().items():
        documented = set(re.findall(r"`(--[a-z-]+)", sections()[command]))
        assert documented == known - EVERYWHERE, command
    opening = PAGE.partition("\n## ")[0]
    assert EVERYWHERE - {"--help"} <= set(re.findall(r"`(--[a-z-]+)", opening))


def test_documents_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)`)? *\|", PAGE, re.MULTILINE)
    documented = {name: int(code) for code, name in rows if name}
    assert documented == {name: getattr(exit_codes, name) for name in exit_codes.__all__}


def test_shares_no_exit_code_with_the_worker_or_a_signal() -> None:
    own = {getattr(exit_codes, name) for name in exit_codes.__all__}
    workers = {
        kind.exit_code
        for kind in vars(worker_errors).values()
        if isinstance(kind, type)
        and issubclass(kind, worker_errors.WorkerError)
        and kind is not worker_errors.InterruptedRunError
    }
    assert own.isdisjoint(workers)
    assert all(64 <= code <= 78 for code in own)
