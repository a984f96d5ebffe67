"""A registry with token authentication, asked as ECS asks it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from bixarena_constructs.aws.image_reference import ImageReference
from bixarena_constructs.cli.doctor.registry_client import (
    Credentials,
    RegistryClient,
    RegistryError,
)

if TYPE_CHECKING:
    from conftest import Registry  # type: ignore[import-not-found] # pytest's, no package

RIGHT = Credentials("octocat", "ghp_right")
WRONG = Credentials("octocat", "ghp_wrong")


def client(registry: Registry, credentials: Credentials | None = RIGHT) -> RegistryClient:
    return RegistryClient(ImageReference.parse(registry.image), credentials)


def test_gets_a_token_for_the_pull_and_reads_the_index(registry: Registry) -> None:
    found = client(registry).find()
    assert found.platforms == {"linux/amd64", "linux/arm64"}
    assert found.token_expires is None
    assert [path.partition("?")[0] for path in registry.asked] == [
        "/v2/sage/worker/manifests/1.4.0",
        "/token",
        "/v2/sage/worker/manifests/1.4.0",
    ]


def test_reads_the_platform_of_an_image_without_an_index(registry: Registry) -> None:
    registry.as_index = False
    registry.platforms = ("linux/arm64",)
    assert client(registry).find().platforms == {"linux/arm64"}


def test_tells_when_the_token_expires_where_the_registry_does(registry: Registry) -> None:
    registry.expires = "2026-12-24 10:00:00 UTC"
    assert client(registry).find().token_expires == "2026-12-24 10:00:00 UTC"


def test_asks_without_credentials_for_a_public_image(registry: Registry) -> None:
    registry.anonymous = True
    assert client(registry, None).find().platforms


def test_answers_a_registry_that_wants_the_password_itself(registry: Registry) -> None:
    registry.kind = "Basic"
    assert client(registry).find().platforms
    with pytest.raises(RegistryError, match="HTTP 401"):
        client(registry, WRONG).find()


@pytest.mark.parametrize("credentials", [None, WRONG])
def test_says_that_the_token_service_refuses(
    registry: Registry, credentials: Credentials | None
) -> None:
    with pytest.raises(RegistryError, match="token service: HTTP 403") as caught:
        client(registry, credentials).find()
    assert caught.value.kind == "refused"
    assert "ghp" not in str(caught.value)


def test_tells_a_missing_tag_from_a_refusal(registry: Registry) -> None:
    reference = ImageReference.parse(registry.image.replace("1.4.0", "9.9.9"))
    with pytest.raises(RegistryError) as caught:
        RegistryClient(reference, RIGHT).find()
    assert caught.value.kind == "not found"


def test_sends_no_credentials_to_a_token_service_without_encryption(registry: Registry) -> None:
    registry.realm = "http://tokens.example.com/token"
    with pytest.raises(RegistryError, match="not encrypted") as caught:
        client(registry).find()
    assert caught.value.kind == "unexpected"


def test_says_that_a_registry_is_out_of_reach() -> None:
    reference = ImageReference.parse("127.0.0.1:9/sage/worker:1.4.0")
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 is out of reach") as caught:
        RegistryClient(reference, RIGHT).find()
    assert caught.value.kind == "unreachable"


def test_shows_no_password() -> None:
    assert "ghp_right" not in repr(RIGHT)
    assert "octocat" not in repr(RIGHT)


def test_sends_a_password_of_any_letters(registry: Registry) -> None:
    registry.password = "ghp_żółć"
    assert client(registry, Credentials("octocat", registry.password)).find().platforms


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"manifests": [' + b" " * 5 * 1024 * 1024 + b"]}", "longer than 4194304 bytes"),
        (b"[" * 100_000, "is not JSON"),
        (b"<html>", "is not JSON"),
        (gzip.compress(b'{"manifests": []}'), "is not JSON"),
    ],
    ids=["long", "deep", "a page", "compressed"],
)
def test_takes_no_answer_that_is_too_much(registry: Registry, body: bytes, message: str) -> None:
    registry.manifest = body
    with pytest.raises(RegistryError, match=message) as caught:
        client(registry).find()
    assert caught.value.kind == "unexpected"


def test_waits_no_longer_than_it_should_for_an_answer_that_never_ends(registry: Registry) -> None:
    registry.answers_at_once.clear()
    with pytest.raises(RegistryError, match=r"took more than 0\.2 s to answer") as caught:
        client(registry).find(seconds=0.2)
    assert caught.value.kind == "unreachable"
