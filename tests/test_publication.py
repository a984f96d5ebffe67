"""What the modules of the construct make public."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import bixarena_constructs

# Programs; and the worker, which is copied without the library that publishes.
PROGRAMS = {"cli", "demo", "worker"}
PREFIX = "bixarena_constructs."
MODULES = sorted(
    name
    for one in pkgutil.walk_packages(bixarena_constructs.__path__, PREFIX)
    for name in [one.name.removeprefix(PREFIX)]
    if name.partition(".")[0] not in PROGRAMS
)
API = (Path(__file__).parents[1] / "API.md").read_text()


@pytest.mark.parametrize("name", MODULES)
def test_publishes_exactly_what_it_lists(name: str) -> None:
    module = import_module(f"bixarena_constructs.{name}")
    # Python hangs the modules of a package on it as they are imported.
    inside = {one.rpartition(".")[2] for one in MODULES if one.startswith(f"{name}.")}
    names = {one for one in vars(module) if not one.startswith("_")} - inside
    assert names == set(module.__all__)
    assert len(names) == len(module.__all__)


@pytest.mark.parametrize("name", [name for name in MODULES if "." not in name])
def test_is_on_the_api_page(name: str) -> None:
    assert f"## `bixarena_constructs.{name}`\n" in API


@pytest.mark.parametrize("name", re.findall(r"## `bixarena_constructs\.([\w.]+)`\n", API))
def test_is_there_where_the_api_page_names_it(name: str) -> None:
    assert name in MODULES
