"""The example apps, as they synthesise."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from cfnlint.api import lint

from bixarena_constructs.testing import TemplateSnapshotExtension

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ["complete", "custom_worker", "minimal", "schedules"]
CHECKED = [*NAMES, "../tests/examples/three_tasks"]


def template_of(example: str, **context: object) -> dict[str, Any]:  # CloudFormation is untyped
    folder = EXAMPLES / example
    spec = spec_from_file_location(f"examples_{example}", folder / "app.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    settings = json.loads((folder / "cdk.json").read_text())
    app = App(context={**settings.get("context", {}), **context})
    stack = module.SnapshotStack(app, "BixarenaSnapshot")
    assert isinstance(stack, Stack)
    template = Template.from_stack(stack).to_json()
    assert isinstance(template, dict)
    return template


@pytest.mark.parametrize("example", NAMES)
def test_synthesises_to_its_snapshot(example: str, snapshot: SnapshotAssertion) -> None:
    assert template_of(example) == snapshot(extension_class=TemplateSnapshotExtension)


# A process of its own: the rules are switched on or off when aws_cdk is first imported.
_SYNTHESISE_UNDER_THE_RULES = """
import sys

sys.path.insert(0, sys.argv[1])
from test_templates import template_of

for example in sys.argv[2:]:
    template_of(example, **{"@aws-cdk/core:validateAgainstDefaultRules": True})
    print(example)
"""


@pytest.mark.slow
def test_passes_the_cdks_own_rules_as_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDK_VALIDATION")
    done = subprocess.run(
        [sys.executable, "-c", _SYNTHESISE_UNDER_THE_RULES, str(Path(__file__).parent), *CHECKED],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == CHECKED


@pytest.mark.slow
@pytest.mark.parametrize("example", CHECKED)
def test_passes_cfn_lint(example: str) -> None:
    assert lint(json.dumps(template_of(example)), regions=["us-east-1"]) == []
