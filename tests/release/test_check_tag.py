"""A tag is released only if version and changelog say the same."""

from __future__ import annotations

import pytest
from tools.release.check_tag import TagError, changes

CHANGELOG = """# Changelog

## [Unreleased]

### Added

## [1.2.0] - 2026-12-01

### Added

- A thing.

## [1.1.0] - 2026-11-01

- Another.
"""


def test_prints_the_changes_of_the_version_and_of_no_other() -> None:
    assert changes("v1.2.0", version="1.2.0", changelog=CHANGELOG) == "### Added\n\n- A thing.\n"
    assert changes("v1.1.0", version="1.1.0", changelog=CHANGELOG) == "- Another.\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "message"),
    [
        ("v1.2.1", CHANGELOG, "the tag is v1.2.1, the version 1.2.0; tag v1.2.0"),
        ("1.2.0", CHANGELOG, "the tag is 1.2.0, the version 1.2.0; tag v1.2.0"),
        (
            "v1.2.0",
            CHANGELOG.replace("### Added\n\n## ", "- Not yet.\n\n## ", 1),
            "lists changes under Unreleased",
        ),
        (
            "v1.2.0",
            CHANGELOG.replace("1.2.0", "1.3.0"),
            "no heading '## [1.2.0] - year-",
        ),
        ("v1.2.0", CHANGELOG.replace(" - 2026-12-01", ""), "no heading"),
    ],
)
def test_refuses_what_does_not_agree(tag: str, changelog: str, message: str) -> None:
    with pytest.raises(TagError) as refused:
        changes(tag, version="1.2.0", changelog=changelog)
    assert message in str(refused.value)
