"""What the modules of the construct make public."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bixarena_constructs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# Programs; and the worker, which is copied without the library that publishes.
PROGRAMS = {"cli", "demo", "worker"}


def names_of(package: ModuleType) -> Iterator[str]:
    """Yield the names of the public modules: of a package that exports nothing, those below."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        name = found.name.removeprefix("bixarena_constructs.")
        if name in PROGRAMS:
            continue
        module = import_module(found.name)
        if hasattr(module, "__all__"):
            yield name
        else:
            assert found.ispkg
            yield from names_of(module)


MODULES = sorted(names_of(bixarena_constructs))
API = (Path(__file__).parents[1] / "API.md").read_text()


@pytest.mark.parametrize("name", MODULES)
def test_publishes_exactly_what_it_lists(name: str) -> None:
    module = import_module(f"bixarena_constructs.{name}")
    names = {one for one in vars(module) if not one.startswith("_")}
    assert names == set(module.__all__)
    assert len(names) == len(module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_is_on_the_api_page(name: str) -> None:
    assert f"## `bixarena_constructs.{name}`\n" in API


@pytest.mark.parametrize("name", re.findall(r"## `bixarena_constructs\.([\w.]+)`\n", API))
def test_is_there_where_the_api_page_names_it(name: str) -> None:
    assert name in MODULES
