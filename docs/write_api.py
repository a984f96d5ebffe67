"""Write API.md from the docstrings of the public names: ``python docs/write_api.py > API.md``.

The code is read, not imported, so the page is the same on every machine.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import griffe
import griffe2md

SOURCE = Path(__file__).parents[1] / "src"
# What a user imports from; each lists its names in `__all__`.
DOORS = (
    "bixarena_constructs",
    "bixarena_constructs.testing",
    "bixarena_constructs.worker",
    "bixarena_constructs.worker.ranking",
)
INTRODUCTION = """# API

Written from the docstrings by `make api`. The names below are public, under the modules that they
are imported from; everything else is internal to the package and may change in any release."""
CONFIG = griffe2md.ConfigDict(
    docstring_options={"ignore_init_summary": True},
    docstring_section_style="table",
    filters=["!^_[^_]", "!^__(?!init__)", "!^test_"],
    heading_level=3,
    line_length=95,
    members_order="alphabetical",
    merge_init_into_class=True,
    separate_signature=True,
    show_bases=False,
    show_if_no_docstring=False,
    show_object_full_path=False,
    show_root_full_path=False,
    summary=False,
)
_LINK = re.compile(r"\[([^]]+)\]\(#[^)]*\)")
# Of reStructuredText; a fence has three.
_DOUBLE_TICKS = re.compile(r"(?<!`)``(?!`)")
_LONG_NAME = re.compile(r"^(#+ `)bixarena_constructs\.[\w.]*\.(\w+`)", re.MULTILINE)


def page() -> str:
    """Return the text of API.md."""
    loader = griffe.GriffeLoader(search_paths=[str(SOURCE)], docstring_parser=griffe.Parser.google)
    loader.load("bixarena_constructs")
    loader.resolve_aliases(implicit=False, external=False)
    return "\n\n".join([INTRODUCTION, *(_door(loader, path) for path in DOORS)]) + "\n"


def _door(loader: griffe.GriffeLoader, path: str) -> str:
    module = loader.modules_collection[path]
    parts = [f"## `{path}`"]
    for name in sorted(str(export) for export in module.exports or ()):
        member = module[name]
        found = member.final_target if member.is_alias else member
        parts.append(_plain(griffe2md.render_object_docs(found, CONFIG)))
    return "\n\n".join(parts)


def _plain(markdown: str) -> str:
    """Drop what a page on its own cannot have: links to other pages, and long names in titles."""
    text = _LONG_NAME.sub(r"\1\2", _LINK.sub(r"\1", markdown))
    return _DOUBLE_TICKS.sub("`", re.sub(r"\n{3,}", "\n\n", text)).strip()


if __name__ == "__main__":
    sys.stdout.write(page())
