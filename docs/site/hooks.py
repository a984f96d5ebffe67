"""What makes a site of pages that are written for GitHub.

The README, the changelog and the API's names become pages, and links out of ``docs`` lead to the
repository.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).parents[2]
_REPOSITORY: Final = "https://github.com/Sage-Bionetworks/bixarena-constructs/blob/main"
# A warning of MkDocs's, which a strict build ends with.
_log: Final = logging.getLogger("mkdocs.hooks")
# Pages at the root of the repository, by their name on the site.
_OF_ROOT: Final = {
    "API.md": "api.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "SECURITY.md": "security.md",
}
_LINK: Final = re.compile(
    r"(?P<open>\]\(|(?:src|srcset)=\")(?P<target>[^)\"\s#]*)(?P<anchor>#[^)\"\s]*)?"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``docs``."""
    for source, name in _OF_ROOT.items():
        text = _api() if source == "API.md" else (_ROOT / source).read_text()
        files.append(File.generated(config, name, content=_linked(text, folder=Path())))
    return files


def on_page_read_source(page: Page, **_: object) -> str | None:
    """Return a page of ``docs`` with the links of the site."""
    file = page.file
    if file.generated_by or file.abs_src_path is None:
        return None
    source = Path(file.abs_src_path)
    folder = source.parent.relative_to(_ROOT)
    return _linked(source.read_text(), folder=folder)


def _api() -> str:
    """Return the page of the API: the modules of API.md, for mkdocstrings to document."""
    text = (_ROOT / "API.md").read_text()
    introduction = text.partition("\n\n## ")[0].replace(
        "Written from the docstrings by `make api`. ", ""
    )
    doors = (
        f"## `{door}`\n\n::: {door}\n    options:\n      show_root_heading: false\n"
        "      show_root_toc_entry: false\n"
        for door in re.findall(r"^## `([\w.]+)`$", text, re.MULTILINE)
    )
    return "\n\n".join([introduction, *doors])


def _linked(text: str, *, folder: Path) -> str:
    """Return the text of a page with links that work on the site.

    Args:
        text: As written for GitHub.
        folder: That of the page in the repository.
    """

    def linked(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        path = (_ROOT / folder / target).resolve().relative_to(_ROOT)
        return f"{found['open']}{_address(path, folder)}{anchor}"

    return _LINK.sub(linked, text)


def _address(path: Path, folder: Path) -> str:
    depth = "../" * (len(folder.parts) - 1)
    if path.parts[0] == "docs":
        return f"{depth}{path.relative_to('docs').as_posix()}"
    if path.as_posix() in _OF_ROOT:
        return f"{depth}{_OF_ROOT[path.as_posix()]}"
    if not (_ROOT / path).exists():
        _log.warning("a page of %s/ links to %s, which does not exist", folder, path)
    return f"{_REPOSITORY}/{path.as_posix()}"
