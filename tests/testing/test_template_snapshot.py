"""Templates as text that changes only when the stack does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk.assertions import Template

from bixarena_constructs.testing import TemplateSnapshotExtension, normalised_template

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

FIRST, SECOND = "a" * 64, "0123456789abcdef" * 4


def test_leaves_out_what_the_cdk_adds_to_every_stack() -> None:
    stack = Stack(App(analytics_reporting=True), "Stack")
    template = Template.from_stack(stack).to_json()
    assert "BootstrapVersion" in template["Parameters"]
    assert normalised_template(template) == {}


def test_keeps_parameters_and_rules_of_the_stacks_own() -> None:
    template = {
        "Parameters": {"BootstrapVersion": {}, "Mine": {"Type": "String"}},
        "Rules": {"CheckBootstrapVersion": {}, "Mine": {"Assertions": []}},
    }
    assert normalised_template(template) == {
        "Parameters": {"Mine": {"Type": "String"}},
        "Rules": {"Mine": {"Assertions": []}},
    }


def test_numbers_the_hashes_of_assets() -> None:
    template = {"Resources": {"A": f"{FIRST}.zip", "B": f"repo:{SECOND}", "C": f"{FIRST}.json"}}
    assert normalised_template(template) == {
        "Resources": {
            "A": "asset-hash-1.zip",
            "B": "repo:asset-hash-2",
            "C": "asset-hash-1.json",
        }
    }


def test_keeps_the_digest_of_an_image() -> None:
    template = {"Resources": {"Image": f"ghcr.io/arena/worker:1@sha256:{SECOND}"}}
    assert normalised_template(template) == template


def test_does_not_change_with_the_content_of_an_asset(tmp_path: Path) -> None:
    templates = []
    for content in ("one", "two"):
        (tmp_path / "file").write_text(content)
        stack = Stack(App(), "Stack")
        asset = s3_assets.Asset(stack, "Asset", path=str(tmp_path / "file"))
        stack.export_value(asset.s3_object_key, name="key")
        templates.append(Template.from_stack(stack).to_json())
    assert templates[0] != templates[1]
    assert normalised_template(templates[0]) == normalised_template(templates[1])


def test_writes_sorted_json_that_ends_in_a_new_line() -> None:
    text = TemplateSnapshotExtension().serialize({"Resources": {"B": "ü", "A": 1}})
    assert text == '{\n  "Resources": {\n    "A": 1,\n    "B": "ü"\n  }\n}\n'


def test_compares_with_a_file_of_its_own(snapshot: SnapshotAssertion) -> None:
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}
    kept = snapshot(extension_class=TemplateSnapshotExtension)
    assert template == kept


def test_refuses_what_is_no_template() -> None:
    with pytest.raises(TypeError, match=r"got Template; pass Template\.from_stack"):
        TemplateSnapshotExtension().serialize(Template.from_stack(Stack(App(), "Stack")))
