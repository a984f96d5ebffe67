from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest

from local_aws.patching import (
    PatchError,
    replace,
    require_pinned_version,
)


def test_takes_the_installed_ministack() -> None:
    require_pinned_version(version("ministack"))


def test_refuses_another_ministack_and_says_which_it_wants() -> None:
    with pytest.raises(PatchError, match=r"ministack 1\.5\.33, found 1\.6\.0"):
        require_pinned_version("1.6.0")


def test_replaces_an_entry_by_one_made_from_the_original() -> None:
    namespace = {"greet": lambda: "hello"}
    replace(namespace, "greet", lambda original: lambda: original() + " there")
    assert namespace["greet"]() == "hello there"


def test_refuses_to_patch_what_is_not_there_and_names_it() -> None:
    namespace: dict[str, Any] = {"__name__": "ministack.services.ecs"}
    with pytest.raises(PatchError, match=r"ministack\.services\.ecs of ministack has no '_run'"):
        replace(namespace, "_run", lambda original: original)
