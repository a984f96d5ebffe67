"""The wheel and the sdist: what they hold, what their page says, that they are reproducible."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from bixarena_constructs.worker.contract import RELEASE

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "bixarena_constructs"
BUILT_FROM = ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".gitignore")

pytestmark = pytest.mark.slow


def build(source: Path, target: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("built"))


def in_wheel(built: Path) -> set[str]:
    (path,) = built.glob("*.whl")
    with ZipFile(path) as archive:
        return set(archive.namelist())


def in_sdist(built: Path) -> set[str]:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def files_of_the_package() -> set[str]:
    return {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_wheel_holds_every_file_of_the_package_and_no_other(built: Path) -> None:
    inside = {name for name in in_wheel(built) if ".dist-info/" not in name}
    assert inside == files_of_the_package()


def test_the_sdist_holds_what_the_wheel_is_built_from_and_no_tests(built: Path) -> None:
    expected = {f"src/{name}" for name in files_of_the_package()} | {*BUILT_FROM, "PKG-INFO"}
    assert in_sdist(built) == expected


def test_is_the_same_from_another_folder_at_another_time(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGE, copy / "src" / "bixarena_constructs")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = build(copy, tmp_path / "again")
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in (built, again)
    ]
    assert len(digests[0]) == 2
    assert digests[0] == digests[1]


def test_the_page_on_the_index_has_no_link_that_works_on_github_only(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with ZipFile(path) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    text = metadata.get_payload()
    assert isinstance(text, str)
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert len(links) > 10
    assert [link for link in links if not re.match("https://|#", link)] == []
    own = [link for link in links if "bixarena-constructs/blob" in link]
    assert own
    for link in own:
        tag, _, file = link.partition("/blob/")[2].partition("/")
        assert tag == f"v{RELEASE}"
        assert (ROOT / file.partition("#")[0]).exists(), file
    assert metadata["Version"] == RELEASE
    urls = {line.partition(",")[0] for line in metadata.get_all("Project-URL", [])}
    assert {"Changelog", "Documentation", "Issues", "Source"} == urls
