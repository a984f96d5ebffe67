"""Image references and registry credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk import aws_ecs as ecs

from bixarena_constructs.registry import ImageReference, container_image

if TYPE_CHECKING:
    from aws_cdk.aws_secretsmanager import ISecret

SUM = "0123456789abcdef" * 4
WORKER = "sage-bionetworks/bixarena-worker"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"ghcr.io/{WORKER}:1.4.0", ImageReference("ghcr.io", WORKER, "1.4.0")),
        (f"ghcr.io/{WORKER}", ImageReference("ghcr.io", WORKER)),
        (
            f"ghcr.io/{WORKER}:1.4.0@sha256:{SUM}",
            ImageReference("ghcr.io", WORKER, "1.4.0", f"sha256:{SUM}"),
        ),
        ("localhost:5000/worker", ImageReference("localhost:5000", "worker")),
        ("localhost/worker:a", ImageReference("localhost", "worker", "a")),
        ("[::1]:5000/worker", ImageReference("[::1]:5000", "worker")),
        ("python:3.13", ImageReference("docker.io", "library/python", "3.13")),
        ("amazon/aws-cli", ImageReference("docker.io", "amazon/aws-cli")),
        (
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/worker:1",
            ImageReference("111122223333.dkr.ecr.us-east-1.amazonaws.com", "worker", "1"),
        ),
    ],
)
def test_takes_a_reference_apart_as_the_distribution_grammar_does(
    text: str, expected: ImageReference
) -> None:
    assert ImageReference.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "repository"),
        ("ghcr.io/Sage-Bionetworks/bixarena-worker", "repository"),
        ("ghcr.io//bixarena-worker", "repository"),
        ("ghcr.io/", "repository"),
        (f"https://ghcr.io/{WORKER}", "registry"),
        (f"-ghcr.io/{WORKER}", "registry"),
        (f"ghcr.io/{WORKER}:", "tag"),
        (f"ghcr.io/{WORKER}:-1", "tag"),
        (f"ghcr.io/{WORKER}:1.4.0 ", "tag"),
        (f"ghcr.io/{WORKER}:{'1' * 129}", "tag"),
        (f"ghcr.io/{WORKER}@", "digest"),
        (f"ghcr.io/{WORKER}@sha256:{SUM[:-1]}", "digest"),
        (f"ghcr.io/{WORKER}@sha256:{SUM.upper()}", "digest"),
    ],
)
def test_refuses_a_malformed_reference_and_names_the_part(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=f"has the {part} "):
        ImageReference.parse(text)


def test_refuses_a_name_longer_than_registries_take() -> None:
    with pytest.raises(ValueError, match="more than 255 characters"):
        ImageReference.parse("ghcr.io/" + "a" * 248)
    assert ImageReference.parse("ghcr.io/" + "a" * 247)


@pytest.mark.parametrize(
    "text", [f"ghcr.io/{WORKER}:1.4.0@sha256:{SUM}", f"ghcr.io/{WORKER}", "docker.io/library/a:1"]
)
def test_writes_a_reference_as_it_was_read(text: str) -> None:
    assert str(ImageReference.parse(text)) == text


def test_leaves_a_ready_image_as_it_is() -> None:
    image = ecs.ContainerImage.from_registry("python:3.13")
    assert container_image(image, credentials=None) is image


def test_refuses_credentials_beside_a_ready_image(secret: ISecret) -> None:
    image = ecs.ContainerImage.from_registry("python:3.13")
    with pytest.raises(ValueError, match="registry_credentials goes with an image reference"):
        container_image(image, credentials=secret)


def test_refuses_a_malformed_image_before_it_is_deployed() -> None:
    with pytest.raises(ValueError, match="has the tag"):
        container_image("ghcr.io/worker:1 0", credentials=None)
