"""The documentation site, as far as it is read without MkDocs; `make docs` builds it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from docs.write_architecture import PALETTES, picture

ROOT = Path(__file__).parents[1]
NAVIGATION = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\n\n")[0]
HOOKS = (ROOT / "docs" / "site" / "hooks.py").read_text()


def test_shows_the_architecture_as_its_script_draws_it() -> None:
    for name, palette in PALETTES.items():
        drawn = ROOT / "docs" / "images" / f"architecture-{name}.svg"
        assert drawn.read_text() == picture(palette), "stale: run `make api`"
        assert f"docs/images/architecture-{name}.svg" in (ROOT / "README.md").read_text()


def test_leads_to_every_page_once() -> None:
    listed = Counter(re.findall(r"(?:: |- )(\S+\.md)$", NAVIGATION, re.MULTILINE))
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    of_root = dict(re.findall(r'"(\w+\.md)": "(\w+\.md)"', HOOKS))
    assert of_root.keys() == {path.name for path in ROOT.glob("*.md")}
    assert listed == Counter(pages | set(of_root.values()))


def test_names_files_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:worker|cdk|cli)/[\w./]+|deployment\.py)`", page)
    assert len(set(named)) > 4
    assert [name for name in named if not (ROOT / "src/bixarena_constructs" / name).exists()] == []
