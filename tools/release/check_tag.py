"""Compare a tag with the version, and print that version's changes: ``check_tag.py v0.1.0``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(_ROOT / "src"))

from bixarena_constructs.worker.contract import RELEASE  # noqa: E402 - from the checkout


class TagError(Exception):
    """The tag, the version and the changelog do not say the same."""


def changes(tag: str, *, version: str, changelog: str) -> str:
    """Return the changes of a tag's version.

    Args:
        tag: Name of the tag.
        version: That of the package.
        changelog: Text of CHANGELOG.md.

    Raises:
        TagError: The tag is not the version's, or the changelog does not list that version.
    """
    if tag != f"v{version}":
        raise TagError(
            f"the tag is {tag}, the version {version}; tag v{version}, or change RELEASE in "
            "src/bixarena_constructs/worker/contract.py"
        )
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    unreleased = [each for each in sections if each.startswith("[Unreleased]")]
    if any(re.search(r"^- ", each, re.MULTILINE) for each in unreleased):
        raise TagError(
            f"CHANGELOG.md lists changes under Unreleased; give them the heading "
            f"'## [{version}] - year-month-day'"
        )
    heading = re.compile(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n")
    for each in sections:
        found = heading.match(each)
        if found:
            return each[found.end() :].strip() + "\n"
    raise TagError(f"CHANGELOG.md has no heading '## [{version}] - year-month-day'")


if __name__ == "__main__":
    try:
        sys.stdout.write(
            changes(sys.argv[1], version=RELEASE, changelog=(_ROOT / "CHANGELOG.md").read_text())
        )
    except TagError as error:
        sys.exit(f"error: {error}")
