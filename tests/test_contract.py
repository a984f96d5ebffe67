"""What the halves agree on has one name: no second literal in the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bixarena_constructs
from bixarena_constructs import deployment
from bixarena_constructs.worker import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src"
CONTRACT = SOURCE / "bixarena_constructs" / "worker" / "contract.py"
WORKER_EXIT_CODES = CONTRACT.with_name("exit_codes.py")
DEPLOYMENT = SOURCE / "bixarena_constructs" / "deployment.py"
NAMES = {
    *contract.Variable,
    *contract.Event,
    *contract.Outcome,
    *deployment.Output,
    *deployment.Metric,
    deployment.OUTPUTS_ID,
    deployment.STARTED_BY_RULE,
    deployment.STARTED_BY_SCHEDULE,
    deployment.STARTED_BY_RETRY,
    deployment.STARTED_BY_COMMAND_LINE,
}
FIELDS = {*contract.Field, *contract.EntryField}
# These are words of nothing else, so they count inside of a longer text too.
PECULIAR = re.compile(rf"\b(?:{'|'.join(sorted(name for name in NAMES if '_' in name))})\b")
EXIT_CODES = {failure.exit_code for failure in contract.FAILURES}
# Fields of AWS's own APIs and metrics that an output happens to be named after.
OF_AWS = {
    ("cdk/delivery_metrics.py", "RuleName"),
    ("cdk/monitoring/message.py", "LogGroupName"),
    ("cli/deployed/stack.py", "Outputs"),
    ("rehearsal.py", "RuleName"),
    ("testing/template_assertions.py", "TaskDefinitionArn"),
}


def modules() -> list[Path]:
    # `local_aws` may know nothing of BixArena, and has AWS's words for what it imitates.
    folders = (SOURCE / "bixarena_constructs", SOURCE / "bixarena_demo")
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if path not in (CONTRACT, WORKER_EXIT_CODES, DEPLOYMENT)
    ]


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield all texts of a module but its docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if id(node) not in docstrings:
                yield text


def numbers(tree: ast.AST) -> Iterator[object]:
    """Yield what an exit code is set to, and every number that is that of a signal."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="exit_code", value=ast.Constant(value)):
                yield value
            case ast.Assign(targets=[ast.Name("exit_code")], value=ast.Constant(value)):
                yield value
            case ast.AnnAssign(target=ast.Name("exit_code"), value=ast.Constant(value)):
                yield value
            case ast.Constant(int(value)) if value > 128:
                yield value


def fields(tree: ast.AST) -> Iterator[str]:
    """Yield names that a line of the log is written with or read by."""
    reads_log = any(isinstance(node, ast.Name) and "Field" in node.id for node in ast.walk(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="info" | "warning" | "error" | "bind")):
                yield from (str(each.arg) for each in node.keywords)
            case ast.Dict(keys=keys) if any("Field." in ast.unparse(key) for key in keys if key):
                yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))
            case ast.Subscript(slice=ast.Constant(str(name))) if reads_log:
                yield name


def second_literals(source: str) -> set[str]:
    tree = ast.parse(source)
    found = {name for text in texts(tree) for name in PECULIAR.findall(text)}
    found |= NAMES.intersection(texts(tree)) | FIELDS.intersection(fields(tree))
    return found | {str(number) for number in numbers(tree) if number in EXIT_CODES}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_has_no_second_literal(path: Path) -> None:
    inside = path.relative_to(SOURCE / path.relative_to(SOURCE).parts[0]).as_posix()
    of_aws = {name for place, name in OF_AWS if place == inside}
    assert second_literals(path.read_text()) == of_aws


@pytest.mark.parametrize(
    ("module", "named", "typed"),
    [
        ("worker/job.py", "Event.RUN_STARTED", '"run_started"'),
        ("worker/settings.py", "Variable.SEED", '"SEED"'),
        ("worker/report.py", "Outcome.COMPUTED", '"computed"'),
        ("worker/report.py", "Field.TOTAL_VOTES:", '"total_votes":'),
        ("worker/report.py", "Field.MODELS:", '"models":'),
        ("worker/report.py", "EntryField.RANK:", '"rank":'),
        ("worker/job.py", "**{Field.LEADERBOARD: board.slug}", "leaderboard=board.slug"),
        ("cli/deployed/log_lines.py", "each[EntryField.FROM]", "each['from']"),
        ("worker/errors.py", "failure: Failure = INTERNAL", "exit_code: int = 1"),
        ("cdk/monitoring/worker_signals.py", "Outcome.PUBLISHED", '"published"'),
        ("cdk/monitoring/worker_signals.py", "failure.exit_code: ", "137: "),
        ("cdk/monitoring/dashboard.py", "{Event.RUN_FINISHED}", "run_finished"),
        ("cdk/monitoring/missed_run.py", "Metric.OUTCOMES, stat", '"Outcomes", stat'),
        ("cdk/monitoring/task_monitoring.py", "Output.ALARM_NAMES", '"AlarmNames"'),
        ("cdk/snapshot_task.py", "OUTPUTS_ID,\n", '"Outputs",\n'),
        ("cdk/delivery.py", "Variable.SCHEDULED_AT", '"SCHEDULED_AT"'),
        ("cli/deployed/runs.py", "STARTED_BY_RULE)", '"events-rule/")'),
        ("cli/deployed/stack.py", "Output.RULE_NAME", '"RuleName"'),
        ("cli/deployed/logged_runs.py", "Event.RUN_STARTED", '"run_started"'),
    ],
)
def test_finds_a_name_that_is_typed_again(module: str, named: str, typed: str) -> None:
    source = (SOURCE / "bixarena_constructs" / module).read_text()
    assert named in source
    mutant = source.replace(named, typed)
    assert second_literals(mutant) - second_literals(source)


@pytest.mark.parametrize(
    "path", [CONTRACT, WORKER_EXIT_CODES, DEPLOYMENT], ids=lambda path: path.name
)
def test_imports_the_standard_library_only(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                imported |= {each.name for each in names}
            case ast.ImportFrom(module):
                imported.add(module or ".")
    imported.discard("bixarena_constructs.worker.exit_codes")
    assert imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_loads_without_numerics_and_drivers() -> None:
    code = (
        "import sys, bixarena_constructs.worker.contract, bixarena_constructs.deployment\n"
        "print([name for name in ('numpy', 'psycopg', 'structlog') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_gives_each_failure_a_code_and_words_of_its_own() -> None:
    failures = contract.FAILURES
    assert [each.exit_code for each in failures] == sorted(EXIT_CODES)
    assert len({each.meaning for each in failures}) == len(failures)
    assert [contract.failure_of(each.exit_code) for each in failures] == list(failures)
    assert contract.failure_of(0) is None
    assert contract.failure_of(42) is None


def test_the_version_is_written_in_one_place() -> None:
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())
    version = project["tool"]["hatch"]["version"]
    assert SOURCE.parent / version["path"] == CONTRACT
    (written,) = re.findall(version["pattern"], CONTRACT.read_text(), re.MULTILINE)
    assert written == contract.RELEASE == bixarena_constructs.__version__
    literals = [path for path in modules() if f'"{written}"' in path.read_text()]
    assert literals == []
