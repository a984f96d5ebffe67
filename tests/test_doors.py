"""The names that users import, and what else must not be reachable by accident."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import bixarena_constructs

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "bixarena_constructs"
API = (ROOT / "API.md").read_text()
DOORS = (
    "bixarena_constructs",
    "bixarena_constructs.testing",
    "bixarena_constructs.worker",
    "bixarena_constructs.worker.ranking",
)


def named_on_the_page(door: str) -> list[str]:
    section = API.partition(f"## `{door}`\n")[2].partition("\n## ")[0]
    return re.findall(r"^### `(\w+)`$", section, re.MULTILINE)


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_door_is_on_the_api_page_and_exists(door: str) -> None:
    module = import_module(door)
    assert named_on_the_page(door) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_the_api_page_has_no_other_doors() -> None:
    assert tuple(re.findall(r"^## `([\w.]+)`$", API, re.MULTILINE)) == DOORS


HOMES = sorted(
    {
        module
        for name in bixarena_constructs.__all__
        for module in [getattr(bixarena_constructs, name).__module__]
        if module.startswith("bixarena_constructs.")
    }
)


def test_only_modules_with_public_names_hide_the_others() -> None:
    published = {
        ".".join(["bixarena_constructs", *path.relative_to(SOURCE).with_suffix("").parts])
        for path in SOURCE.rglob("*.py")
        if "publication.publish()" in path.read_text().splitlines()
    }
    inside = {name for name in published if ".testing." not in f"{name}."}
    assert sorted(inside) == HOMES


@pytest.mark.parametrize("home", HOMES)
def test_a_module_with_public_names_shows_only_what_it_lists(home: str) -> None:
    module = import_module(home)
    assert {one for one in vars(module) if not one.startswith("_")} == set(module.__all__)
