"""A local AWS for each module of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_aws import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    images = {"ghcr.io/example/worker": ["python", "-c", "print('the image speaks')"]}
    with LocalAws.start(images=images) as running:
        yield running
